//! Verbs that only look: lists, patches, files, snapshots.

use serde_json::{Value, json};

use super::words::{rescue, stage_status, standing_json, status};
use super::{Call, about, stage};
use crate::api::DiffOf;
use crate::api::task::{Activity, StageStatus};
use crate::cli::args::task::{DiffArgs, OneArgs};
use crate::cli::files::{self, short};
use crate::cli::output::{Cell, Table, Tone};
use crate::cli::stop::Outcome;
use crate::cli::time;

/// Tasks read at a time.
const PER_PAGE: usize = 500;

pub(super) async fn list(call: &mut Call<'_>) -> Outcome {
    let mut table = Table::new(["TASK", "TITLE", "STATUS", "STANDS", "DONE", "REPOSITORY", "CHANGED"]);
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = call.all.tasks.list(after.as_ref(), PER_PAGE).await?;
        let Some(last) = page.last().cloned() else { break };
        for id in page {
            let view = call.all.tasks.peek(&id).await?;
            let state = &view.state;
            let complete = state.stages().filter(|(_, stage)| stage.status == StageStatus::Complete).count();
            let changed = time::rfc3339(view.updated_at.as_millis());
            let (word, tone) = status(state);
            let stands = match state.activity() {
                Activity::Operation(what) => Cell::new(what, Tone::Busy),
                Activity::Stage(status) => {
                    let (word, tone) = stage_status(status);
                    Cell::new(word, tone)
                }
                Activity::Nothing if state.merged.is_some() => Cell::new("merged", Tone::Good),
                Activity::Nothing => "".into(),
            };
            table.row([
                id.as_str().into(),
                state.title.as_str().into(),
                Cell::new(word, tone),
                stands,
                format!("{complete}/{}", state.stages.len()).into(),
                state.repository.as_ref().map(|name| name.as_str()).unwrap_or_default().into(),
                Cell::new(changed.as_str(), Tone::Faint),
            ]);
            let mut one = standing_json(&id, &view);
            if let Value::Object(one) = &mut one {
                one.insert("title".into(), json!(state.title));
                one.insert("repository".into(), json!(state.repository));
                one.insert("stages_done".into(), json!(complete));
                one.insert("stages".into(), json!(state.stages.len()));
                one.insert("stale".into(), json!(!state.stale().is_empty()));
                one.insert("updated_at".into(), json!(changed));
            }
            all.push(one);
        }
        after = Some(last);
    }
    if all.is_empty() {
        call.output.note("there are no tasks yet; make one: restage task new ID --title TEXT --repo NAME");
    }
    Ok(call.output.data(&json!({ "tasks": all }), |width| table.text(width))?)
}

pub(super) async fn diff(call: &mut Call<'_>, args: DiffArgs) -> Outcome {
    let (task, view) = call.task(&args.task, None).await?;
    let of = match &args.stage {
        Some(name) => DiffOf::Stage(stage(&task, &view, name)?),
        None if args.uncommitted => DiffOf::Uncommitted,
        None => DiffOf::Task,
    };
    let patch = task.diff(&of).await.map_err(|error| about(&task, error))?;
    if call.output.is_json() {
        return Ok(call.output.data(&json!({ "task": task.id(), "patch": patch }), |_| String::new())?);
    }
    Ok(call.output.bytes(patch.as_bytes())?)
}

pub(super) async fn files(call: &mut Call<'_>, args: OneArgs) -> Outcome {
    let (task, _) = call.task(&args.task, None).await?;
    let (look, worktree) = (task.files().await?, task.worktree().await?);
    let mut answer = files::json(&look);
    if let Value::Object(answer) = &mut answer {
        answer.insert("worktree".into(), json!(worktree));
    }
    let text = |_| format!("{}\n{}", worktree.display(), files::present(&look));
    Ok(call.output.data(&answer, text)?)
}

pub(super) async fn snapshots(call: &mut Call<'_>, args: OneArgs) -> Outcome {
    let (task, view) = call.task(&args.task, None).await?;
    let snapshots = task.snapshots().await?;
    let root = match &view.state.repository {
        Some(name) => call.all.tasks.repositories().get(name).await?.root,
        None => String::new(),
    };
    let mut table = Table::new(["SNAPSHOT", "WHEN", "COMMIT", "OF", "REF", "WHAT"]);
    let mut all = Vec::new();
    for snapshot in &snapshots {
        let at = time::rfc3339(snapshot.at.saturating_mul(1000));
        table.row([
            snapshot.number.to_string().into(),
            Cell::new(at.as_str(), Tone::Faint),
            short(&snapshot.commit).into(),
            short(&snapshot.head).into(),
            snapshot.name.as_str().into(),
            snapshot.subject.as_str().into(),
        ]);
        all.push(json!({
            "snapshot": snapshot.number,
            "at": at,
            "commit": snapshot.commit.to_string(),
            "head": snapshot.head.to_string(),
            "ref": snapshot.name,
            "subject": snapshot.subject,
            "rescue": rescue(&root, task.id(), &snapshot.name),
        }));
    }
    match snapshots.last() {
        None => call.output.note("nothing went back yet, so there is no snapshot"),
        Some(last) => {
            let rescue = rescue(&root, task.id(), &last.name);
            call.output.note(&format!("to have the last one beside the repository: {rescue}"));
        }
    }
    Ok(call.output.data(&json!({ "snapshots": all }), |width| table.text(width))?)
}
