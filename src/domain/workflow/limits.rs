//! The most of everything that a workflow takes in. The unit is in the name.

/// Most gates of a template.
pub const GATES_MAX: usize = 100;
/// Longest template file.
pub const TEMPLATE_BYTES_MAX: usize = 1 << 20;
/// Longest name of a story.
pub const STORY_BYTES_MAX: usize = 200;
/// Longest name of a domain.
pub const DOMAIN_BYTES_MAX: usize = 32;
/// Most domains of a template; and of a workflow to which one is added.
pub const DOMAINS_MAX: usize = 32;
/// Most kinds of tasks, by gate, domain and priority, of a template; and of a workflow to which one is added.
pub const LANES_MAX: usize = 1_024;
/// Highest priority of a task; the lowest is 0.
pub const PRIORITY_MAX: u8 = 10;
/// Longest input of a task.
pub const INPUT_BYTES_MAX: usize = 256 << 10;
/// Most tasks in one command.
pub const TASKS_PER_COMMAND_MAX: usize = 1_000;
/// Most bytes of tasks in one command.
pub const TASKS_BYTES_PER_COMMAND_MAX: usize = 16 << 20;
/// Most tasks of one workflow, cleared ones too. No more are added beyond.
pub const TASKS_MAX: u64 = 10_000_000;
/// Most tasks of one workflow that a worker has met and nobody has finished. No more are granted beyond.
pub const UNDER_WAY_MAX: usize = 1_024;
/// Most tasks of one workflow that are over before their turn came: cancelled, or their result was adopted.
pub const OVER_MAX: usize = 1_024;
/// Longest result of a task.
pub const RESULT_BYTES_MAX: usize = 1 << 20;
/// Longest name of a worker.
pub const WORKER_NAME_BYTES_MAX: usize = 100;
/// Longest sentence about a failure, or about how far a worker is; what is longer is cut.
pub const SENTENCE_BYTES_MAX: usize = 4_000;
/// Most attempts that a task may be given.
pub const ATTEMPTS_MAX: u32 = 100;
/// Longest lease, in seconds; the shortest is 1.
pub const LEASE_SECONDS_MAX: u32 = 3_600;
/// Longest time a task may take, in seconds.
pub const TIMEOUT_SECONDS_MAX: u32 = 7 * 24 * 3_600;
/// How long a task rests after its first attempt came to nothing, in seconds; twice as long after each that follows.
pub const BACK_OFF_SECONDS: u64 = 5;
/// The longest that a task rests, in seconds.
pub const BACK_OFF_SECONDS_MAX: u64 = 600;
/// Most workers that a plan lists; what is beyond is counted.
pub const PLAN_NAMES_MAX: usize = 20;
