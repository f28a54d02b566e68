// What every page does: it keeps itself up to date, tells how long ago things were, and has its buttons do what they say.

import { Restage } from "./restage.js";
import { follow } from "./live.js";
import { tellTimes } from "./times.js";
import { listen } from "./acts.js";

/** One client for the page: its session is the browser's. */
export const restage = new Restage();

listen(restage);
tellTimes(document);
follow(restage);
