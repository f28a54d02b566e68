//! The threads that actors run on: one actix system of its own, with one arbiter per core.

use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use actix::{ArbiterHandle, System};

/// Blocking reads that one arbiter may have under way: loading entities, reading pages.
const BLOCKING_THREADS_MOST: usize = 4;

/// The threads of one runtime.
pub(super) struct Arbiters {
    handles: Vec<ArbiterHandle>,
    system: System,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Arbiters {
    /// Starts `count` arbiters; 0 for one per core.
    pub(super) fn start(count: usize) -> std::io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let count = if count == 0 { cores } else { count };
        let (ready, started) = mpsc::channel();
        let thread = thread::Builder::new().name("restage-system".into()).spawn(move || run(count, &ready))?;
        let (handles, system) =
            started.recv().map_err(|_| std::io::Error::other("the actor threads did not start"))??;
        Ok(Self { handles, system, thread: Mutex::new(Some(thread)) })
    }

    /// The arbiter for a number.
    pub(super) fn pick(&self, number: usize) -> &ArbiterHandle {
        &self.handles[number % self.handles.len()]
    }

    /// Ends all threads; actors on them are dropped.
    pub(super) fn stop(&self) {
        self.system.stop();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // On a thread of an actor system this could be to wait for oneself: the last handle may be dropped by an effect.
        if let Some(thread) = thread.filter(|_| System::try_current().is_none())
            && thread.join().is_err()
        {
            tracing::error!("the actor system's thread panicked");
        }
    }
}

type Started = std::io::Result<(Vec<ArbiterHandle>, System)>;

fn run(count: usize, ready: &mpsc::Sender<Started>) {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().max_blocking_threads(BLOCKING_THREADS_MOST).thread_name("restage-read").build()
    };
    let runner = match runtime() {
        Ok(built) => System::with_tokio_rt(move || built),
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let arbiters = runner.block_on(async {
        (0..count.max(1))
            .map(|_| {
                let built = runtime()?;
                actix::Arbiter::try_with_tokio_rt(move || Ok(built))
            })
            .collect::<std::io::Result<Vec<_>>>()
            .map(|arbiters| (arbiters, System::current()))
    });
    let (arbiters, system) = match arbiters {
        Ok(started) => started,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let handles = arbiters.iter().map(actix::Arbiter::handle).collect();
    if ready.send(Ok((handles, system))).is_err() {
        return;
    }
    if let Err(error) = runner.run() {
        tracing::error!(%error, "the actor system ended with an error");
    }
    for arbiter in arbiters {
        arbiter.stop();
        if arbiter.join().is_err() {
            tracing::error!("a thread of the actor system panicked");
        }
    }
}
