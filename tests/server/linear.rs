//! Claims, results and resets of one workflow are as if they happened one after the other, at some moment between question
//! and answer, though the server is killed in the middle of them and started again: checked by search for such an order.
//! What a killed server did not answer may have happened or not, but then for good.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::Client;
use rustix::process::Signal;
use serde_json::{Value, json};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

use crate::program::{Place, Serving};
use crate::world::client;

/// Servers that are killed, one after the other, on one folder.
const KILLS: usize = 6;
/// Workflows that are asked at the same time, each with a history of its own.
const WORKFLOWS: usize = 5;
const CALLERS: usize = 3;
const QUESTIONS: usize = 5;

/// What a workflow of one queue is, said as simply as can be. Tasks are their numbers.
#[derive(Clone, Debug, Default)]
struct Spec {
    handed_out: u64,
    queued: VecDeque<u64>,
    leased: BTreeSet<u64>,
    done: BTreeSet<u64>,
}

#[derive(Clone, Debug, PartialEq)]
enum Op {
    Add,
    Claim,
    Finish(u64),
    Reset,
    Look,
}

#[derive(Clone, Debug, PartialEq)]
enum Ret {
    Added(u64),
    Claimed(Option<u64>),
    Landed,
    TooLate,
    /// So many tasks and results were cleared.
    Cleared(u64, u64),
    /// So many are queued, leased and done.
    Seen(u64, u64, u64),
}

fn count(of: usize) -> u64 {
    of as u64
}

impl SequentialSpec for Spec {
    type Op = Op;
    type Ret = Ret;

    fn invoke(&mut self, op: &Op) -> Ret {
        match op {
            Op::Add => {
                self.handed_out += 1;
                self.queued.push_back(self.handed_out);
                Ret::Added(self.handed_out)
            }
            Op::Claim => {
                let task = self.queued.pop_front();
                self.leased.extend(task);
                Ret::Claimed(task)
            }
            Op::Finish(task) if self.leased.remove(task) => {
                self.done.insert(*task);
                Ret::Landed
            }
            Op::Finish(_) => Ret::TooLate,
            Op::Reset => {
                let tasks = count(self.queued.len() + self.leased.len() + self.done.len());
                let results = count(self.done.len());
                *self = Self { handed_out: self.handed_out, ..Self::default() };
                Ret::Cleared(tasks, results)
            }
            Op::Look => Ret::Seen(count(self.queued.len()), count(self.leased.len()), count(self.done.len())),
        }
    }

    /// A queue learns of tasks a moment after they are handed out: that there is none is never wrong.
    fn is_valid_step(&mut self, op: &Op, ret: &Ret) -> bool {
        matches!((op, ret), (Op::Claim, Ret::Claimed(None))) || self.invoke(op) == *ret
    }
}

type Tester = LinearizabilityTester<usize, Spec>;

/// One workflow, and all that was asked of it and answered.
struct History {
    workflow: String,
    tester: Mutex<Tester>,
    /// Leases that were granted and not handed in: task and token.
    leases: Mutex<Vec<(u64, String)>>,
}

/// How a server is asked.
#[derive(Clone)]
struct Asker {
    client: Client,
    url: String,
    token: String,
    /// Counts answers.
    answers: Arc<AtomicUsize>,
}

impl Asker {
    fn of(server: &Serving) -> Self {
        Self { client: client(), url: server.url.clone(), token: server.token(), answers: Arc::default() }
    }

    /// Status and body; nothing when the server was gone before all of it was here.
    async fn ask(&self, path: &str, body: Option<Value>) -> Option<(u16, Value)> {
        let url = format!("{}{path}", self.url);
        let request = match body {
            Some(body) => self.client.post(url).json(&body),
            None => self.client.get(url),
        };
        let answer = request.bearer_auth(&self.token).send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        self.answers.fetch_add(1, Ordering::Relaxed);
        Some((status, serde_json::from_str(&text).unwrap_or_default()))
    }

    async fn op(&self, history: &History, op: &Op, lease: Option<&str>) -> Option<Ret> {
        let workflow = &history.workflow;
        let number = |id: &Value| id.as_str().unwrap().rsplit('-').next().unwrap().parse::<u64>().unwrap();
        let path = |rest: &str| format!("/v1/workflows/{workflow}{rest}");
        Some(match op {
            Op::Add => {
                let tasks = json!({ "tasks": [{ "domain": workflow, "title": "Do it" }] });
                let (status, answer) = self.ask(&path("/tasks"), Some(tasks)).await?;
                assert_eq!(status, 200, "{answer}");
                Ret::Added(number(&answer["task_ids"][0]))
            }
            Op::Claim => {
                let claim = json!({ "worker": "w", "lease_seconds": 3600 });
                let (status, answer) = self.ask(&format!("/v1/queues/{workflow}/claims"), Some(claim)).await?;
                match status {
                    204 => Ret::Claimed(None),
                    200 => {
                        let (task, lease) = (number(&answer["task_id"]), answer["lease"].as_str().unwrap().to_owned());
                        history.leases.lock().unwrap().push((task, lease));
                        Ret::Claimed(Some(task))
                    }
                    _ => panic!("{status} {answer}"),
                }
            }
            Op::Finish(_) => {
                let result = json!({ "status": "completed", "agent_id": "a", "result": null });
                let finish = json!({ "lease": lease.unwrap(), "result": result });
                let (status, answer) = self.ask("/v1/leases/finish", Some(finish)).await?;
                match status {
                    200 => Ret::Landed,
                    409 => {
                        assert!(answer["orphan"].is_u64(), "late work is kept: {answer}");
                        Ret::TooLate
                    }
                    _ => panic!("{status} {answer}"),
                }
            }
            Op::Reset => {
                let (status, answer) = self.ask(&path("/reset"), Some(json!({ "reason": "again" }))).await?;
                assert_eq!(status, 200, "{answer}");
                let cleared = &answer["cleared"];
                Ret::Cleared(cleared["tasks"].as_u64().unwrap(), cleared["results"].as_u64().unwrap())
            }
            Op::Look => {
                let (status, answer) = self.ask(&path(""), None).await?;
                assert_eq!(status, 200, "{answer}");
                let of = |name: &str| answer["gates"][0][name].as_u64().unwrap();
                Ret::Seen(of("ahead"), of("under_way"), of("results"))
            }
        })
    }

