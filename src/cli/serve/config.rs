//! The server's settings: defaults, then the file, then the environment, then flags.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::{Table, Value};

use super::facilitator;
use super::keys::{self, Key, Kind};
use crate::api::Facilitator;
use crate::cli::args::{ServeArgs, Settings};
use crate::cli::logs;
use crate::cli::stop::{Outcome, Stop};
use crate::http::{Adjustable, Limits, ServerOptions, TlsFiles};

/// The name of the file, in the data folder and in the user's configuration folder.
const FILE: &str = "server.toml";
/// Largest file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The settings as they hold.
#[derive(Clone, Debug)]
pub(super) struct Config {
    /// The address to listen on.
    pub(super) listen: SocketAddr,
    /// What goes into the log.
    pub(super) log: String,
    /// How long stopping may take, in all.
    pub(super) shutdown: Duration,
    /// How the server serves.
    pub(super) options: ServerOptions,
    /// Who answers in workshops; `None` for nobody.
    pub(super) facilitator: Option<Facilitator>,
    /// The file that was read, if there was one.
    pub(super) file: Option<PathBuf>,
    /// All that was set, by key.
    table: Table,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    listen: String,
    hosts: Vec<String>,
    confirm: bool,
    metrics_public: bool,
    workers: usize,
    log: String,
    shutdown_seconds: u64,
    tls: Option<WrittenTls>,
    limits: WrittenLimits,
    rates: WrittenRates,
    webhooks: WrittenWebhooks,
    facilitator: facilitator::Written,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTls {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenLimits {
    requests: usize,
    connections_per_worker: usize,
    head_seconds: u64,
    keep_alive_seconds: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenRates {
    resets_per_minute: u32,
    resets_burst: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenWebhooks {
    hosts: Vec<String>,
    private_hosts: Vec<String>,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7878".into(),
            hosts: Vec::new(),
            confirm: false,
            metrics_public: false,
            workers: 0,
            log: "info".into(),
            shutdown_seconds: 20,
            tls: None,
            limits: WrittenLimits::default(),
            rates: WrittenRates::default(),
            webhooks: WrittenWebhooks::default(),
            facilitator: facilitator::Written::default(),
        }
    }
}

impl Default for WrittenLimits {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            requests: limits.requests,
            connections_per_worker: limits.connections_per_worker,
            head_seconds: limits.head_time.as_secs(),
            keep_alive_seconds: limits.keep_alive.as_secs(),
        }
    }
}

impl Default for WrittenRates {
    fn default() -> Self {
        let Adjustable { resets_per_minute, resets_burst, .. } = Adjustable::default();
        Self { resets_per_minute, resets_burst }
    }
}

impl Config {
    /// Reads the settings. `variable` reads the environment.
    ///
    /// # Errors
    /// A file that can't be read; an unknown key; a value that can't be.
    pub(super) fn read(
        args: &ServeArgs,
        settings: &Settings,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Outcome<Self> {
        let file = args.config.clone().or_else(|| find(settings));
        let mut table = file.as_deref().map_or_else(|| Ok(Table::new()), parse)?;
        // Paths in the file are meant from where it is.
        if let Some(folder) = file.as_deref().and_then(Path::parent) {
            keys::make_absolute(&mut table, folder);
        }
        for key in keys::KEYS {
            if let Some(text) = variable(&key.variable()) {
                key.put(&mut table, value_of(key, &text)?);
            }
        }
        for (name, flag) in [("listen", &args.listen), ("log", &args.log)] {
            if let Some(text) = flag {
                table.insert(name.into(), Value::String(text.clone()));
            }
        }
        Self::of(table, file, variable)
    }

    fn of(table: Table, file: Option<PathBuf>, variable: impl Fn(&str) -> Option<String>) -> Outcome<Self> {
        let written: Written = table.clone().try_into().map_err(|error: toml::de::Error| {
            usage(format!("the server's settings can't be used: {}", error.message()), "")
        })?;
        let listen = address(&written.listen)?;
        let facilitator = written.facilitator.read(variable)?;
        logs::check(&written.log)
            .map_err(|why| usage(format!("log is no level: {why}"), "give one of error, warn, info, debug"))?;
        let numbers = [
            ("shutdown_seconds", written.shutdown_seconds),
            ("limits.requests", written.limits.requests as u64),
            ("limits.connections_per_worker", written.limits.connections_per_worker as u64),
            ("limits.head_seconds", written.limits.head_seconds),
            ("limits.keep_alive_seconds", written.limits.keep_alive_seconds),
            ("rates.resets_per_minute", u64::from(written.rates.resets_per_minute)),
            ("rates.resets_burst", u64::from(written.rates.resets_burst)),
        ];
        if let Some((name, _)) = numbers.iter().find(|(_, number)| *number == 0) {
            return Err(usage(format!("{name} is 0"), "give it at least 1"));
        }
        let tls = written.tls.map(|tls| TlsFiles { certificate: tls.certificate, key: tls.key });
        if let Some(tls) = &tls {
            tls.check().map_err(|error| usage(error.to_string(), "name the PEM files of a certificate and its key"))?;
        }
        let shutdown = Duration::from_secs(written.shutdown_seconds);
        let mut options = ServerOptions {
            workers: written.workers,
            hosts: written.hosts,
            confirm: written.confirm,
            metrics_public: written.metrics_public,
            tls,
            ..ServerOptions::default()
        };
        options.limits.requests = written.limits.requests;
        options.limits.connections_per_worker = written.limits.connections_per_worker;
        options.limits.head_time = Duration::from_secs(written.limits.head_seconds);
        options.limits.keep_alive = Duration::from_secs(written.limits.keep_alive_seconds);
        // What is left of the time is for the data folder.
        options.limits.shutdown = shutdown * 3 / 4;
        options.adjustable.resets_per_minute = written.rates.resets_per_minute;
        options.adjustable.resets_burst = written.rates.resets_burst;
        options.adjustable.webhook_hosts = written.webhooks.hosts;
        options.adjustable.webhook_private_hosts = written.webhooks.private_hosts;
        Ok(Self { listen, log: written.log, shutdown, options, facilitator, file, table })
    }

    /// The keys that differ between these settings and others.
    pub(super) fn moved(&self, other: &Self) -> Vec<&'static Key> {
        keys::KEYS.iter().filter(|key| key.get(&self.table) != key.get(&other.table)).collect()
    }

