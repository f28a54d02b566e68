//! The server from start to end. It gets its data folder, its socket and the word to stop from whoever runs it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::available_parallelism;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{HttpServer, web};
use thiserror::Error as ThisError;
use tokio::task::JoinHandle;
use utoipa_actix_web::AppExt as _;

use super::metrics::UPKEEP;
use super::options::{Adjustable, ServerOptions};
use super::state::{App, Phase};
use super::tls::{self, Certificate, TlsError};
use super::{edge, openapi, routes, streams};
use crate::api::{Error, Restage};

/// The server.
#[derive(Debug)]
pub struct Server;

/// A server that can't be started.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum ServerError {
    /// The data folder is not fit for it.
    #[error(transparent)]
    Data(#[from] Error),
    /// The certificate can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The socket or the threads are not to be had.
    #[error("the server can't be started: {0}")]
    Io(#[from] io::Error),
}

/// A server that did not end well.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum StopError {
    /// Requests were still under way at the deadline, and were cut off; or their callers went away meanwhile.
    #[error("{requests} requests were not answered within {within:?}, and were cut off")]
    UnderWay {
        /// How many.
        requests: usize,
        /// How long they were waited for.
        within: Duration,
    },
    /// It ended by itself.
    #[error("the server ended: {0}")]
    Io(#[from] io::Error),
}

/// So long before requests are cut off it is looked how many there are.
const LAST_LOOK: Duration = Duration::from_millis(50);

/// A server that serves.
#[derive(Debug)]
pub struct RunningServer {
    address: SocketAddr,
    app: App,
    certificate: Option<Arc<Certificate>>,
    handle: ServerHandle,
    task: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Serves an open data folder on a socket, until it is [stopped](RunningServer::stop). It is ready when this
    /// returns. Tasks, as they are when this is called, are looked at and asked; who has their effects carried out, and
    /// closes the folder in the end, is the caller.
    ///
    /// # Errors
    /// Kinds of the folder are taken by others; the socket can't be used; threads can't be started.
    pub async fn start(
        restage: Restage,
        options: ServerOptions,
        listener: TcpListener,
    ) -> Result<RunningServer, ServerError> {
        let address = listener.local_addr()?;
        streams::drop_the_slow(&listener)?;
        let limits = options.limits.clone();
        let certificate = options.tls.clone().map(Certificate::read).transpose()?.map(Arc::new);
        let workers = match options.workers {
            0 => available_parallelism().map_or(1, usize::from),
            workers => workers,
        };
        let app = App::new(restage, options, openapi::document(), address).await?;
        let data = Data::new(app.clone());
        let server = HttpServer::new(move || {
            let app = actix_web::App::new().app_data(Data::clone(&data));
            let (app, _) = app.into_utoipa_app().configure(routes::all).split_for_parts();
            app.default_service(web::to(routes::unknown)).wrap(from_fn(edge::pass))
        });
        let server = server
            .workers(workers)
            .keep_alive(limits.keep_alive)
            .client_request_timeout(limits.head_time)
            .max_connections(limits.connections_per_worker)
            .shutdown_timeout(whole_seconds(limits.shutdown).as_secs())
            .tcp_nodelay(true)
            .disable_signals();
        let server = match &certificate {
            Some(certificate) => server.listen_rustls_0_23(listener, tls::config(Arc::clone(certificate))?)?,
            None => server.listen(listener)?,
        };
        let server = server.run();
        let handle = server.handle();
        let task = tokio::spawn(server);
        tokio::spawn(upkeep(app.clone()));
        app.webhooks.serve();
        app.life.enter(Phase::Ready);
        Ok(RunningServer { address, app, certificate, handle, task })
    }
}

impl RunningServer {
    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address that clients ask it at.
    pub fn url(&self) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Reads the certificate again, for new connections.
    ///
    /// # Errors
    /// The files can't be used; then the certificate stays as it was.
    pub fn reload_certificate(&self) -> Result<(), TlsError> {
        self.certificate.as_ref().map_or(Ok(()), |certificate| certificate.reload())
    }

    /// Changes what can change while it runs.
    pub fn adjust(&self, adjustable: Adjustable) {
        self.app.adjust(adjustable);
    }

    /// Waits until it ends by itself, which it does only if it must.
    ///
    /// # Errors
    /// Why it ended.
    pub async fn ended(&mut self) -> Result<(), StopError> {
        Ok((&mut self.task).await.unwrap_or_else(|error| Err(io::Error::other(error)))?)
    }

    /// Says that it is no longer ready, takes no more connections, ends streams and long polls, and waits for what is
    /// under way, up to [`Limits::shutdown`](super::Limits::shutdown).
    ///
    /// # Errors
    /// What was still under way then was cut off.
    pub async fn stop(mut self) -> Result<(), StopError> {
        self.app.life.enter(Phase::Stopping);
        let within = whole_seconds(self.app.options.limits.shutdown);
        let mut stopping = std::pin::pin!(self.handle.stop(true));
        // Looked at before they are cut off: when their futures are dropped is not told.
        let requests = tokio::select! {
            () = &mut stopping => 0,
            () = tokio::time::sleep(within.saturating_sub(LAST_LOOK)) => {
                let under_way = self.app.requests.under_way.load(Ordering::Acquire);
                stopping.await;
                under_way
            }
        };
        self.ended().await?;
        if requests == 0 { Ok(()) } else { Err(StopError::UnderWay { requests, within }) }
    }

    /// Ends it at once, whatever is under way.
    pub async fn abort(mut self) {
        self.app.life.enter(Phase::Stopping);
        self.handle.stop(false).await;
        if let Err(error) = self.ended().await {
            tracing::warn!(%error, "the server did not end well");
        }
    }
}

/// What requests under way are given when the server stops: it counts in whole seconds.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs().max(1))
}

/// Keeps figures from piling up, until the server stops.
async fn upkeep(app: App) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        tokio::select! {
            _ = ticks.tick() => app.metrics.upkeep(),
            () = app.life.stopping() => return,
        }
    }
}
