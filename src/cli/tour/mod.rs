//! `restage tour`: a workshop is saved, raced, reset, undone and crashed; a task is restarted under its agent, undone and
//! merged; workers of a workflow are killed and late. Runtime, store, processes and repository are the real ones, and whatever is claimed was checked: the first claim
//! that does not hold ends the tour with an error.

mod crash;
mod folder;
mod race;
mod story;
mod task;
mod workflow;

use serde_json::json;

use self::folder::Folder;
use self::story::Story;
use super::args::TourArgs;
use super::output::Output;
use super::signals;
use super::stop::{Outcome, Stop};
use crate::api::{Clock as _, Restage, SystemClock, Timestamp};

/// Columns that the tour keeps to.
const WIDTH: u16 = 80;

/// What the tour saw, as figures.
#[derive(Debug, Default, serde::Serialize)]
struct Seen {
    messages: usize,
    snapshots_saved: usize,
    snapshots_refused: usize,
    acknowledged: usize,
    there_after_crash: usize,
    recovery_ms: u128,
    /// Nothing without the git program.
    task: Option<task::Seen>,
    workflow: workflow::Seen,
}

pub(super) async fn run(args: &TourArgs, output: &mut Output) -> Outcome {
    let began = moment();
    let folder = Folder::make(args.keep)?;
    let seen = tokio::select! {
        seen = Box::pin(all(&folder, output)) => seen?,
        exit = signals::asked_to_end() => return Err(exit.map_or_else(Stop::Output, Stop::Signal)),
    };
    let took = moment().since(began);
    tell(output, &format!("\nAll of it held. It took {:.1} s.", took.as_secs_f64()))?;
    last_words(&folder, args.keep, output)?;
    if output.is_json() {
        let kept = args.keep.then(|| folder.path());
        output.data(&json!({ "held": true, "folder": kept, "seen": seen }), |_| String::new())?;
    }
    Ok(())
}

async fn all(folder: &Folder, output: &mut Output) -> Outcome<Seen> {
    let mut seen = Seen::default();
    tell(output, &format!("restage tour, in {}", folder.path().display()))?;

    let restage = Restage::open(folder.path()).await?;
    let story = Story::begin(&restage, output).await?;
    seen.messages = story.messages;
    let race = race::run(&story, output).await?;
    (seen.snapshots_saved, seen.snapshots_refused) = (race.saved, race.refused);
    story::undo(&story, &race, output).await?;
    restage.shutdown().await?;

    let crash = crash::run(folder.path(), output).await?;
    (seen.acknowledged, seen.there_after_crash) = (crash.acknowledged, crash.there);
    seen.recovery_ms = crash.recovery.as_millis();
    seen.task = task::run(folder, output).await?;
    seen.workflow = workflow::run(folder.path(), output).await?;
    Ok(seen)
}

fn last_words(folder: &Folder, keep: bool, output: &mut Output) -> Outcome {
    let text = if keep {
        let data = folder.path().display();
        format!(
            "\nThe folder is kept. Try there:\n  export RESTAGE_DATA={data}\n  \
             restage workshop show tour\n  \
             restage workshop history tour\n  \
             restage workshop preview tour reset challenge\n  \
             restage workshop export tour challenge\n  \
             restage task show tour\n  \
             restage task log tour\n  \
             restage task history tour\n  \
             restage task snapshots tour\n  \
             restage task cleanup tour\n  \
             restage workflow show tour\n  \
             restage workflow history tour\n  \
             git -C {data}/app log --graph --oneline\n  \
             restage verify --deep"
        )
    } else {
        "The folder is gone. Keep it, with commands to try in it: restage tour --keep\n\
         Begin one of your own: restage workshop new garden --title \"Our garden\""
            .to_owned()
    };
    tell(output, &text)
}

/// A line, or some, for whoever looks on.
fn tell(output: &mut Output, text: &str) -> Outcome {
    if output.is_json() {
        return Ok(());
    }
    Ok(output.data(&(), |_| text.to_owned())?)
}

/// Ends the tour if a claim does not hold.
fn claim(holds: bool, what: &str) -> Outcome {
    if holds {
        return Ok(());
    }
    let hint = "this is a defect: please report it, with the output above";
    Err(Stop::problem("tour_failed", format!("this should hold, and does not: {what}"), hint))
}

fn moment() -> Timestamp {
    SystemClock.now()
}
