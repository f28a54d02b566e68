//! `restage audit`: every verb that was done to anything, by whom, from where and why; as lines that can be checked.

use super::args::AuditArgs;
use super::output::{Cell, Output, Table, Tone};
use super::site::Site;
use super::stop::{Outcome, Stop};
use super::time;
use crate::api::access::Role;
use crate::api::{Audit, EntityId, Restage};

/// Entries read at a time.
const PER_READ: usize = 500;
/// What only those see who look after the server itself.
const ADMIN_KINDS: [&str; 2] = ["access", "webhook"];

pub(super) async fn run(args: &AuditArgs, site: &Site, output: &mut Output) -> Outcome {
    if let Some(id) = &args.id {
        EntityId::new(id)?;
    }
    let restage = site.open(false).await?;
    let done = tokio::select! {
        done = Box::pin(show(args, &restage, site.may(Role::Admin), output)) => done,
        exit = site.asked_to_end() => Err(exit.map_or_else(Stop::Output, Stop::Signal)),
    };
    let closed = site.close(restage).await;
    done?;
    closed
}

async fn show(args: &AuditArgs, restage: &Restage, admin: bool, output: &mut Output) -> Outcome {
    let wanted = |entry: &Audit| {
        (admin || !ADMIN_KINDS.contains(&entry.kind.as_str()))
            && args.kind.as_ref().is_none_or(|kind| *kind == entry.kind)
            && args.id.as_ref().is_none_or(|id| *id == entry.id.as_str())
            && args.verb.as_ref().is_none_or(|verb| *verb == entry.verb)
            && args.who.as_ref().is_none_or(|who| *who == entry.by)
    };
    let mut table = Table::new(["WHEN", "WHO", "FROM", "VERB", "OF", "TURN", "WHY"]);
    let (mut after, mut any) = (None, false);
    loop {
        let entries = restage.audits(after.clone(), PER_READ).await?;
        after = entries.last().map(|entry| (entry.kind.clone(), entry.id.clone(), entry.revision)).or(after);
        for entry in entries.iter().filter(|entry| wanted(entry)) {
            any = true;
            if output.is_json() {
                // Byte for byte as it was hashed.
                output.exact(&entry.line())?;
                continue;
            }
            let stage = entry.stage.as_ref().map(|stage| format!(" {stage}")).unwrap_or_default();
            table.row([
                Cell::new(time::rfc3339(entry.at.as_millis()), Tone::Faint),
                entry.by.as_str().into(),
                entry.from.clone().unwrap_or_default().into(),
                entry.verb.as_str().into(),
                format!("{}/{}{stage}", entry.kind, entry.id).into(),
                entry.revision.to_string().into(),
                entry.reason.clone().unwrap_or_default().into(),
            ]);
        }
        if entries.len() < PER_READ {
            break;
        }
    }
    if !any {
        output.note("there is no such entry");
    }
    if output.is_json() { Ok(()) } else { Ok(output.data(&(), |width| table.text(width))?) }
}
