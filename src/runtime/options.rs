//! How a runtime treats entities in memory.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::EngineOptions;

/// Settings of a runtime. The defaults suit a program of some thousand active entities.
#[derive(Clone, Debug)]
pub struct RuntimeOptions {
    /// How turns are made.
    pub engine: Arc<EngineOptions>,
    /// Entities that were not used for this long leave memory.
    pub idle: Duration,
    /// More active entities than this, of one kind, and the least recently used leave memory.
    pub active_most: usize,
    /// Messages that can wait for one entity.
    pub mailbox_most: usize,
    /// How long a caller waits for an answer, where it names no time of its own.
    pub deadline: Duration,
    /// How long shutdown waits for entities to leave memory.
    pub shutdown_most: Duration,
    /// Threads that actors run on; 0 for one per core.
    pub arbiters: usize,
    /// Effects of one kind that are carried out at a time.
    pub effects_most: usize,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        Self {
            engine: Arc::new(EngineOptions::default()),
            idle: Duration::from_secs(60),
            active_most: 10_000,
            mailbox_most: 256,
            deadline: Duration::from_secs(30),
            shutdown_most: Duration::from_secs(30),
            arbiters: 0,
            effects_most: 16,
        }
    }
}
