//! Figures in the form that Prometheus reads. The recorder is the server's own: the program that embeds it keeps its own.

mod look;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use utoipa_actix_web::service_config::ServiceConfig;

use super::caller::Reader;
use super::problem::{Answer, Problem};
use super::state::App;

/// Upper ends of the histogram of requests, in seconds.
const SECONDS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// What is measured waits this long, at the longest, to be put into the histogram.
pub(in crate::http) const UPKEEP: Duration = Duration::from_secs(5);
/// Methods that have a name in the figures; all others are one.
const METHODS: [&str; 8] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"];
const METADATA: Metadata<'static> = Metadata::new("restage", Level::INFO, None);
const REQUESTS: &str = "restage_http_requests_total";
const DURATION: &str = "restage_http_request_duration_seconds";

/// All figures of one server. Cheap to clone.
#[derive(Clone)]
pub(in crate::http) struct Metrics(Arc<Inner>);

struct Inner {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    /// What was measured of each route; there are as many as routes.
    routes: RwLock<HashMap<String, Vec<Measured>>>,
}

/// What is measured of one route, method and status.
#[derive(Clone)]
struct Measured {
    method: &'static str,
    status: u16,
    count: Counter,
    duration: Histogram,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    pub(in crate::http) fn new() -> Self {
        // Refused only without any bucket.
        let builder = PrometheusBuilder::new();
        let builder = builder.set_buckets_for_metric(Matcher::Full(DURATION.to_owned()), &SECONDS);
        let recorder = builder.unwrap_or_default().build_recorder();
        let handle = recorder.handle();
        let metrics = Self(Arc::new(Inner { recorder, handle, routes: RwLock::default() }));
        for (name, help) in HELP {
            metrics.describe(name, help);
        }
        metrics.gauge("restage_build_info", &[("version", env!("CARGO_PKG_VERSION"))]).set(1.0);
        metrics
    }

    fn describe(&self, name: &'static str, help: &'static str) {
        let recorder = &self.0.recorder;
        match name {
            DURATION => recorder.describe_histogram(name.into(), None, help.into()),
            _ if name.ends_with("_total") => recorder.describe_counter(name.into(), None, help.into()),
            _ => recorder.describe_gauge(name.into(), None, help.into()),
        }
    }

    fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
        self.0.recorder.register_counter(&key(name, labels), &METADATA)
    }

    fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
        self.0.recorder.register_gauge(&key(name, labels), &METADATA)
    }

    /// Counts a request that was answered. The route is a pattern, never a path.
    pub(in crate::http) fn request(&self, method: &Method, route: &str, status: u16, took: Duration) {
        let method = METHODS.iter().find(|known| **known == method.as_str()).map_or("other", |known| known);
        let measured = self.known(method, route, status).unwrap_or_else(|| self.begin(method, route, status));
        measured.count.increment(1);
        measured.duration.record(took.as_secs_f64());
    }

    fn known(&self, method: &'static str, route: &str, status: u16) -> Option<Measured> {
        let routes = self.0.routes.read().unwrap_or_else(PoisonError::into_inner);
        routes.get(route)?.iter().find(|measured| measured.method == method && measured.status == status).cloned()
    }

    fn begin(&self, method: &'static str, route: &str, status: u16) -> Measured {
        let code = status.to_string();
        let labels = [("method", method), ("route", route), ("status", code.as_str())];
        let count = self.counter(REQUESTS, &labels);
        let duration = self.0.recorder.register_histogram(&key(DURATION, &labels[..2]), &METADATA);
        let measured = Measured { method, status, count, duration };
        let mut routes = self.0.routes.write().unwrap_or_else(PoisonError::into_inner);
        routes.entry(route.to_owned()).or_default().push(measured.clone());
        measured
    }

    /// Puts what was measured into the histograms, so that it does not pile up.
    pub(in crate::http) fn upkeep(&self) {
        self.0.handle.run_upkeep();
    }

    /// All figures, as text.
    pub(in crate::http) fn render(&self) -> String {
        self.0.handle.render()
    }
}

/// What each figure says.
const HELP: &[(&str, &str)] = &[
    ("restage_build_info", "The version that runs."),
    ("restage_turns_total", "Turns made durable since the start."),
    ("restage_commit_groups_total", "Groups of turns that were synced together."),
    ("restage_log_bytes_total", "Bytes written to the log."),
    ("restage_sync_milliseconds_total", "Time spent in writing and syncing groups."),
    ("restage_snapshots_total", "Snapshots written."),
    ("restage_index_behind_bytes", "Durable changes that the index has not taken yet."),
    ("restage_disk_full", "Whether ordinary turns are refused because the disk is full."),
    ("restage_store_failed", "Whether a failed write ended all writing: start the server again."),
    ("restage_durable_position", "The last durable position."),
    ("restage_active_entities", "Entities in memory."),
    ("restage_drafts_pending", "Drafts that are held and not durable yet."),
    ("restage_effects_owed", "Effects owed to the world."),
    ("restage_orphans", "Late work that waits for a decision; no more than a thousand of a kind are counted."),
    ("restage_fences_hit_total", "Late or superseded work that was turned away."),
    ("restage_verbs_total", "Verbs that went back, overruled or were undone."),
    ("restage_draft_retries_total", "How often drafts could not be stored and were tried again."),
    ("restage_queue_depth", "Tasks that wait in a queue."),
    ("restage_queue_oldest_seconds", "How long the task has waited that waits the longest."),
    ("restage_queue_workers", "Workers that wait for tasks of a queue, or asked for some lately."),
    ("restage_leases", "Tasks that workers are at."),
    (REQUESTS, "Requests answered."),
    (DURATION, "From the head of a request to the head of its answer."),
    ("restage_http_requests_under_way", "Requests being handled."),
    ("restage_event_streams", "Event streams that are open."),
    ("process_resident_memory_bytes", "Memory of the process."),
    ("process_open_fds", "Files and sockets the process has open."),
    ("process_threads", "Threads of the process."),
];

fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
    let labels = labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned()));
    Key::from_parts(name, labels.collect::<Vec<_>>())
}

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(metrics_text);
}

/// Figures of the server.
///
/// In the text form that Prometheus reads. Needs no token where the server is set so (`metrics_public`).
#[utoipa::path(
    operation_id = "metrics",
    tag = "server",
    security(("token" = ["read"])),
    responses((status = 200, description = "The figures.", content_type = "text/plain", body = String))
)]
#[get("/metrics")]
async fn metrics_text(app: Data<App>, reader: Result<Reader, Problem>) -> Answer<HttpResponse> {
    if !app.options.metrics_public {
        reader?;
    }
    look::at_all(&app).await;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(app.metrics.render()))
}
