// A small use of the types that are generated from the document: it has to compile.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const client = createClient<paths>({ baseUrl: "http://127.0.0.1:7878" });

export async function reset(id: string, stage: string): Promise<number> {
  const at = { path: { id, stage } };
  const plan = await client.POST("/v1/workshops/{id}/steps/{stage}/reset/plan", { params: at });
  if (plan.error) throw new Error(plan.error.detail);
  const token: string = plan.data.token;
  const done = await client.POST("/v1/workshops/{id}/steps/{stage}/reset", {
    params: at,
    body: { reason: "wrong customer", plan: token },
  });
  if (done.error) throw new Error(`${done.error.code}: ${done.error.hint}`);
  const revision: number = done.data.revision;
  return revision;
}

export function problem(of: components["schemas"]["Problem"]): [number, string] {
  return [of.status, of.code];
}

// @ts-expect-error a route that is not there
void client.GET("/v1/nothing");
