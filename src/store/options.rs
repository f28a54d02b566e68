//! What can be set about a [`LogStore`](super::LogStore), and what it tells about itself.

use std::fmt;
use std::sync::Arc;

use super::manifest::StoreId;

/// Settings of a log store. `new` gives what is right for a server; fields are public to be changed.
#[derive(Clone)]
pub struct LogOptions {
    /// Which store this is; from its manifest.
    pub store_id: StoreId,
    /// The time in milliseconds since the start of 1970.
    pub now: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// Whether threads commit, apply and compact. Without them nothing happens but in [`LogStore::step`],
    /// [`LogStore::apply`] and [`LogStore::compact`], in a fixed order.
    ///
    /// [`LogStore::step`]: super::LogStore::step
    /// [`LogStore::apply`]: super::LogStore::apply
    /// [`LogStore::compact`]: super::LogStore::compact
    pub threads: bool,
    /// A segment of the log is closed when it has grown to this.
    pub segment_bytes: u64,
    /// Zeroed room behind the head of the log that a full disk leaves for [`Urgency::Reserved`](super::Urgency).
    pub reserve_bytes: u64,
    /// By how much the zeroed room grows at a time.
    pub growth_bytes: u64,
    /// With less than this free on the disk, ordinary turns are refused.
    pub free_bytes_min: u64,
    /// Most bytes of a frame.
    pub frame_bytes_max: usize,
    /// Most commits that are synced together.
    pub group_turns_max: usize,
    /// Most bytes that are synced together, but for a single larger frame.
    pub group_bytes_max: usize,
    /// Most bytes of durable changes that are not in the index yet; commits wait above it.
    pub overlay_bytes_max: usize,
    /// A snapshot is written when the log has grown by this since the last one, or by the size of that one if larger.
    pub snapshot_after_bytes: u64,
    /// But when it has grown by this in any case.
    pub snapshot_after_bytes_max: u64,
    /// Bytes of closed segments that are kept for the feed although a snapshot covers them.
    pub feed_retention_bytes: u64,
    /// Bytes of recent frames kept in memory for the feed.
    pub recent_bytes_max: usize,
}

impl LogOptions {
    /// The settings of a server.
    pub fn new(store_id: StoreId, now: Arc<dyn Fn() -> i64 + Send + Sync>) -> Self {
        Self {
            store_id,
            now,
            threads: true,
            segment_bytes: 32 << 20,
            reserve_bytes: 8 << 20,
            growth_bytes: 1 << 20,
            free_bytes_min: 64 << 20,
            frame_bytes_max: 64 << 20,
            group_turns_max: 4096,
            group_bytes_max: 8 << 20,
            overlay_bytes_max: 64 << 20,
            snapshot_after_bytes: 64 << 20,
            snapshot_after_bytes_max: 512 << 20,
            feed_retention_bytes: 64 << 20,
            recent_bytes_max: 4 << 20,
        }
    }
}

impl fmt::Debug for LogOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogOptions").field("store_id", &self.store_id).finish_non_exhaustive()
    }
}

/// What a log store has done since it was opened, and how it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Groups synced.
    pub groups: u64,
    /// Frames written.
    pub frames: u64,
    /// Bytes written to the log.
    pub bytes: u64,
    /// Milliseconds spent in writing and syncing groups.
    pub sync_ms: u64,
    /// Bytes of durable changes that are not in the index yet.
    pub overlay_bytes: u64,
    /// Bytes of zeroed room behind the head of the log.
    pub room_bytes: u64,
    /// Snapshots written.
    pub snapshots: u64,
    /// Whether ordinary turns are refused because the disk is full.
    pub full: bool,
}
