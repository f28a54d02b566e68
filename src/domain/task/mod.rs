//! Tasks: a pipeline of stages, each worked on in the task's own git worktree by an agent, approved by a person, committed,
//! and taken back to any stage.
//!
//! The state holds statuses, counts and references. What agents say and make lies beside it, by stage and path
//! (`content.rs`), under the stage's generation. Every run of a stage raises its generation, so that number is the fence
//! for a run's agent: what an aborted run still says is turned away.
//!
//! Whatever moves files is an [`Operation`]: begun by a command, owed to the world as an effect, and finished by the
//! command that the world answers with. There is one at a time. A restart is such an operation, and so is its undo:
//! until the answer is in, the task is what it was, and says what is under way; the turn that takes the answer in clears
//! everything at once and leaves the undo point. So files and state go back together or not at all.
//!
//! A restart puts the whole task back, not one stage: its undo point remembers every stage, as its snapshot in the
//! repository remembers every file.

mod command;
mod content;
mod operation;
mod state;
mod tier;

pub use command::{Cause, Command, Effect, Event, Finish, Outcome, Reply, Report};
pub use content::{
    BRIEF_PATH, FEEDBACK_PATH, HANDOFF_PATH, LOG_PREFIX, LogLine, LogSource, OUTPUT_PATH, TASK_STAGE, TODOS_PATH, Todo,
};
pub use operation::{Operation, OperationKind, Place, RolledBack};
pub use state::{
    Activity, Approval, Candidate, Dependency, ObjectId, Problem, Run, Score, StageState, StageStatus, Status, Task,
};
pub use tier::{StageOutline, Tier, TierOutline, TierStage};
