//! The largest of everything that comes from outside, and of everything that is held in memory. The unit is in the name.

/// Longest id of an entity.
pub const ENTITY_ID_BYTES_MAX: usize = 64;
/// Longest id of a stage.
pub const STAGE_ID_BYTES_MAX: usize = 64;
/// Most stages of one entity.
pub const STAGES_MAX: usize = 256;
/// Most dependencies that one stage may name.
pub const STAGE_DEPENDENCIES_MAX: usize = 64;
/// Longest id of a message. Ids come from browsers and chat services, so their form is free, without control characters.
pub const MESSAGE_ID_BYTES_MAX: usize = 200;
/// Longest content of one message.
pub const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// Most messages in one command.
pub const MESSAGES_PER_SAVE_MAX: usize = 1_000;
/// Longest artifact, as JSON text.
pub const ARTIFACT_BYTES_MAX: usize = 4 << 20;
/// Most words of a summary.
pub const SUMMARY_WORDS_MAX: usize = 150;
/// Most points of a summary.
pub const SUMMARY_POINTS_MAX: usize = 4;
/// Longest title, name or label.
pub const TITLE_BYTES_MAX: usize = 200;
/// Longest reason that goes into the audit.
pub const REASON_BYTES_MAX: usize = 2_000;
/// Longest name of who asked for a turn.
pub const ACTOR_NAME_BYTES_MAX: usize = 100;
/// Longest word about where a turn was asked from.
pub const FROM_BYTES_MAX: usize = 200;
/// Longest idempotency key.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 200;
/// Longest path of a piece of content below its stage.
pub const CONTENT_PATH_BYTES_MAX: usize = 256;
/// Longest template file.
pub const TEMPLATE_BYTES_MAX: usize = 1 << 20;
/// Longest turn, as one frame of the log.
pub const TURN_BYTES_MAX: usize = 32 << 20;
/// Most content layers that a stage's current generation may inherit from: how often a stage can be revised with
/// new work in between before it must be reset.
pub const LAYERS_MAX: usize = 1_000;
/// Most orphans kept for one entity.
pub const ORPHANS_MAX: usize = 1_000;
/// Most undo points kept for one entity; the oldest is let go for a new one.
pub const UNDO_POINTS_MAX: usize = 200;
/// Most timers of one entity.
pub const TIMERS_MAX: usize = 256;
/// Most held drafts of one entity; one more commits them early.
pub const DRAFTS_HELD_MAX: usize = 32_768;
/// Most bytes of held drafts of one entity; more commits them early.
pub const DRAFT_BYTES_HELD_MAX: usize = 16 << 20;
