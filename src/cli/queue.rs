//! `restage queue` and `restage stuck`: what waits, and what does not go on by itself.

use serde_json::json;

use super::args::workflow::{QueueVerb, StuckArgs};
use super::call::count;
use super::output::{Cell, Output, Table, Tone};
use super::site::Site;
use super::stop::Outcome;
use super::time;
use crate::api::workflow::Domain;
use crate::api::workflows::{Queue, Workflows};
use crate::api::{Restage, StuckQuery};

/// Queues read at a time.
const PER_PAGE: usize = 500;

pub(super) async fn run(verb: &QueueVerb, site: &Site, output: &mut Output) -> Outcome {
    let restage = site.open(false).await?;
    let done = match restage.workflows() {
        Ok(workflows) => match verb {
            QueueVerb::List => list(&workflows, output).await,
            QueueVerb::Show { queue } => show(&workflows, queue, output).await,
        },
        Err(error) => Err(error.into()),
    };
    let closed = site.close(restage).await;
    done?;
    closed
}

async fn list(workflows: &Workflows, output: &mut Output) -> Outcome {
    let mut table = Table::new(["QUEUE", "WORKFLOWS", "OLDEST", "WORKERS"]);
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = workflows.queues(after.as_ref(), PER_PAGE).await?;
        let Some(last) = page.last().map(|queue| queue.domain.clone()) else { break };
        for queue in page {
            let workers = Cell::new(queue.workers.to_string(), tone(&queue));
            let oldest = queue.oldest.map(|at| time::rfc3339(at.as_millis()));
            table.row([
                queue.domain.as_str().into(),
                queue.workflows.to_string().into(),
                Cell::new(oldest.clone().unwrap_or_default(), Tone::Faint),
                workers,
            ]);
            all.push(json!({
                "queue": queue.domain,
                "workflows": queue.workflows,
                "oldest": oldest,
                "workers": queue.workers,
            }));
        }
        after = Some(last);
    }
    if all.is_empty() {
        output.note("no queue ever had work");
    }
    Ok(output.data(&json!({ "queues": all }), |width| table.text(width))?)
}

/// Work that nobody asks for is to be looked at.
fn tone(queue: &Queue) -> Tone {
    if queue.workflows > 0 && queue.workers == 0 { Tone::Bad } else { Tone::Plain }
}

async fn show(workflows: &Workflows, name: &str, output: &mut Output) -> Outcome {
    let domain = Domain::new(name)?;
    let (queue, depth) = (workflows.queue(&domain).await?, workflows.depth(&domain).await?);
    let all: u64 = depth.by_priority.values().sum();
    let oldest = queue.oldest.map(|at| time::rfc3339(at.as_millis()));
    let mut table = Table::new(["PRIORITY", "TASKS"]);
    for (priority, tasks) in depth.by_priority.iter().rev() {
        table.row([priority.to_string().into(), tasks.to_string().into()]);
    }
    let by_priority = depth.by_priority.iter().rev();
    let answer = json!({
        "queue": domain,
        "tasks": all,
        "at_least": depth.at_least,
        "by_priority": by_priority.map(|(p, tasks)| json!({ "priority": p, "tasks": tasks })).collect::<Vec<_>>(),
        "workflows": queue.workflows,
        "oldest": oldest,
        "workers": queue.workers,
    });
    let text = |width| {
        let least = if depth.at_least { "at least " } else { "" };
        let since = oldest.map(|at| format!(", the oldest since {at}")).unwrap_or_default();
        let (workflows, workers) =
            (count(u64::try_from(queue.workflows).unwrap_or(u64::MAX), "workflow"), queue.workers);
        let more = if depth.by_priority.is_empty() { String::new() } else { table.text(width) };
        format!("{domain}: {least}{} of {workflows}{since}; workers: {workers}\n{more}", count(all, "task"))
    };
    Ok(output.data(&answer, text)?)
}

/// What does not go on by itself, of every kind.
pub(super) async fn stuck(args: &StuckArgs, site: &Site, output: &mut Output) -> Outcome {
    let restage = site.open(false).await?;
    let done = find(args, &restage, output).await;
    let closed = site.close(restage).await;
    done?;
    closed
}

async fn find(args: &StuckArgs, restage: &Restage, output: &mut Output) -> Outcome {
    let mut query = StuckQuery { kind: args.kind.clone(), patience: args.patience, ..StuckQuery::default() };
    let mut table = Table::new(["WHAT", "WHERE", "SINCE", "WHY", "CURE"]);
    let mut all = Vec::new();
    loop {
        let page = restage.stuck(&query).await?;
        for at in page.items {
            let since = time::rfc3339(at.stuck.since.as_millis());
            let part = at.stuck.part.as_ref().map(|part| format!(" {part}")).unwrap_or_default();
            table.row([
                Cell::new(at.stuck.what, Tone::Attention),
                format!("{}/{}{part}", at.kind, at.id).into(),
                Cell::new(since.as_str(), Tone::Faint),
                at.stuck.why.as_str().into(),
                Cell::new(at.stuck.cure.as_str(), Tone::Good),
            ]);
            all.push(json!({
                "what": at.stuck.what,
                "kind": at.kind,
                "id": at.id,
                "part": at.stuck.part,
                "since": since,
                "why": at.stuck.why,
                "cure": at.stuck.cure,
            }));
        }
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    if all.is_empty() {
        output.note("nothing is stuck");
    }
    Ok(output.data(&json!({ "stuck": all }), |width| table.text(width))?)
}
