//! A closed loop: many callers, each with one command under way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Result;

/// What makes a caller's command durable.
pub(crate) trait Durable: Send + Sync + 'static {
    /// Returns when the `number`-th command of this caller is durable.
    fn turn(&self, caller: usize, number: u64) -> impl Future<Output = Result<()>> + Send;
}

/// What one loop measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

/// How long a loop runs: unmeasured at first, then measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) warm: Duration,
    pub(crate) measured: Duration,
}

/// Runs the loop with so many callers, each a task of its own. `from` numbers their commands, so that no two loops use
/// the same number.
pub(crate) async fn closed_loop<D: Durable>(
    durable: &Arc<D>,
    callers: usize,
    from: u64,
    window: Window,
) -> Result<Sample> {
    let begin = Instant::now() + window.warm;
    let end = begin + window.measured;
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let durable = Arc::clone(durable);
            tokio::spawn(async move {
                let mut taken = Vec::new();
                for number in from.. {
                    let asked = Instant::now();
                    if asked >= end {
                        break;
                    }
                    durable.turn(caller, number).await?;
                    let answered = Instant::now();
                    if answered >= begin && answered < end {
                        taken.push(answered - asked);
                    }
                }
                Ok::<_, crate::Error>(taken)
            })
        })
        .collect();
    let mut taken = Vec::new();
    for task in tasks {
        taken.extend(task.await??);
    }
    taken.sort_unstable();
    let at = |part: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "a part of a length is no longer than that")]
        let index = ((taken.len() as f64 * part) as usize).min(taken.len().saturating_sub(1));
        taken.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
    };
    let per_second = taken.len() as f64 / window.measured.as_secs_f64();
    Ok(Sample { per_second, p50_us: at(0.5), p99_us: at(0.99) })
}
