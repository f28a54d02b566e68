//! How the server serves. What can change while it runs is in [`Adjustable`].

use std::sync::Arc;
use std::time::Duration;

use super::commands::Commands;
use super::tls::TlsFiles;

/// How a server serves. The defaults suit one program on one machine.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerOptions {
    /// What limits requests and connections.
    pub limits: Limits,
    /// Threads that requests are handled on; 0 for one per core.
    pub workers: usize,
    /// Names that requests may call this server by, beside loopback names and the address it listens on.
    pub hosts: Vec<String>,
    /// Verbs that go back are done only with the token of a plan.
    pub confirm: bool,
    /// Figures are told to everybody.
    pub metrics_public: bool,
    /// The certificate; without one, connections are not encrypted.
    pub tls: Option<TlsFiles>,
    /// What can change while the server runs, as it is at first.
    pub adjustable: Adjustable,
    /// Carries out command lines that are typed elsewhere; without, none are.
    pub commands: Option<Arc<dyn Commands>>,
}

/// What limits requests and connections.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest that the head of a request may take to come in.
    pub head_time: Duration,
    /// Longest that the body of a request may take to come in.
    pub body_time: Duration,
    /// How long a connection is kept open that nothing is asked on.
    pub keep_alive: Duration,
    /// Most connections of one thread; more wait to be taken.
    pub connections_per_worker: usize,
    /// Most requests that are handled at a time; more are turned away.
    pub requests: usize,
    /// Most who follow events at a time.
    pub streams: usize,
    /// Most streams of one caller.
    pub streams_each: usize,
    /// Longest that requests under way are waited for when the server stops.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_time: Duration::from_secs(5),
            body_time: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            connections_per_worker: 8_192,
            requests: 4_096,
            streams: 1_000,
            streams_each: 100,
            shutdown: Duration::from_secs(20),
        }
    }
}

/// What can change while the server runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Adjustable {
    /// Verbs that go back, of one token in a minute.
    pub resets_per_minute: u32,
    /// How many of them may come at once.
    pub resets_burst: u32,
    /// Hosts that webhooks may be sent to: exact names, or `*.example.org`.
    pub webhook_hosts: Vec<String>,
    /// Hosts that may have a private address, and be sent to by http.
    pub webhook_private_hosts: Vec<String>,
}

impl Default for Adjustable {
    fn default() -> Self {
        Self { resets_per_minute: 60, resets_burst: 20, webhook_hosts: Vec::new(), webhook_private_hosts: Vec::new() }
    }
}
