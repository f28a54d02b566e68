//! Workflows, queues and workers by public means: over a real folder, with many workers at once.

#![expect(clippy::unwrap_used, reason = "a test that can't set up fails")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use restage::batch::{Status as BatchStatus, Work};
use restage::workflow::{Domain, Gate, NewTask, Outcome, ResultStatus, Status, TaskResult, Template};
use restage::workflows::{Claim, Claimed, LeaseToken, Reset, ResultFilter, TaskFilter, TaskStatus};
use restage::{EntityId, Rejection, Restage, StageId, StuckQuery, Workflow, Workflows};
use tempfile::TempDir;

/// Long enough for whatever has to happen, short of the waits that are tested.
const SOON: Duration = Duration::from_secs(20);

fn id(text: &str) -> EntityId {
    EntityId::new(text).unwrap()
}

fn fe() -> Domain {
    Domain::new("fe").unwrap()
}

/// Gates that hand out so many tasks each.
fn template(gates: &[usize]) -> Template {
    let gate = |(nth, tasks): (usize, &usize)| Gate {
        id: StageId::new(format!("gate-{nth}")).unwrap(),
        name: format!("Gate {nth}"),
        phase: format!("phase {nth}"),
        approval: false,
        tasks: (0..*tasks).map(|task| NewTask::new(fe(), format!("task {task} of {nth}"))).collect(),
    };
    Template {
        name: "test".into(),
        title: "A test".into(),
        gates: gates.iter().enumerate().map(gate).collect(),
        safety_least: 0.5,
    }
}

async fn open(folder: &Path) -> (Restage, Workflows) {
    let restage = Restage::open(folder).await.unwrap();
    let workflows = restage.workflows().unwrap();
    assert!(workflows.serve());
    (restage, workflows)
}

/// A folder with one workflow that runs.
async fn running(gates: &[usize]) -> (TempDir, Restage, Workflow) {
    let folder = tempfile::tempdir().unwrap();
    let (restage, workflows) = open(folder.path()).await;
    let workflow = begun(&workflows, "w", gates).await;
    (folder, restage, workflow)
}

async fn begun(workflows: &Workflows, name: &str, gates: &[usize]) -> Workflow {
    let workflow = workflows.get(&id(name)).by("ann");
    workflow.start("A workflow", "story-1", template(gates)).await.unwrap();
    workflow.run(None).await.unwrap();
    workflow
}

fn done(text: &str) -> TaskResult {
    TaskResult {
        status: ResultStatus::Completed,
        agent: "worker".into(),
        result: format!("{{\"said\":\"{text}\"}}"),
        duration_ms: 1,
        safety_score: None,
        error: None,
        retryable: true,
    }
}

/// A task, that is surely there by and by.
async fn claimed(workflows: &Workflows, worker: &str) -> Claimed {
    let claim = Claim::new(fe(), worker).wait(SOON);
    workflows.claim(claim).await.unwrap().unwrap()
}

async fn finish(workflows: &Workflows, token: &LeaseToken, text: &str) -> Result<Outcome, Rejection> {
    let finished = workflows.lease(token).await.unwrap().by("worker").finish(done(text)).await;
    finished.map(|receipt| receipt.reply).map_err(|error| error.rejection().unwrap().clone())
}

/// Works until nothing came for a while; counts what landed.
async fn work(workflows: Workflows, name: String, granted: Arc<std::sync::Mutex<Vec<String>>>) -> usize {
    let mut landed = 0;
    while let Some(task) = workflows.claim(Claim::new(fe(), &name).wait(Duration::from_millis(300))).await.unwrap() {
        granted.lock().unwrap().push(task.grant.id.to_string());
        landed += usize::from(finish(&workflows, &task.token, &name).await.is_ok());
    }
    landed
}

