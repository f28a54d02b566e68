use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::api::StuckQuery;
use crate::api::workflows::TaskFilter;
use crate::domain::StageId;
use crate::domain::task::StageStatus;
use crate::domain::workflow::{Status, TaskId};
use crate::domain::workshop::{Status as StepStatus, Summary};

/// How long anything may take.
const WAIT_MOST: Duration = Duration::from_secs(60);

async fn opened() -> (TempDir, Restage) {
    let folder = tempfile::tempdir().unwrap();
    let restage = Restage::open(folder.path().join("data")).await.unwrap();
    (folder, restage)
}

fn stage(name: &str) -> StageId {
    StageId::new(name).unwrap()
}

#[tokio::test]
async fn the_workshop_has_something_of_everything() {
    let (_folder, restage) = opened().await;
    let loaded = restage.examples().by("ann").from("here").load(Example::Workshop).await.unwrap();
    assert!(loaded.is_new && loaded.id.as_str() == "example-workshop");
    let workshop = restage.workshops().unwrap().get(&loaded.id);
    let view = workshop.view().await.unwrap();
    let status = |name: &str| view.state.step(&stage(name)).unwrap().status;
    for complete in ["challenge", "stakeholder-mapping"] {
        let step = view.state.step(&stage(complete)).unwrap();
        assert_eq!((step.status, step.summary), (StepStatus::Complete, Summary::Written), "{complete}");
        assert!(step.messages > 5 && step.artifact.is_some_and(|artifact| artifact.confirmed), "{complete}");
    }
    assert_eq!(view.state.step(&stage("challenge")).unwrap().artifact.unwrap().version, 2, "two to compare");
    assert_eq!(status("user-research"), StepStatus::InProgress);
    assert_eq!(view.generation(&stage("user-research")).0, 2);
    assert_eq!(status("sense-making"), StepStatus::NeedsRegeneration);
    assert_eq!((view.orphans.len(), view.undo_points.len()), (1, 1));
    let audit = workshop.handle().audit(0, 10).await.unwrap();
    assert!(audit.iter().all(|entry| entry.by == "ann"), "{audit:?}");

    // What was reset is back, whole.
    workshop.handle().undo(None).await.unwrap();
    assert_eq!(workshop.conversation(&stage("user-research")).await.unwrap().len(), 5);
    restage.shutdown().await.unwrap();
}

#[tokio::test]
async fn there_is_one_of_each_however_often_it_is_asked_for() {
    let (_folder, restage) = opened().await;
    let examples = restage.examples();
    for example in [Example::Workshop, Example::Workflow] {
        let (one, other) = tokio::join!(examples.load(example), examples.load(example));
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!(one.id, other.id);
        assert!(one.is_new != other.is_new, "one of them made it");
    }
    let id = EntityId::new("example-workshop").unwrap();
    let before = restage.workshops().unwrap().get(&id).view().await.unwrap().revision;
    assert!(!examples.load(Example::Workshop).await.unwrap().is_new);
    assert_eq!(restage.workshops().unwrap().get(&id).view().await.unwrap().revision, before);
    restage.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_task_waits_to_be_approved_on_a_repository_of_its_own() {
    let (folder, restage) = opened().await;
    let loaded = restage.examples().by("ann").load(Example::Task).await.unwrap();
    let tasks = restage.tasks(TaskOptions::default()).unwrap();
    let view = tasks.get(&loaded.id).view().await.unwrap();
    let stages: Vec<StageStatus> = view.state.stages().map(|(_, stage)| stage.status).collect();
    use StageStatus as S;
    assert_eq!(stages, [S::Complete, S::Complete, S::ToApprove, S::NotReached]);
    assert_eq!(view.state.stage(&stage("plan")).unwrap().runs, 2, "it was sent back once");
    let repository = tasks.repositories().get(&EntityId::new("example").unwrap()).await.unwrap();
    let inside = folder.path().canonicalize().unwrap().join("data/examples/welcome-desk");
    assert_eq!(repository.root, inside.to_str().unwrap());
    restage.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_agent_that_somebody_configured_is_not_run() {
    let (_folder, restage) = opened().await;
    let agents = "[agents.mine]\ncommand = [\"false\"]\n[stages]\ndefault = \"mine\"\n";
    let agents = crate::agents::AgentConfig::read(agents, std::path::Path::new("agents.toml")).unwrap();
    let tasks = restage.tasks(TaskOptions::default().agents(agents)).unwrap();
    let loaded = restage.examples().load(Example::Task).await.unwrap();
    let view = tasks.get(&loaded.id).view().await.unwrap();
    assert_eq!(view.state.stage(&stage("brainstorm")).unwrap().status, StageStatus::Ready);
    restage.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_task_needs_a_folder_for_its_repository() {
    let restage = Restage::in_memory(crate::api::Options::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    restage.tasks(TaskOptions::default().worktrees(folder.path())).unwrap();
    let refused = restage.examples().load(Example::Task).await.unwrap_err();
    assert_eq!(refused.code(), "invalid", "{refused}");
    assert!(restage.examples().load(Example::Workshop).await.unwrap().is_new, "the others do without");
    restage.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_workflow_waits_for_a_person_and_its_workers_go_on_with_what_is_let_go_on() {
    let (_folder, restage) = opened().await;
    let loaded = restage.examples().by("ann").load(Example::Workflow).await.unwrap();
    let workflows = restage.workflows().unwrap();
    let workflow = workflows.get(&loaded.id).by("ann");
    let view = workflow.view().await.unwrap();
    assert_eq!(view.state.current().unwrap().0.id.as_str(), "plan-approved");

    let mut stuck = stuck(&restage).await;
    stuck.sort();
    let [(blocked, check), (lost, plan)] = stuck.as_slice() else { panic!("{stuck:?}") };
    assert_eq!((blocked.as_str(), lost.as_str()), ("blocked", "lost_worker"));

    // What cures them.
    workflow.retry(&check.parse::<TaskId>().unwrap()).await.unwrap();
    workflow.release(&plan.parse::<TaskId>().unwrap()).await.unwrap();
    until(&workflow, |view| view.state.status() == Status::Waiting && view.orphans.len() == 1).await;
    let found = workflow.results(&Default::default(), None, 100).await.unwrap();
    assert_eq!(found.items.len(), 7);
    workflow.approve(&stage("plan-approved"), None).await.unwrap();
    until(&workflow, |view| view.state.current().is_some_and(|(gate, _)| gate.id.as_str() == "development-complete"))
        .await;
    assert!(!workflow.tasks(&TaskFilter::default(), None, 100).await.unwrap().items.is_empty());
    restage.shutdown().await.unwrap();
}

/// What is stuck, at once, with its part.
async fn stuck(restage: &Restage) -> Vec<(String, String)> {
    let query = StuckQuery { kind: Some("workflow".into()), patience: Duration::ZERO, ..StuckQuery::default() };
    let page = restage.stuck(&query).await.unwrap();
    page.items.into_iter().map(|at| (at.stuck.what.to_owned(), at.stuck.part.unwrap_or_default())).collect()
}

async fn until(
    workflow: &crate::api::Workflow,
    holds: impl Fn(&crate::engine::View<crate::domain::workflow::WorkflowKind>) -> bool,
) {
    let all = async {
        let mut feed = workflow.handle().feed();
        while !holds(&workflow.view().await.unwrap()) {
            feed.next().await.unwrap();
        }
    };
    tokio::time::timeout(WAIT_MOST, all).await.unwrap();
}
