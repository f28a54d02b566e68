//! The turns of one entity are as if they happened one after the other, at some moment between question and answer,
//! whoever asks, and whenever the entity leaves and enters memory: checked by search for such an order.

mod gauge;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gauge::{Command, Gauge, stage};
use restage::{EntityId, Generation, Handle, Options, PageRange, Rejection, Restage};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

/// What the entity is, said as simply as can be.
#[derive(Clone, Debug, Default)]
struct Spec {
    resets: u64,
    lines: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Op {
    Write(String),
    /// Under the generation of so many resets.
    WriteUnder(u64, String),
    Reset,
    Read,
}

#[derive(Clone, Debug, PartialEq)]
enum Ret {
    /// The generation, and how many lines there are.
    Now(u64, u64),
    Stale,
    Seen(u64, Vec<String>),
}

impl SequentialSpec for Spec {
    type Op = Op;
    type Ret = Ret;

    fn invoke(&mut self, op: &Op) -> Ret {
        let generation = self.resets + 1;
        match op {
            Op::WriteUnder(under, _) if *under < generation => return Ret::Stale,
            Op::Write(text) | Op::WriteUnder(_, text) => self.lines.push(text.clone()),
            Op::Reset => {
                self.resets += 1;
                self.lines.clear();
            }
            Op::Read => return Ret::Seen(generation, self.lines.clone()),
        }
        Ret::Now(self.resets + 1, self.lines.len() as u64)
    }
}

type Tester = LinearizabilityTester<usize, Spec>;

async fn ask(entity: &Handle<Gauge>, op: Op) -> Ret {
    let send = |command| async move {
        match entity.send(command).await {
            Ok(receipt) => Ret::Now(receipt.reply.0, receipt.reply.1),
            Err(error) => {
                assert!(matches!(error.rejection(), Some(Rejection::Stale { .. })), "{error}");
                Ret::Stale
            }
        }
    };
    match op {
        Op::Write(text) => send(Command::Line { generation: None, text }).await,
        Op::WriteUnder(under, text) => send(Command::Line { generation: Some(Generation(under)), text }).await,
        Op::Reset => send(Command::Reset).await,
        Op::Read => {
            let everything = PageRange { prefix: Vec::new(), after: None, most: 1_000 };
            let (view, page) = entity.page(&stage(), everything).await.unwrap();
            let lines = page.into_iter().map(|(_, text)| String::from_utf8(text).unwrap()).collect();
            Ret::Seen(view.generation(&stage()).0, lines)
        }
    }
}

/// What the caller of a number does; it writes under the last generation that it has seen.
async fn call(entity: Handle<Gauge>, tester: Arc<Mutex<Tester>>, caller: usize, seed: u64) {
    let mut known = 1;
    for nth in 0..4_u64 {
        let dice = seed.wrapping_mul(31).wrapping_add(caller as u64 * 7 + nth * 13) % 9;
        let op = match dice {
            0..=2 => Op::Write(format!("{caller}.{nth}")),
            3 | 4 => Op::WriteUnder(known, format!("{caller}.{nth} under {known}")),
            5 => Op::Reset,
            _ => Op::Read,
        };
        tester.lock().unwrap().on_invoke(caller, op.clone()).unwrap();
        let ret = ask(&entity, op).await;
        if let Ret::Now(generation, _) | Ret::Seen(generation, _) = ret {
            known = generation;
        }
        tester.lock().unwrap().on_return(caller, ret).unwrap();
    }
}

/// Histories of four callers, each of an entity of its own.
async fn histories(restage: &Restage, count: u64) -> u64 {
    const CALLERS: usize = 4;
    let kind = restage.kind::<Gauge>().unwrap();
    let mut overlapping = 0;
    for seed in 0..count {
        let entity = kind.entity(&EntityId::new(format!("h{seed}")).unwrap());
        let tester = Arc::new(Mutex::new(Tester::new(Spec::default())));
        let calls: Vec<_> =
            (0..CALLERS).map(|caller| tokio::spawn(call(entity.clone(), Arc::clone(&tester), caller, seed))).collect();
        for call in calls {
            call.await.unwrap();
        }
        let tester = tester.lock().unwrap().clone();
        assert_eq!(tester.len(), CALLERS * 4);
        assert!(tester.is_consistent(), "no order explains history {seed}: {tester:?}");
        overlapping += 1;
    }
    overlapping
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn turns_and_reads_are_linearizable() {
    let restage = Restage::in_memory(Options::default()).unwrap();
    println!("{} histories over memory", histories(&restage, 300).await);
    restage.shutdown().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let restage = Restage::open(folder.path()).await.unwrap();
    println!("{} histories over a folder", histories(&restage, 150).await);
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn turns_and_reads_are_linearizable_while_entities_leave_memory() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::default().idle(Duration::from_millis(1)).active_most(1);
    let restage = Restage::open_with(folder.path(), options).await.unwrap();
    println!("{} histories while entities leave memory", histories(&restage, 150).await);
    restage.shutdown().await.unwrap();
}

#[test]
fn the_checker_finds_what_is_not_linearizable() {
    let says = |returns: [(Op, Ret); 3]| {
        let mut tester = Tester::new(Spec::default());
        for (caller, (op, ret)) in returns.into_iter().enumerate() {
            tester.on_invoke(caller, op).unwrap().on_return(caller, ret).unwrap();
        }
        tester.is_consistent()
    };
    let write = || (Op::Write("a".into()), Ret::Now(1, 1));
    let reset = || (Op::Reset, Ret::Now(2, 0));
    let read = |generation, lines: &[&str]| {
        (Op::Read, Ret::Seen(generation, lines.iter().map(|line| (*line).to_owned()).collect()))
    };
    assert!(says([write(), reset(), read(2, &[])]));
    assert!(!says([write(), reset(), read(2, &["a"])]), "old content after a reset");
    assert!(!says([write(), read(1, &[]), reset()]), "an acknowledged line that is not seen");
    let late = (Op::WriteUnder(1, "b".into()), Ret::Now(2, 1));
    assert!(!says([reset(), late, read(2, &["b"])]), "a late writer that gets through");
}