#[tokio::test(flavor = "multi_thread")]
async fn each_task_is_granted_once_however_many_workers_ask_at_the_same_time() {
    let (_folder, restage, workflow) = running(&[40, 0, 60]).await;
    let workflows = restage.workflows().unwrap();
    let granted = Arc::default();
    let workers: Vec<_> =
        (0..8).map(|n| tokio::spawn(work(workflows.clone(), format!("w{n}"), Arc::clone(&granted)))).collect();
    let mut landed = 0;
    for worker in workers {
        landed += worker.await.unwrap();
    }
    let granted = granted.lock().unwrap().clone();
    assert_eq!((landed, granted.len(), granted.iter().collect::<BTreeSet<_>>().len()), (100, 100, 100));
    let view = workflow.view().await.unwrap();
    assert_eq!((view.state.status(), view.orphans.len()), (Status::Completed, 0));
    let results = workflow.results(&ResultFilter::default(), None, 1_000).await.unwrap();
    assert_eq!(results.items.len(), 100);
    let seen: u64 = workflows.workers(None, 100).iter().map(|worker| worker.done).sum();
    assert_eq!(seen, 100);
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_is_woken_at_once_when_there_is_work() {
    let folder = tempfile::tempdir().unwrap();
    let (restage, workflows) = open(folder.path()).await;
    let waiting: Vec<_> = (0..4)
        .map(|n| {
            let workflows = workflows.clone();
            tokio::spawn(async move {
                let claim = Claim::new(fe(), format!("w{n}")).wait(Duration::from_secs(60));
                workflows.claim(claim).await.unwrap().unwrap().grant.id.to_string()
            })
        })
        .collect();
    while workflows.workers(None, 10).iter().filter(|worker| worker.waiting > 0).count() < 4 {
        tokio::task::yield_now().await;
    }
    begun(&workflows, "w", &[4]).await;
    let mut got = BTreeSet::new();
    for worker in waiting {
        got.insert(tokio::time::timeout(SOON, worker).await.expect("it is woken").unwrap());
    }
    assert_eq!(got.len(), 4);
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_granted_to_a_claim_that_nobody_waits_for_comes_back() {
    let (_folder, restage, workflow) = running(&[1]).await;
    let workflows = restage.workflows().unwrap();
    // Dropped at every point that it can be dropped at, and some time the task is granted in between.
    for nth in 0..40 {
        let claim = workflows.claim(Claim::new(fe(), "gone").wait(SOON).lease(Duration::from_secs(3_600)));
        if let Ok(claimed) = tokio::time::timeout(Duration::from_micros(nth * 50), claim).await {
            // This one arrived: it is up to whoever has it.
            let token = claimed.unwrap().expect("nobody waited so long").token;
            workflows.lease(&token).await.unwrap().release().await.unwrap();
        }
    }
    let task = claimed(&workflows, "stays").await;
    assert_eq!(task.grant.attempt, 1, "an attempt that nobody made does not count");
    assert_eq!(finish(&workflows, &task.token, "x").await, Ok(Outcome::Landed));
    assert_eq!(workflow.view().await.unwrap().state.status(), Status::Completed);
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_comes_after_a_reset_is_kept_and_can_be_adopted() {
    let (_folder, restage, workflow) = running(&[2]).await;
    let workflows = restage.workflows().unwrap();
    let task = claimed(&workflows, "late").await;
    let receipt = workflow.reset(Reset::default()).await.unwrap();
    let summary = &receipt.reply;
    assert_eq!((summary.tasks, summary.results, summary.leases), (2, 0, 1));
    let refused = finish(&workflows, &task.token, "late").await.unwrap_err();
    let Rejection::Stale { orphan: Some(number), .. } = refused else { panic!("{refused:?}") };
    let lease = workflows.lease(&task.token).await.unwrap();
    assert_eq!(lease.heartbeat(None).await.unwrap_err().code(), "stale_generation");
    assert_eq!(workflow.results(&ResultFilter::default(), None, 10).await.unwrap().items, []);
    let late = workflow.late_results(None, 10).await.unwrap();
    assert_eq!((late.len(), late[0].orphan.number, &late[0].task), (1, number, &task.grant.id));
    let title = &task.grant.task.title;
    let place = workflow.place_of(&late[0]).await.unwrap();
    assert_eq!((place.title.as_ref(), place.task), (Some(title), None), "it was cleared, and is still known");
    let again = workflow.add(vec![NewTask::new(fe(), title.as_str())]).await.unwrap().reply;
    let place = workflow.place_of(&late[0]).await.unwrap();
    assert_eq!(place.task.map(|task| task.id), again.first().cloned(), "the one with the same work is in its place");
    workflow.handle().by("ann").adopt(number).await.unwrap();
    let results = workflow.results(&ResultFilter::default(), None, 10).await.unwrap().items;
    assert_eq!((results.len(), &results[0].0), (1, &task.grant.id));
    assert!(workflow.late_results(None, 10).await.unwrap().is_empty());
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_taken_back_by_an_undo_are_offered_again() {
    let (_folder, restage, workflow) = running(&[3]).await;
    let workflows = restage.workflows().unwrap();
    let task = claimed(&workflows, "before").await;
    let point = workflow.reset(Reset::default()).await.unwrap().undo_point;
    assert!(workflows.claim(Claim::new(fe(), "between")).await.unwrap().is_none());
    workflow.handle().by("ann").undo(point).await.unwrap();
    workflow.run(None).await.unwrap();
    let mut got = BTreeSet::new();
    for _ in 0..3 {
        got.insert(claimed(&workflows, "after").await.grant.id.to_string());
    }
    assert!(got.contains(&task.grant.id.to_string()), "{got:?}");
    assert_eq!(finish(&workflows, &task.token, "late").await.unwrap_err().code(), "stale_generation");
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn resets_among_eight_workers_lose_nothing_and_let_nothing_late_in() {
    let (_folder, restage, workflow) = running(&[30]).await;
    let workflows = restage.workflows().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (landed, turned_away) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let workers: Vec<_> = (0..8)
        .map(|n| {
            let (workflows, stop) = (workflows.clone(), Arc::clone(&stop));
            let (landed, turned_away) = (Arc::clone(&landed), Arc::clone(&turned_away));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let claim = Claim::new(fe(), format!("w{n}")).wait(Duration::from_millis(50));
                    let Some(task) = workflows.claim(claim).await.unwrap() else { continue };
                    tokio::time::sleep(Duration::from_millis(3)).await;
                    match finish(&workflows, &task.token, "x").await {
                        Ok(_) => landed.fetch_add(1, Ordering::Relaxed),
                        Err(Rejection::Stale { orphan: Some(_), .. }) => turned_away.fetch_add(1, Ordering::Relaxed),
                        Err(other) => panic!("{other:?}"),
                    };
                }
            })
        })
        .collect();
    let mut cleared = 0;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let reset = Reset { to: Some(0), ..Reset::default() };
        cleared += usize::try_from(workflow.reset(reset).await.unwrap().reply.results).unwrap();
        workflow.run(None).await.unwrap();
    }
    while workflow.view().await.unwrap().state.status() != Status::Completed {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.unwrap();
    }
    let view = workflow.view().await.unwrap();
    let there = workflow.results(&ResultFilter::default(), None, 1_000).await.unwrap().items.len();
    assert_eq!((there, view.orphans.len()), (30, turned_away.load(Ordering::Relaxed)));
    assert_eq!(landed.load(Ordering::Relaxed), cleared + there, "what landed was counted by a reset, or is there");
    println!("{cleared} results cleared, {} came late", view.orphans.len());
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_granted_and_offered_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let (restage, workflows) = open(folder.path()).await;
    begun(&workflows, "w", &[2]).await;
    let task = claimed(&workflows, "one").await;
    restage.shutdown().await.unwrap();
    let (restage, workflows) = open(folder.path()).await;
    assert_eq!(finish(&workflows, &task.token, "x").await, Ok(Outcome::Landed));
    assert_eq!(finish(&workflows, &task.token, "x").await, Ok(Outcome::AlreadyLanded));
    let other = claimed(&workflows, "two").await;
    assert_ne!(other.grant.id, task.grant.id);
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_work_in_a_folder_that_is_being_closed() {
    let folder = tempfile::tempdir().unwrap();
    let (restage, workflows) = open(folder.path()).await;
    let waits = tokio::spawn({
        let workflows = workflows.clone();
        async move { workflows.claim(Claim::new(fe(), "w").wait(Duration::from_secs(60))).await }
    });
    while workflows.workers(None, 10).is_empty() {
        tokio::task::yield_now().await;
    }
    restage.shutdown().await.unwrap();
    let refused = tokio::time::timeout(SOON, waits).await.expect("it ends").unwrap();
    assert!(matches!(refused.unwrap_err().code(), "closed" | "stopped"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_lease_hands_nothing_in_and_nothing_is_kept_of_it() {
    let (_folder, restage, workflow) = running(&[1]).await;
    let workflows = restage.workflows().unwrap();
    let task = claimed(&workflows, "w").await;
    let mut forged = task.token.reveal().to_owned();
    forged.replace_range(..4, "AAAA");
    for token in [forged.as_str(), "", "x"] {
        assert_eq!(workflows.lease(&LeaseToken::new(token)).await.unwrap_err().code(), "lease_invalid");
    }
    assert!(workflow.view().await.unwrap().orphans.is_empty());
    // Of another folder it is none either.
    let (_other_folder, other, _) = running(&[1]).await;
    let others = other.workflows().unwrap();
    assert_eq!(others.lease(&task.token).await.unwrap_err().code(), "lease_invalid");
    other.shutdown().await.unwrap();
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_listed_in_pages_with_how_each_is() {
    let (_folder, restage, workflow) = running(&[25]).await;
    let workflows = restage.workflows().unwrap();
    let done = claimed(&workflows, "w").await;
    finish(&workflows, &done.token, "x").await.unwrap();
    let held = claimed(&workflows, "w").await;
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = workflow.tasks(&TaskFilter::default(), after.as_ref(), 10).await.unwrap();
        assert!(page.items.len() <= 10);
        listed.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed.len(), 25);
    assert_eq!(listed.iter().map(|task| task.id.number).collect::<Vec<_>>(), (1..=25).collect::<Vec<_>>());
    let status = |id: &restage::workflow::TaskId| listed.iter().find(|task| task.id == *id).unwrap().status;
    assert_eq!((status(&done.grant.id), status(&held.grant.id)), (TaskStatus::Done, TaskStatus::Leased));
    let queued = TaskFilter { status: Some(TaskStatus::Queued), ..TaskFilter::default() };
    assert_eq!(workflow.tasks(&queued, None, 100).await.unwrap().items.len(), 23);
    let one = workflow.task(&done.grant.id).await.unwrap();
    assert_eq!(one.result.unwrap().result.result, "{\"said\":\"x\"}");
    let missing = "0-fe-5-99".parse().unwrap();
    assert!(matches!(workflow.task(&missing).await.unwrap_err().rejection(), Some(Rejection::NotFound { .. })));
    let depth = workflows.depth(&fe()).await.unwrap();
    assert_eq!(depth.by_priority.into_iter().collect::<Vec<_>>(), [(5, 23)]);
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stuck_is_found_in_pages_with_its_cure() {
    let folder = tempfile::tempdir().unwrap();
    let (restage, workflows) = open(folder.path()).await;
    for nth in 0..5 {
        begun(&workflows, &format!("w{nth}"), &[1]).await;
    }
    // Told to the queue by and by.
    while workflows.queue(&fe()).await.unwrap().workflows < 5 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut query = StuckQuery { patience: Duration::ZERO, most: 2, ..StuckQuery::default() };
    let mut found = Vec::new();
    loop {
        let page = restage.stuck(&query).await.unwrap();
        found.extend(page.items);
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    let kinds: Vec<_> = found.iter().map(|at| (at.kind, at.id.as_str(), at.stuck.what)).collect();
    assert_eq!(kinds[0], ("queue", "fe", "no_workers"));
    assert_eq!(kinds[1..], [0, 1, 2, 3, 4].map(|n| ("workflow", ["w0", "w1", "w2", "w3", "w4"][n], "unclaimed")));
    assert_eq!(found[0].stuck.cure, "restage worker run --queue fe -- COMMAND");
    let patient = StuckQuery::default();
    assert_eq!(restage.stuck(&patient).await.unwrap().items, []);
    let unknown = StuckQuery { kind: Some("nothing".into()), ..StuckQuery::default() };
    assert_eq!(restage.stuck(&unknown).await.unwrap_err().code(), "not_found");
    restage.shutdown().await.unwrap();
}

fn targets(count: usize) -> Vec<EntityId> {
    (0..count).map(|nth| id(&format!("t{nth}"))).collect()
}

fn reset_all() -> Work {
    Work::ResetWorkflows { to: Some(0), clear_tasks: true, clear_results: true }
}

/// Waits until a batch is over, and says how many targets were done and failed.
async fn over(restage: &Restage, batch: &str) -> (BatchStatus, u64, u64) {
    let batch = restage.batches().unwrap().get(&id(batch));
    loop {
        let state = batch.view().await.unwrap().state;
        if state.status != BatchStatus::Running && !state.under_way {
            return (state.status, state.done, state.failed);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_batch_that_is_cut_off_in_the_middle_goes_on_and_resets_each_target_once() {
    const TARGETS: usize = 30;
    let folder = tempfile::tempdir().unwrap();
    let process = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let first = process();
    first.block_on(async {
        let (restage, workflows) = open(folder.path()).await;
        for nth in 0..TARGETS {
            begun(&workflows, &format!("t{nth}"), &[1]).await;
        }
        let batches = restage.batches().unwrap();
        let mut list = targets(TARGETS);
        list.insert(3, id("nobody"));
        batches.get(&id("b")).by("ann").reason("wrong").start(reset_all(), list).await.unwrap();
        assert!(batches.serve());
        while batches.get(&id("b")).view().await.unwrap().state.done < 5 {
            tokio::task::yield_now().await;
        }
    });
    // All that ran in it is gone at once, wherever it was.
    first.shutdown_background();
    let second = process();
    second.block_on(async {
        let restage = loop {
            match Restage::open(folder.path()).await {
                Ok(restage) => break restage,
                Err(error) if error.code() == "in_use" => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(error) => panic!("{error}"),
            }
        };
        let (batches, workflows) = (restage.batches().unwrap(), restage.workflows().unwrap());
        batches.serve();
        assert_eq!(over(&restage, "b").await, (BatchStatus::Completed, TARGETS as u64, 1));
        let outcomes = batches.get(&id("b")).outcomes(Some(2), 1).await.unwrap();
        assert!(format!("{:?}", outcomes[0]).contains("not_found"), "{outcomes:?}");
        for target in targets(TARGETS) {
            let view = workflows.get(&target).view().await.unwrap();
            assert_eq!(view.undo_points.len(), 1, "{target} was reset once");
            let audit = workflows.get(&target).handle().audit(0, 10).await.unwrap();
            assert_eq!((audit[0].by.as_str(), audit[0].reason.as_deref()), ("ann", Some("wrong")));
        }
        // One of them went on since: it is left as it is.
        workflows.get(&id("t7")).by("ann").add(vec![NewTask::new(fe(), "newer")]).await.unwrap();
        batches.get(&id("undo-b")).by("ann").undo(&id("b")).await.unwrap();
        assert_eq!(over(&restage, "undo-b").await, (BatchStatus::Completed, TARGETS as u64 - 1, 1));
        let undone = workflows.get(&id("t0")).view().await.unwrap();
        assert_eq!(undone.state.tasks_of(0), 1);
        let first = &batches.get(&id("undo-b")).outcomes(None, 1).await.unwrap()[0].1;
        assert_eq!(first.target, id(&format!("t{}", TARGETS - 1)), "the last goes first");
        restage.shutdown().await.unwrap();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_begun_as_it_was_planned_or_not_at_all_and_can_be_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let (restage, workflows) = open(folder.path()).await;
    for nth in 0..3 {
        begun(&workflows, &format!("t{nth}"), &[1]).await;
    }
    let batches = restage.batches().unwrap();
    let plan = batches.preview(&reset_all(), &targets(4)).await.unwrap();
    assert!(plan.lines.iter().any(|line| line.what.starts_with("t0: ")), "{plan:?}");
    assert!(plan.lines.iter().any(|line| line.what == "t3" && line.why.contains("refused")), "{plan:?}");
    begun(&workflows, "t3", &[1]).await;
    let batch = batches.get(&id("b")).by("ann").plan(plan.token);
    assert_eq!(batch.start(reset_all(), targets(4)).await.unwrap_err().code(), "plan_moved");
    let fresh = batches.preview(&reset_all(), &targets(4)).await.unwrap();
    batch.plan(fresh.token).start(reset_all(), targets(4)).await.unwrap();
    // Nobody serves yet: what is under way is the first.
    batches.get(&id("b")).cancel().await.unwrap();
    assert_eq!(batches.get(&id("u")).undo(&id("b")).await.unwrap_err().code(), "conflict");
    batches.serve();
    assert_eq!(over(&restage, "b").await, (BatchStatus::Cancelled, 1, 0));
    restage.shutdown().await.unwrap();
}
