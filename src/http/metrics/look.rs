//! Figures that are kept elsewhere, and are taken over when somebody asks for them.

use std::sync::atomic::Ordering;

use super::Metrics;
use crate::api::{Entity, Error, Kind, Stats};
use crate::http::state::App;

/// Most queues that have figures: names of queues come from outside.
const QUEUES_MOST: usize = 100;
/// Most orphans of a kind that are counted.
const ORPHANS_MOST: usize = 1_000;
/// Most workers whose leases are counted.
const WORKERS_MOST: usize = 10_000;

/// Takes all of them over. What can't be read is left as it was.
pub(super) async fn at_all(app: &App) {
    let metrics = &app.metrics;
    store(metrics, &app.restage.stats());
    let requests = app.requests.under_way.load(Ordering::Relaxed);
    set(metrics, "restage_http_requests_under_way", &[], requests);
    set(metrics, "restage_event_streams", &[], app.streams.count());
    let read = async {
        orphans(metrics, app.workshops.kind()).await?;
        orphans(metrics, app.tasks.kind()).await?;
        orphans(metrics, app.workflows.kind()).await?;
        queues(app).await
    };
    if let Err(error) = read.await {
        tracing::warn!(%error, "some figures could not be read");
    }
    process(metrics);
}

fn store(metrics: &Metrics, stats: &Stats) {
    for of in &stats.kinds {
        let kind = [("kind", of.kind)];
        set(metrics, "restage_active_entities", &kind, of.active);
        set(metrics, "restage_drafts_pending", &kind, of.drafts_pending);
        set(metrics, "restage_effects_owed", &kind, of.effects_owed);
        metrics.counter("restage_draft_retries_total", &kind).absolute(of.draft_retries);
        metrics.counter("restage_fences_hit_total", &kind).absolute(of.fences_hit);
        for (verb, count) in &of.verbs {
            metrics.counter("restage_verbs_total", &[("kind", of.kind), ("verb", verb)]).absolute(*count);
        }
    }
    set(metrics, "restage_store_failed", &[], usize::from(stats.failure.is_some()));
    metrics.gauge("restage_durable_position", &[]).set(float(stats.durable.0));
    if let Some(log) = &stats.log {
        metrics.counter("restage_turns_total", &[]).absolute(log.frames);
        metrics.counter("restage_commit_groups_total", &[]).absolute(log.groups);
        metrics.counter("restage_log_bytes_total", &[]).absolute(log.bytes);
        metrics.counter("restage_sync_milliseconds_total", &[]).absolute(log.sync_ms);
        metrics.counter("restage_snapshots_total", &[]).absolute(log.snapshots);
        metrics.gauge("restage_index_behind_bytes", &[]).set(float(log.overlay_bytes));
        set(metrics, "restage_disk_full", &[], usize::from(log.full));
    }
}

async fn orphans<E: Entity>(metrics: &Metrics, kind: &Kind<E>) -> Result<(), Error> {
    let count = kind.orphans(None, ORPHANS_MOST).await?.len();
    set(metrics, "restage_orphans", &[("kind", E::KIND)], count);
    Ok(())
}

async fn queues(app: &App) -> Result<(), Error> {
    for queue in app.workflows.queues(None, QUEUES_MOST).await? {
        let depth = app.workflows.depth(&queue.domain).await?;
        let labels = [("queue", queue.domain.as_str())];
        let age = queue.oldest.map(|oldest| app.now().since(oldest)).unwrap_or_default();
        app.metrics.gauge("restage_queue_depth", &labels).set(float(depth.by_priority.values().sum()));
        app.metrics.gauge("restage_queue_oldest_seconds", &labels).set(age.as_secs_f64());
        set(&app.metrics, "restage_queue_workers", &labels, queue.workers);
    }
    let leases = app.workflows.workers(None, WORKERS_MOST).iter().map(|worker| worker.holding.len()).sum();
    set(&app.metrics, "restage_leases", &[], leases);
    Ok(())
}

/// What the system says of this process; nothing where it says nothing.
fn process(metrics: &Metrics) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default()
    };
    let open_files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    metrics.gauge("process_resident_memory_bytes", &[]).set(float(number("VmRSS:") * 1_024));
    metrics.gauge("process_threads", &[]).set(float(number("Threads:")));
    set(metrics, "process_open_fds", &[], open_files);
}

fn set(metrics: &Metrics, name: &'static str, labels: &[(&'static str, &str)], count: usize) {
    metrics.gauge(name, labels).set(float(count.try_into().unwrap_or(u64::MAX)));
}

#[expect(clippy::cast_precision_loss, reason = "figures to look at")]
fn float(number: u64) -> f64 {
    number as f64
}