    /// What one caller asks, until it has asked all or the server is gone. Whether it was left without an answer.
    async fn call(self, history: Arc<History>, caller: usize, seed: usize) -> bool {
        for nth in 0..QUESTIONS {
            let mut lease = None;
            let op = match (seed * 31 + caller * 7 + nth * 13) % 11 {
                0..=2 => Op::Add,
                3..=5 => Op::Claim,
                6 | 7 => match history.leases.lock().unwrap().pop() {
                    Some((task, token)) => {
                        lease = Some(token);
                        Op::Finish(task)
                    }
                    None => Op::Claim,
                },
                8 => Op::Reset,
                _ => Op::Look,
            };
            history.tester.lock().unwrap().on_invoke(caller, op.clone()).unwrap();
            let Some(ret) = self.op(&history, &op, lease.as_deref()).await else { return true };
            history.tester.lock().unwrap().on_return(caller, ret).unwrap();
        }
        false
    }
}

/// Asks everything of every history, from callers numbered from there on.
fn callers(asker: &Asker, histories: &[Arc<History>], from: usize, seed: usize) -> Vec<tokio::task::JoinHandle<bool>> {
    let mut calls = Vec::new();
    for (place, history) in histories.iter().enumerate() {
        for caller in from..from + CALLERS {
            calls.push(tokio::spawn(asker.clone().call(Arc::clone(history), caller, seed * WORKFLOWS + place)));
        }
    }
    calls
}

const TEMPLATE: &str = r#"
name = "one"
title = "One gate"
[[gates]]
id = "done"
name = "Done"
phase = "doing"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_results_and_resets_are_linearizable_though_the_server_is_killed() {
    let place = Place::new();
    let mut unanswered = 0;
    for kill in 0..KILLS {
        let server = place.serve(&[]);
        let asker = Asker::of(&server);
        let mut histories = Vec::new();
        for number in 0..WORKFLOWS {
            let workflow = format!("w{kill}-{number}");
            let new = json!({ "id": workflow, "title": "T", "story": "S", "template_file": TEMPLATE });
            assert_eq!(asker.ask("/v1/workflows", Some(new)).await.unwrap().0, 201);
            let tester = Mutex::new(Tester::new(Spec::default()));
            histories.push(Arc::new(History { workflow, tester, leases: Mutex::default() }));
        }
        let calls = callers(&asker, &histories, 0, kill);
        // In the middle of it, and each time at another place.
        let enough = WORKFLOWS + (kill + 1) * WORKFLOWS * CALLERS * QUESTIONS / (KILLS + 2);
        while asker.answers.load(Ordering::Relaxed) < enough {
            tokio::task::yield_now().await;
        }
        server.tell(Signal::KILL);
        for call in calls {
            unanswered += usize::from(call.await.unwrap());
        }
        server.kill();
        let server = place.serve(&[]);
        for call in callers(&Asker::of(&server), &histories, CALLERS, kill + KILLS) {
            assert!(!call.await.unwrap(), "a server that nobody killed leaves nobody without an answer");
        }
        server.kill();
        for history in histories {
            let tester = history.tester.lock().unwrap().clone();
            assert!(tester.is_consistent(), "no order explains {}: {tester:?}", history.workflow);
        }
    }
    assert!(unanswered > 0, "no server was killed while something was asked");
}

#[test]
fn the_search_finds_what_is_not_linearizable() {
    let says = |returns: &[(Op, Ret)]| {
        let mut tester = Tester::new(Spec::default());
        for (op, ret) in returns {
            tester.on_invoke(0, op.clone()).unwrap().on_return(0, ret.clone()).unwrap();
        }
        tester.is_consistent()
    };
    let granted = [(Op::Add, Ret::Added(1)), (Op::Claim, Ret::Claimed(Some(1)))];
    let then = |more: &[(Op, Ret)]| says(&[&granted[..], more].concat());
    assert!(then(&[(Op::Reset, Ret::Cleared(1, 0)), (Op::Finish(1), Ret::TooLate)]));
    assert!(!then(&[(Op::Claim, Ret::Claimed(Some(1)))]), "granted twice");
    assert!(!then(&[(Op::Reset, Ret::Cleared(1, 0)), (Op::Finish(1), Ret::Landed)]), "a late result that lands");
    assert!(!then(&[(Op::Finish(1), Ret::Landed), (Op::Look, Ret::Seen(0, 1, 0))]), "a result that is lost");
    assert!(!then(&[(Op::Reset, Ret::Cleared(1, 0)), (Op::Add, Ret::Added(1))]), "a number that is used twice");
}
