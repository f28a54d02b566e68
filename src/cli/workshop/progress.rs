//! Verbs that go forward: making a workshop, entering and completing steps, artifacts and summaries, resting.

use serde_json::{Value, json};

use super::{Call, current, under};
use crate::api::{Progress, Receipt, StageId, Workshop};
use crate::cli::args::workshop::{
    ArtifactArgs, ConfirmArgs, IdArgs, NewArgs, NextArgs, OpenArgs, OptionalStepArgs, StepArgs, SummaryArgs,
};
use crate::cli::call::{count, names};
use crate::cli::stop::Outcome;
use crate::cli::template;

pub(super) async fn new(call: &mut Call<'_>, args: NewArgs) -> Outcome {
    let template = template::find(&args.template, call.site).await?;
    let workshop = call.named(&args.workshop, args.key.as_ref())?;
    let receipt = workshop.create(args.title.as_deref().unwrap_or(&args.workshop), &template).await?;
    let (id, step) = (&args.workshop, receipt.reply.clone());
    let answer = json!({ "workshop": id, "step": step });
    call.answer(&receipt, answer, || format!("made workshop {id}; it begins with {step}"))
}

pub(super) async fn open(call: &mut Call<'_>, args: OpenArgs) -> Outcome {
    let (workshop, asked, _) = call.step(&args.step, None).await?;
    let step = workshop.open(&asked).await?;
    if let Some(name) = &args.sub_step {
        let sub_step = StageId::new(name)?;
        workshop.sub_step(&step, &sub_step).await?;
    }
    let answer = json!({ "step": step, "asked": asked, "sub_step": args.sub_step });
    let text = |_| {
        if step == asked { format!("in {step}") } else { format!("{asked} is not begun yet: in {step}") }
    };
    Ok(call.output.data(&answer, text)?)
}

pub(super) async fn next(call: &mut Call<'_>, args: NextArgs) -> Outcome {
    let (workshop, step) = optional(call, &args.of, args.fence.key.as_ref()).await?;
    let points = (!args.points.is_empty()).then_some(args.points);
    let receipt = under(workshop, args.fence.generation).next(&step, points).await?;
    progressed(call, &receipt, &step, "complete")
}

/// What completing or accepting a step came to.
pub(super) fn progressed(call: &mut Call<'_>, receipt: &Receipt<Progress>, step: &StageId, is: &str) -> Outcome {
    let Progress { entered, workshop_completed, unblocked, .. } = &receipt.reply;
    let answer = json!({
        "step": step,
        "entered": entered,
        "workshop_completed": workshop_completed,
        "unblocked": unblocked,
    });
    call.answer(receipt, answer, || {
        let mut text = format!("{step} is {is}");
        if !unblocked.is_empty() {
            text.push_str(&format!("; as before: {}", names(unblocked)));
        }
        match entered {
            _ if *workshop_completed => text.push_str("; the workshop is completed"),
            Some(entered) => text.push_str(&format!("; go on with {entered}")),
            None => {}
        }
        text
    })
}

pub(super) async fn back(call: &mut Call<'_>, args: OptionalStepArgs) -> Outcome {
    let (workshop, from) = optional(call, &args, None).await?;
    let step = workshop.back(&from).await?;
    Ok(call.output.data(&json!({ "step": step, "from": from }), |_| format!("in {step}"))?)
}

async fn optional(call: &Call<'_>, args: &OptionalStepArgs, key: Option<&String>) -> Outcome<(Workshop, StageId)> {
    let Some(step) = &args.step else {
        let (workshop, view) = call.workshop(&args.workshop, key).await?;
        return Ok((workshop, current(&view.state)?));
    };
    let of = StepArgs { workshop: args.workshop.clone(), step: step.clone() };
    let (workshop, step, _) = call.step(&of, key).await?;
    Ok((workshop, step))
}

pub(super) async fn artifact(call: &mut Call<'_>, args: ArtifactArgs) -> Outcome {
    let (workshop, step, view) = call.fenced(&args.step, &args.fence).await?;
    let Some(file) = &args.file else {
        let json = workshop.artifact_json(&step).await?;
        if !call.output.is_json() {
            return Ok(call.output.bytes(json.as_bytes())?);
        }
        let artifact = view.state.step(&step)?.artifact;
        let value: Value = serde_json::from_str(&json).unwrap_or(Value::String(json));
        let answer = json!({
            "version": artifact.map(|a| a.version),
            "confirmed": artifact.is_some_and(|a| a.confirmed),
            "artifact": value,
        });
        return Ok(call.output.data(&answer, |_| String::new())?);
    };
    let text = call.site.read_text(file, "the artifact").await?;
    let receipt = workshop.artifact(&step, &text, args.expect).await?;
    let version = receipt.reply;
    let answer = json!({ "step": step, "version": version });
    call.answer(&receipt, answer, || format!("artifact of {step}: version {version}, to be confirmed"))
}

pub(super) async fn confirm(call: &mut Call<'_>, args: ConfirmArgs) -> Outcome {
    let (workshop, step, view) = call.fenced(&args.step, &args.fence).await?;
    let version = args.expect.or(view.state.step(&step)?.artifact.map(|artifact| artifact.version));
    let receipt = workshop.confirm(&step, version).await?;
    let answer = json!({ "step": step, "version": version });
    call.answer(&receipt, answer, || format!("artifact of {step}: version {} is confirmed", version.unwrap_or(0)))
}

pub(super) async fn summary(call: &mut Call<'_>, args: SummaryArgs) -> Outcome {
    let (workshop, step, _) = call.fenced(&args.step, &args.fence).await?;
    if args.points.is_empty() {
        let points = workshop.summary_points(&step).await?;
        let answer = json!({ "step": step, "points": points });
        return Ok(call.output.data(&answer, |_| points.iter().map(|point| format!("- {point}\n")).collect())?);
    }
    let number = args.points.len();
    let receipt = workshop.summary(&step, args.points).await?;
    let answer = json!({ "step": step, "points": number });
    call.answer(&receipt, answer, || format!("summary of {step}: {}", count(number, "point")))
}

pub(super) async fn pause(call: &mut Call<'_>, args: IdArgs) -> Outcome {
    let (workshop, _) = call.workshop(&args.workshop, args.key.as_ref()).await?;
    let receipt = workshop.pause().await?;
    call.answer(&receipt, json!({ "paused": true }), || format!("{} rests", args.workshop))
}

pub(super) async fn resume(call: &mut Call<'_>, args: IdArgs) -> Outcome {
    let (workshop, _) = call.workshop(&args.workshop, args.key.as_ref()).await?;
    let receipt = workshop.resume().await?;
    call.answer(&receipt, json!({ "paused": false }), || format!("{} goes on", args.workshop))
}
