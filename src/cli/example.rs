//! `restage example`.

use serde_json::json;

use super::args::ExampleArgs;
use super::output::Output;
use super::site::Site;
use super::stop::{Outcome, Stop};
use crate::api::{Example, LoadedExample};

pub(super) async fn run(args: &ExampleArgs, site: &Site, output: &mut Output) -> Outcome {
    let restage = site.open(true).await?;
    let examples = restage.examples().by(&site.settings.by);
    let examples = match site.from() {
        Some(place) => examples.from(place),
        None => examples,
    };
    let loaded = tokio::select! {
        loaded = examples.load(args.what.into()) => loaded.map_err(Stop::from),
        exit = site.asked_to_end() => Err(exit.map_or_else(Stop::Output, Stop::Signal)),
    };
    let closed = site.close(restage).await;
    tell(&loaded?, site.is_held(), output)?;
    closed
}

fn tell(loaded: &LoadedExample, is_held: bool, output: &mut Output) -> Outcome {
    let LoadedExample { example, id, is_new, .. } = loaded;
    let answer = json!({ "kind": example.kind(), "id": id, "new": is_new });
    output.data(&answer, |_| {
        let what = match example {
            Example::Workshop => "four steps in; user-research was started over, and can be undone",
            Example::Task => "two stages are approved, the third waits for you to look at it",
            Example::Workflow => "two gates are passed; one worker is lost, and one result waits for a person",
        };
        let first = if *is_new { format!("made {id}: {what}") } else { format!("{id} is there already") };
        let stuck = if *example == Example::Workflow { "\n            restage stuck" } else { "" };
        format!("{first}\nlook at it: restage {example} show {id}\n            restage {example} history {id}{stuck}")
    })?;
    // Nobody works where no server runs.
    if *example == Example::Workflow && !is_held {
        output.note("its workers are part of a server: start one with restage serve, and ask again to have them back");
    }
    Ok(())
}
