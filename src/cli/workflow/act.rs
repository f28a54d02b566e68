//! Verbs that go forward: starting and running, handing out tasks, approving, releasing.

use serde_json::{Value, json};

use super::{Call, about, place, status, task_id, template};
use crate::api::workflow::{Domain, NewTask};
use crate::api::workflows::Workflow;
use crate::api::{Error, Receipt, StageId};
use crate::cli::args::workflow::{AddArgs, GateArgs, IdArgs, RunArgs, StartArgs, TaskArgs};
use crate::cli::call::names;
use crate::cli::stop::{Outcome, Stop};

pub(super) async fn start(call: &mut Call<'_>, args: StartArgs) -> Outcome {
    let template = template::find(&args.template, call.site).await?;
    let workflow = call.named(&args.workflow, args.key.as_ref())?;
    let title = args.title.unwrap_or_else(|| args.workflow.clone());
    let story = args.story.unwrap_or_else(|| args.workflow.clone());
    let gates = names(template.gates.iter().map(|gate| &gate.id));
    let (id, name) = (args.workflow, template.name.clone());
    let receipt = workflow.start(title, story, template).await?;
    call.answer(&receipt, json!({ "workflow": id, "template": name }), || {
        format!("made workflow {id} of {name}: {gates}\nnext: restage workflow run {id}")
    })
}

pub(super) async fn run(call: &mut Call<'_>, args: RunArgs) -> Outcome {
    let (workflow, view) = call.workflow(&args.of.workflow, args.of.key.as_ref()).await?;
    let until = match &args.until {
        None => None,
        Some(gate) => {
            let gate = StageId::new(gate)?;
            view.state.place_of(&gate).map_err(|rejection| about(&workflow, rejection))?;
            Some(gate)
        }
    };
    let receipt = refused(&workflow, workflow.run(until).await)?;
    let number = receipt.reply;
    say(call, &workflow, &receipt, json!({ "run": number }), &format!("run {number} began")).await
}

pub(super) async fn stop(call: &mut Call<'_>, args: IdArgs) -> Outcome {
    let (workflow, _) = call.workflow(&args.workflow, args.key.as_ref()).await?;
    let receipt = refused(&workflow, workflow.stop().await)?;
    say(call, &workflow, &receipt, json!({}), "its run is stopped").await
}

pub(super) async fn add(call: &mut Call<'_>, args: AddArgs) -> Outcome {
    let (workflow, _) = call.workflow(&args.of.workflow, args.of.key.as_ref()).await?;
    let input = match &args.input_file {
        Some(file) => call.site.read_text(file, "the input").await?,
        None => args.input.unwrap_or_else(|| "null".into()),
    };
    let mut task = NewTask::new(Domain::new(&args.queue)?, args.title);
    task.input = input.trim().to_owned();
    task.priority = args.priority;
    task.attempts_most = args.attempts;
    task.timeout_seconds = u32::try_from(args.time_out.as_secs()).unwrap_or(u32::MAX);
    let receipt = refused(&workflow, workflow.add(vec![task]).await)?;
    let tasks = receipt.reply.clone();
    let text = format!("task {} is handed out", names(&tasks));
    say(call, &workflow, &receipt, json!({ "tasks": tasks }), &text).await
}

pub(super) async fn approve(call: &mut Call<'_>, args: GateArgs) -> Outcome {
    let (workflow, gate) = gate(call, &args).await?;
    let receipt = refused(&workflow, workflow.approve(&gate, None).await)?;
    say(call, &workflow, &receipt, json!({ "gate": gate }), &format!("{gate} is approved")).await
}

pub(super) async fn reject(call: &mut Call<'_>, args: GateArgs) -> Outcome {
    let (workflow, gate) = gate(call, &args).await?;
    let receipt = refused(&workflow, workflow.reject(&gate).await)?;
    say(call, &workflow, &receipt, json!({ "gate": gate }), &format!("{gate} is rejected")).await
}

/// The gate that is named, or the one that the workflow stands before.
async fn gate(call: &Call<'_>, args: &GateArgs) -> Outcome<(Workflow, StageId)> {
    let (workflow, view) = call.workflow(&args.of.workflow, args.of.key.as_ref()).await?;
    let outline = match &args.gate {
        Some(name) => Some(view.state.gate_at(place(&workflow, &view.state, name)?)),
        None => view.state.current().map(Ok),
    };
    match outline {
        Some(found) => {
            let gate = found.map_err(|rejection| about(&workflow, rejection))?.0.id.clone();
            Ok((workflow, gate))
        }
        None => {
            let hint = format!("see its gates: restage workflow show {}", workflow.id());
            Err(Stop::problem("conflict", "all gates are passed", hint))
        }
    }
}

pub(super) async fn release(call: &mut Call<'_>, args: TaskArgs) -> Outcome {
    let (workflow, _) = call.workflow(&args.of.workflow, args.of.key.as_ref()).await?;
    let task = task_id(&args.task)?;
    let receipt = refused(&workflow, workflow.release(&task).await)?;
    let text = format!("{task} is taken from its worker, and handed out again");
    say(call, &workflow, &receipt, json!({ "task": task }), &text).await
}

pub(super) async fn retry(call: &mut Call<'_>, args: TaskArgs) -> Outcome {
    let (workflow, _) = call.workflow(&args.of.workflow, args.of.key.as_ref()).await?;
    let task = task_id(&args.task)?;
    let receipt = refused(&workflow, workflow.retry(&task).await)?;
    say(call, &workflow, &receipt, json!({ "task": task }), &format!("{task} is handed out again")).await
}

pub(super) async fn cancel(call: &mut Call<'_>, args: TaskArgs) -> Outcome {
    let (workflow, _) = call.workflow(&args.of.workflow, args.of.key.as_ref()).await?;
    let task = task_id(&args.task)?;
    let receipt = refused(&workflow, workflow.cancel(&task).await)?;
    say(call, &workflow, &receipt, json!({ "task": task }), &format!("{task} is cancelled")).await
}

fn refused<T>(workflow: &Workflow, receipt: Result<Receipt<T>, Error>) -> Outcome<Receipt<T>> {
    receipt.map_err(|error| about(workflow, error))
}

/// Says what was done, and where the workflow stands now.
pub(super) async fn say<T>(
    call: &mut Call<'_>,
    workflow: &Workflow,
    receipt: &Receipt<T>,
    mut answer: Value,
    text: &str,
) -> Outcome {
    let state = workflow.view().await?.state;
    let (word, _) = status(state.status());
    let gate = state.current().map(|(outline, _)| outline.id.clone());
    if let Value::Object(answer) = &mut answer {
        answer.insert("workflow".into(), json!(workflow.id()));
        answer.insert("status".into(), json!(word));
        answer.insert("gate".into(), json!(gate));
        answer.insert("phase".into(), json!(state.phase()));
    }
    call.answer(receipt, answer, || {
        let before = gate.map(|gate| format!(" before {gate}")).unwrap_or_default();
        format!("{text}\n{} is {word}{before}", workflow.id())
    })
}
