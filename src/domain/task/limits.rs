//! The most of everything that a task takes in. The unit is in the name.

use crate::domain::limits::LAYERS_MAX;

/// Longest brief.
pub const BRIEF_BYTES_MAX: usize = 256 << 10;
/// Longest name of a branch or commit to begin from.
pub const FROM_BYTES_MAX: usize = 200;
/// Most tasks that one may wait for.
pub const DEPENDENCIES_MAX: usize = 64;
/// Most tasks that may wait for one.
pub const DEPENDENTS_MAX: usize = 1_000;
/// Most stages of a tier.
pub const TIER_STAGES_MAX: usize = 32;
/// Longest tier file.
pub const TIER_BYTES_MAX: usize = 1 << 20;
/// Longest prompt of a stage.
pub const STAGE_PROMPT_BYTES_MAX: usize = 32 << 10;
/// Most runs of a stage since it was entered.
pub const RUNS_PER_STAGE_MAX: u32 = 400;
/// A stage rejected this often blocks the task.
pub const REJECTIONS_MAX: u32 = 3;
/// Longest words of a rejection.
pub const FEEDBACK_BYTES_MAX: usize = 64 << 10;
/// Longest output of a stage.
pub const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// Longest hand-off of a stage.
pub const HANDOFF_BYTES_MAX: usize = 256 << 10;
/// Longest message to whoever goes on with a stage. Kept with the state, so it is short.
pub const CARRY_OVER_BYTES_MAX: usize = 16 << 10;
/// Longest id of an agent's session.
pub const SESSION_BYTES_MAX: usize = 200;
/// Longest name of an agent.
pub const AGENT_NAME_BYTES_MAX: usize = 100;
/// Most things to do of a stage.
pub const TODOS_MAX: usize = 200;
/// Longest thing to do.
pub const TODO_BYTES_MAX: usize = 2_000;
/// Most log lines in one report.
pub const LINES_PER_REPORT_MAX: usize = 2_000;
/// Longest line of the log.
pub const LINE_BYTES_MAX: usize = 64 << 10;
/// Most bytes of log lines in one report.
pub const REPORT_LINES_BYTES_MAX: usize = 4 << 20;
/// Most sentences about one operation that go into the log; what is beyond is counted.
pub const NOTES_MAX: usize = 100;
/// Longest sentence about an operation or a problem; what is longer is cut.
pub const SENTENCE_BYTES_MAX: usize = 4_000;
/// Most tasks or paths that a plan lists; what is beyond is counted.
pub const PLAN_NAMES_MAX: usize = 20;
/// Longest prompt that is put together for an agent.
pub const PROMPT_BYTES_MAX: usize = 1 << 20;

// Each run may leave a layer of content, and late work adopted after it was fenced another: a stage that was run as often
// as it may be can still go back.
const _: () = assert!((RUNS_PER_STAGE_MAX as usize) * 2 < LAYERS_MAX);
