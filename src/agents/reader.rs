//! Reading what an agent writes, for as long as it or one of its own may write.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::output::{Batch, Cutter};
use super::{Line, Stream};

/// How long lines are gathered before they are passed on.
const BATCH_TIME: Duration = Duration::from_millis(100);
/// How long, if the agent says more by the protocol than anybody can follow.
const TALKATIVE_BATCH_TIME: Duration = Duration::from_secs(10);
/// How much is read at once.
const READ_MAX: usize = 64 << 10;
/// Once the agent and all of its own have ended, what is in the pipes is read until there was nothing for this long.
const REST_TIME: Duration = Duration::from_millis(500);
/// And no more than this: a pipe holds less, unless somebody still writes to it.
const REST_MAX: usize = 4 << 20;
/// How many batches may lie unread before reading waits, and with it the agent.
pub(super) const BATCHES_MAX: usize = 2;

/// Reads both streams to their end, or, after `over`, until nothing comes any more.
pub(super) async fn read(
    mut out: impl AsyncRead + Unpin,
    mut err: impl AsyncRead + Unpin,
    mut over: oneshot::Receiver<()>,
    to: mpsc::Sender<Vec<Line>>,
) {
    let mut batch = Batch::default();
    let (mut of_out, mut of_err) = (Cutter::new(Stream::Out), Cutter::new(Stream::Err));
    let (mut out_buffer, mut err_buffer) = (vec![0; READ_MAX], vec![0; READ_MAX]);
    let (mut out_is_open, mut err_is_open) = (true, true);
    let (mut is_over, mut rest) = (false, 0);
    let gathered = sleep(BATCH_TIME);
    let quiet = sleep(REST_TIME);
    tokio::pin!(gathered, quiet);
    while out_is_open || err_is_open {
        let was_empty = batch.is_empty();
        let read = tokio::select! {
            read = out.read(&mut out_buffer), if out_is_open => {
                let read = read.unwrap_or(0);
                out_is_open = read > 0;
                of_out.push(&out_buffer[..read], &mut batch);
                read
            }
            read = err.read(&mut err_buffer), if err_is_open => {
                let read = read.unwrap_or(0);
                err_is_open = read > 0;
                of_err.push(&err_buffer[..read], &mut batch);
                read
            }
            () = &mut gathered, if !batch.is_empty() => {
                pass_on(batch.take(), &to).await;
                0
            }
            _ = &mut over, if !is_over => {
                is_over = true;
                0
            }
            () = &mut quiet, if is_over => break,
        };
        if is_over {
            rest += read;
            if rest > REST_MAX {
                break;
            }
        }
        quiet.set(sleep(REST_TIME));
        if batch.is_full() {
            pass_on(batch.take(), &to).await;
        }
        if was_empty && !batch.is_empty() {
            gathered.set(sleep(if batch.is_talkative() { TALKATIVE_BATCH_TIME } else { BATCH_TIME }));
        }
    }
    of_out.close(&mut batch);
    of_err.close(&mut batch);
    pass_on(batch.close(), &to).await;
}

/// If nobody wants them any more they are dropped, and reading goes on, so that the agent doesn't wait for a reader.
async fn pass_on(lines: Vec<Line>, to: &mpsc::Sender<Vec<Line>>) {
    if !lines.is_empty() {
        let _ = to.send(lines).await;
    }
}
