//! `restage serve`: puts the parts together, and takes them apart in order.

mod config;
mod facilitator;
mod held;
mod keys;
mod service;

use std::env;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpSocket;
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::config::Config;
use self::held::Held;
use super::agent::Agents;
use super::args::{ServeArgs, Settings};
use super::exit::Exit;
use super::logs;
use super::output::Output;
use super::remote::CommandServer;
use super::stop::{Outcome, Stop};
use crate::api::{Restage, TaskOptions};
use crate::http::{RunningServer, Server, ServerError};

/// Connections that wait to be taken.
const BACKLOG: u32 = 1_024;

/// Serves until it is asked to end.
pub(super) async fn run(args: &ServeArgs, settings: &Settings, output: &mut Output) -> Outcome {
    let config = Config::read(args, settings, |name| env::var(name).ok())?;
    if args.check {
        return check(&config, settings, output);
    }
    logs::set(&config.log).map_err(|why| Stop::problem("usage", format!("log is no level: {why}"), ""))?;
    let mut signals = Signals::new().map_err(|error| Stop::problem("io", format!("signals: {error}"), "try again"))?;
    let agents = Agents::find(&args.agents, settings)?;
    // Before the folder is opened: that can take long, and an address that is taken is soon known.
    let listener = listen(config.listen)?;
    let restage = Restage::open(&settings.data).await?;
    let begun = begin(&config, settings, &restage, agents, listener, output).await;
    let (server, held) = match begun {
        Ok(begun) => begun,
        Err(stop) => {
            if let Err(error) = restage.shutdown().await {
                tracing::error!(%error, "the data folder was not closed well");
            }
            return Err(stop);
        }
    };
    service::ready();
    let ended =
        serve(server, &restage, config, || Config::read(args, settings, |name| env::var(name).ok()), &mut signals);
    let ended = ended.await;
    drop(held);
    ended
}

/// Says what the settings come to.
fn check(config: &Config, settings: &Settings, output: &mut Output) -> Outcome {
    let file = config.file.as_ref().map(|file| file.display().to_string());
    let answer =
        json!({ "data": settings.data, "file": file, "listen": config.listen.to_string(), "set": config.set() });
    let text = |_| {
        let file = file.as_deref().unwrap_or("none");
        let set = toml_text(config);
        format!(
            "the settings are good\ndata:   {}\nfile:   {file}\nlisten: {}\n{set}",
            settings.data.display(),
            config.listen
        )
    };
    Ok(output.data(&answer, text)?)
}

fn toml_text(config: &Config) -> String {
    let set = keys::KEYS.iter().filter_map(|key| Some((key.name, key.get(config.set())?)));
    set.map(|(name, value)| format!("{name} = {}\n", json!(value))).collect()
}

fn listen(address: SocketAddr) -> Outcome<TcpListener> {
    let bind = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)?.into_std()
    };
    bind().map_err(|error| {
        let hint = "name another with --listen, like --listen 127.0.0.1:0 for a free port";
        Stop::problem("address", format!("{address} can't be listened on: {error}"), hint)
    })
}

/// Starts everything, and says so on the standard output: the address alone on a line; on the first start a link to
/// sign in with.
async fn begin(
    config: &Config,
    settings: &Settings,
    restage: &Restage,
    agents: Agents,
    listener: TcpListener,
    output: &mut Output,
) -> Outcome<(RunningServer, Held)> {
    let access = restage.access().await?;
    if !config.listen.ip().is_loopback() && !access.is_open_to_anybody() {
        let what = format!("{} can be reached from other machines, and there is no token yet", config.listen);
        let hint = "make one first: restage token create --role admin";
        return Err(Stop::problem("no_token", what, hint));
    }
    let tasks = restage.tasks(TaskOptions::default().agents(agents.config))?;
    let mut options = config.options.clone();
    options.commands = Some(Arc::new(CommandServer::new(restage.clone(), settings.data.clone())));
    let server = Server::start(restage.clone(), options, listener).await.map_err(unstartable)?;
    tasks.serve();
    restage.workflows()?.serve();
    restage.batches()?.serve();
    if let Some(facilitator) = &config.facilitator {
        restage.serve_facilitator(facilitator.clone())?;
    }
    let token = access.local_token()?.ok_or_else(|| Stop::problem("internal", "a server has one local token", ""))?;
    let held = Held::write(&settings.data, &local_url(&server), token.reveal())
        .map_err(|error| Stop::file("writing", &settings.data.join(held::FILE), &error))?;
    let mut lines = format!("{}\n", server.url());
    let first = access.first_link().await?;
    if let Some(link) = &first {
        lines.push_str(&format!("{}/sign-in?link={}\n", server.url(), link.reveal()));
    }
    output.bytes(lines.as_bytes())?;
    // The log of a service has a form of its own.
    if output.is_seen() {
        output.note(match first {
            Some(_) => "open the second address in a browser: it signs the browser in, once; there, load an example",
            None => "open the address in a browser; a link that signs one in: restage token link",
        });
    }
    tracing::info!(address = %server.address(), data = %settings.data.display(), "ready");
    Ok((server, held))
}

