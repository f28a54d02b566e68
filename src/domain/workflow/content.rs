//! Where the tasks and results of a gate lie, and the form they are kept in.

use super::task::{Domain, LaneId, StoredResult, Task, TaskId, TaskResult};
use crate::domain::stored::{decode, encode};
use crate::domain::{Digest, Rejection};

/// What the paths of all tasks of a gate begin with: by domain, priority and number.
pub const TASKS_PREFIX: &[u8] = b"t/";
/// What the paths of all results of a gate begin with: by domain, priority and number.
pub const RESULTS_PREFIX: &[u8] = b"r/";

/// Where a task lies, within the stage of its gate.
pub fn task_path(id: &TaskId) -> Vec<u8> {
    path(TASKS_PREFIX, id)
}

/// Where the result of a task lies, within the stage of its gate's results.
pub fn result_path(id: &TaskId) -> Vec<u8> {
    path(RESULTS_PREFIX, id)
}

fn path(prefix: &[u8], id: &TaskId) -> Vec<u8> {
    // Two digits, so that the paths of a domain sort by priority.
    let lane = format!("{}/{:02}/", id.lane.domain, id.lane.priority);
    [prefix, lane.as_bytes(), &id.number.to_be_bytes()].concat()
}

/// The task that something at this path is of, at the gate of this place; `None` where it is no path of a task or result.
pub fn task_at(gate: u16, path: &[u8]) -> Option<TaskId> {
    let rest = path.strip_prefix(TASKS_PREFIX).or_else(|| path.strip_prefix(RESULTS_PREFIX))?;
    let (lane, number) = rest.split_last_chunk::<8>()?;
    let (domain, priority) = std::str::from_utf8(lane).ok()?.strip_suffix('/')?.split_once('/')?;
    let lane = LaneId { gate, domain: Domain::new(domain).ok()?, priority: priority.parse().ok()? };
    Some(TaskId { lane, number: u64::from_be_bytes(*number) })
}

impl Task {
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Rejection> {
        encode("task", self)
    }

    /// Reads back what lies at a [`task_path`].
    ///
    /// # Errors
    /// [`Rejection::Refused`] with the code `damaged` when it is not a task.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Rejection> {
        decode("task", bytes)
    }
}

impl StoredResult {
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Rejection> {
        encode("result", self)
    }

    /// Reads back what lies at a [`result_path`].
    ///
    /// # Errors
    /// [`Rejection::Refused`] with the code `damaged` when it is not a result.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Rejection> {
        decode("result", bytes)
    }
}

/// What one result adds to the fingerprint of its gate, and takes from it again: an approval of results must not depend on
/// the order in which they came.
pub(super) fn fold_into(fingerprint: &mut Digest, id: &TaskId, result: &TaskResult) -> Result<(), Rejection> {
    let piece = Digest::of(&encode("result", &(id, result))?);
    fingerprint.0.iter_mut().zip(piece.0).for_each(|(to, byte)| *to ^= byte);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_which_task_it_is_of() {
        let id: TaskId = "3-front-end-10-258".parse().unwrap();
        assert_eq!(task_path(&id), b"t/front-end/10/\0\0\0\0\0\0\x01\x02");
        assert_eq!((task_at(3, &task_path(&id)), task_at(3, &result_path(&id))), (Some(id.clone()), Some(id)));
        for no in [
            b"x/fe/10/\0\0\0\0\0\0\0\x01".as_slice(),
            b"t/fe/10",
            b"t/\0\0\0\0\0\0\0\x01",
            b"t/FE/1/\0\0\0\0\0\0\0\x01",
        ] {
            assert_eq!(task_at(3, no), None);
        }
    }
}