    /// These settings, with what can change while the server runs as it is in others.
    pub(super) fn take(mut self, other: &Self) -> Self {
        for key in keys::KEYS.iter().filter(|key| key.is_live) {
            match key.get(&other.table) {
                Some(value) => key.put(&mut self.table, value.clone()),
                None => key.remove(&mut self.table),
            }
        }
        self.log.clone_from(&other.log);
        self.options.adjustable = other.options.adjustable.clone();
        self.facilitator = other.facilitator.clone();
        self
    }

    /// All that was set, as TOML.
    pub(super) fn set(&self) -> &Table {
        &self.table
    }
}

/// The file, where it is not named.
fn find(settings: &Settings) -> Option<PathBuf> {
    use etcetera::BaseStrategy as _;
    let user = etcetera::choose_base_strategy().ok().map(|folders| folders.config_dir().join("restage"));
    let folders = [Some(settings.data.clone()), user];
    folders.into_iter().flatten().map(|folder| folder.join(FILE)).find(|file| file.exists())
}

fn parse(file: &Path) -> Outcome<Table> {
    let size = fs::metadata(file).map_err(|error| Stop::file("reading", file, &error))?.len();
    if size > FILE_BYTES_MAX {
        return Err(usage(format!("{} has more than {FILE_BYTES_MAX} bytes", file.display()), "name the right file"));
    }
    let text = fs::read_to_string(file).map_err(|error| Stop::file("reading", file, &error))?;
    let table: Table = toml::from_str(&text)
        .map_err(|error| usage(format!("{} is no valid TOML: {error}", file.display()), "mend it there"))?;
    if let Some((name, hint)) = keys::unknown(&table) {
        return Err(usage(format!("{}: there is no setting {name}", file.display()), hint));
    }
    Ok(table)
}

/// What a variable says.
fn value_of(key: &Key, text: &str) -> Outcome<Value> {
    let wrong = |wanted: &str| usage(format!("{} is {text:?}", key.variable()), format!("give it {wanted}"));
    match key.kind {
        Kind::Text | Kind::Path => Ok(Value::String(text.to_owned())),
        Kind::List => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
        Kind::Number => text.parse().map(Value::Integer).map_err(|_| wrong("a number")),
        Kind::Switch => match text {
            "true" | "1" => Ok(Value::Boolean(true)),
            "false" | "0" => Ok(Value::Boolean(false)),
            _ => Err(wrong("true or false")),
        },
    }
}

/// An address without any name that would have to be looked up.
fn address(text: &str) -> Outcome<SocketAddr> {
    let named = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    named.parse().map_err(|_| {
        usage(format!("{text:?} is no address to listen on"), "give it like 127.0.0.1:7878, [::1]:7878 or 0.0.0.0:7878")
    })
}

fn usage(what: impl Into<String>, hint: impl Into<String>) -> Stop {
    Stop::problem("usage", what, hint)
}