/// The address for programs of this machine.
fn local_url(server: &RunningServer) -> String {
    let ip = match server.address().ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(ip, server.address().port());
    server.url().replace(&server.address().to_string(), &address.to_string())
}

fn unstartable(error: ServerError) -> Stop {
    match error {
        ServerError::Data(error) => error.into(),
        error => Stop::problem("io", error.to_string(), "look at the settings: restage serve --check"),
    }
}

/// What the process is told to do.
enum Told {
    /// To read its settings again.
    Reload,
    /// To end.
    End(Exit),
}

/// What tells it.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::End(Exit::Interrupted),
            _ = self.terminate.recv() => Told::End(Exit::Terminated),
            _ = self.hangup.recv() => Told::Reload,
        }
    }

    /// Waits until it is to end.
    async fn end(&mut self) -> Exit {
        loop {
            if let Told::End(exit) = self.next().await {
                return exit;
            }
        }
    }
}

/// Serves until it is asked to end, and then ends: all that is under way is finished, all drafts are written down.
async fn serve(
    mut server: RunningServer,
    restage: &Restage,
    mut config: Config,
    read: impl Fn() -> Outcome<Config>,
    signals: &mut Signals,
) -> Outcome {
    loop {
        tokio::select! {
            told = signals.next() => match told {
                Told::Reload => config = reload(&server, restage, config, read()),
                Told::End(exit) => {
                    tracing::info!(signal = ?exit, "stopping");
                    break;
                }
            },
            ended = server.ended() => {
                restage.clone().shutdown().await?;
                let why = ended.err().map_or_else(|| "it stopped by itself".to_owned(), |error| error.to_string());
                return Err(Stop::problem("io", why, "look into the log, and start it again"));
            }
            () = service::watch(restage) => {}
        }
    }
    service::stopping();
    let finished = tokio::time::timeout(config.shutdown, async {
        let stopped = server.stop().await;
        restage.clone().shutdown().await?;
        Ok::<_, Stop>(stopped)
    });
    tokio::select! {
        finished = finished => ended(finished, config.shutdown),
        exit = signals.end() => {
            tracing::warn!("asked twice: what is under way is cut off, and drafts are lost");
            Err(Stop::Signal(exit))
        }
    }
}

fn ended(
    finished: Result<Outcome<Result<(), crate::http::StopError>>, tokio::time::error::Elapsed>,
    within: Duration,
) -> Outcome {
    let hint = "what was acknowledged is safe; what was not may be done or not: look before you ask again";
    match finished {
        Ok(Ok(Ok(()))) => {
            tracing::info!("stopped");
            Ok(())
        }
        Ok(Ok(Err(error))) => Err(Stop::problem("unfinished", error.to_string(), hint)),
        Ok(Err(stop)) => Err(stop),
        Err(_) => {
            let what = format!("it did not end within {} s, and was cut off", within.as_secs());
            Err(Stop::problem("unfinished", what, hint))
        }
    }
}

/// Takes over what can change while the server runs, and says what can't.
fn reload(server: &RunningServer, restage: &Restage, config: Config, fresh: Outcome<Config>) -> Config {
    if let Err(error) = server.reload_certificate() {
        tracing::error!(%error, "the certificate stays as it was");
    }
    let fresh = match fresh {
        Ok(fresh) => fresh,
        Err(stop) => {
            tracing::error!(problem = stop.what(), "the settings stay as they were");
            return config;
        }
    };
    let (taken, waiting): (Vec<_>, Vec<_>) = config.moved(&fresh).into_iter().partition(|key| key.is_live);
    server.adjust(fresh.options.adjustable.clone());
    match &fresh.facilitator {
        Some(facilitator) => {
            if let Err(error) = restage.serve_facilitator(facilitator.clone()) {
                tracing::error!(%error, "the facilitator stays as it was");
            }
        }
        None if config.facilitator.is_some() => tracing::warn!("the facilitator is there until the next start"),
        None => {}
    }
    let names = |keys: Vec<&keys::Key>| keys.iter().map(|key| key.name).collect::<Vec<_>>().join(", ");
    tracing::info!(taken = names(taken), needs_restart = names(waiting), "the settings were read again");
    // Last, so that the log says what was done to it.
    if let Err(error) = logs::set(&fresh.log) {
        tracing::error!(%error, "the log stays as it was");
    }
    config.take(&fresh)
}
