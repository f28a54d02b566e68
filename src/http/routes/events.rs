//! What happens, as it happens: server-sent events, from any offset on.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{self, ContentEncoding};
use actix_web::web::{Bytes, Data, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use futures_util::stream;
use tokio::time::Interval;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::api::events::{EventStream, Filter, Offset, Told};
use crate::api::{LiveStream, LiveText, Stopwatch, access};
use crate::http::auth;
use crate::http::caller::Reader;
use crate::http::problem::{Answer, Problem};
use crate::http::state::App;
use crate::http::streams::{Place, SLOW_MOST};

/// How often it is looked whether the caller may still see events.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks without an event after which a sign of life is sent, and how far the caller has everything.
const BEAT_LOOKS: u32 = 10;
/// What a browser waits for before it comes again, in milliseconds.
const RETRY_MS: u32 = 2_000;
/// The header with the offset of the last event that was seen.
const LAST_EVENT_ID: &str = "last-event-id";

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(follow_events);
}

/// Follow events.
///
/// Server-sent events, in order, of everything that is committed: nothing that a crash could take back. The `id` of each
/// is its offset; the stream goes on after the one in `Last-Event-ID` or `after`, without a gap and without repeating any.
/// When the log no longer has what comes after it, or never had it, an event named `reset` says from where the stream goes
/// on: read the present state then. An event named `bye` says that the server stops. Where `live` is asked for, events named
/// `live`, without an `id`, bring what is being said and not saved yet; of each text the newest there is. Who reads nothing for 10 s is let go.
/// Events about tokens and webhooks are for admins.
#[utoipa::path(
    tag = "events",
    security(("token" = ["read"])),
    params(
        ("after" = Option<String>, Query, description = "The offset to go on after, or `now`.", max_length = 40),
        ("kind" = Option<Vec<String>>, Query, description = "Only events of these kinds of entities.", max_items = 64),
        ("id" = Option<Vec<String>>, Query, description = "Only events of entities with these ids.", max_items = 64),
        ("type" = Option<Vec<String>>, Query, description = "Only events of these types.", max_items = 64),
        ("live" = Option<bool>, Query, description = "Also what is being said and not saved yet."),
        ("Last-Event-ID" = Option<String>, Header, description = "The offset to go on after; goes before `after`."),
    ),
    responses((
        status = 200,
        description = "The stream. The data of each event is JSON, as docs/events.md tells it.",
        content_type = "text/event-stream",
        body = String
    ))
)]
#[get("/v1/events")]
async fn follow_events(app: Data<App>, caller: Reader, request: HttpRequest) -> Answer<HttpResponse> {
    let asked = Asked::of(&request, caller.role >= access::Role::Admin)?;
    let place = app.streams.enter(&caller.via.to_string())?;
    let events = app.restage.events();
    let known = asked.after.and_then(|offset| events.after(offset, asked.filter.clone()).ok());
    let (stream, first) = match known {
        Some(stream) => {
            let first = opening(stream.offset());
            (stream, first)
        }
        None => {
            let stream = events.after(events.now(), asked.filter.clone())?;
            let first = format!("{}{}", opening(stream.offset()), reset(stream.offset()));
            (stream, first)
        }
    };
    let stopping = {
        let life = app.life.clone();
        Box::pin(async move { life.stopping().await })
    };
    let live = asked.live.then(|| app.restage.live().subscribe(&asked.filter.selection));
    let following = Following {
        stream,
        live,
        filter: asked.filter,
        first: Some(first),
        stopping,
        looks: tokio::time::interval(LOOK_EVERY),
        quiet: 0,
        given: None,
        over: false,
        app,
        request,
        _place: place,
    };
    let chunks = stream::unfold(following, |following| async move { following.next().await });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(ContentEncoding::Identity)
        .insert_header((header::CACHE_CONTROL, "no-cache, no-transform"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(Box::pin(chunks)))
}

/// What a caller wants to see.
struct Asked {
    /// Where to go on; `None` for an offset that is none of ours.
    after: Option<Offset>,
    filter: Filter,
    /// Whether they also want what is not saved yet.
    live: bool,
}

impl Asked {
    fn of(request: &HttpRequest, admin: bool) -> Answer<Self> {
        let refused = |detail: String| Problem::bad_request("query", detail);
        let pairs = Query::<Vec<(String, String)>>::from_query(request.query_string());
        let pairs = pairs.map_err(|_| refused("the query can't be read".into()))?.into_inner();
        let mut filter = Filter { admin, ..Filter::default() };
        let (mut after, mut live): (Option<Option<Offset>>, Option<bool>) = (None, None);
        let events = request.app_data::<Data<App>>().ok_or_else(Problem::internal)?.restage.events();
        for (name, value) in pairs {
            match name.as_str() {
                "kind" => drop(filter.selection.kinds.insert(value)),
                "id" => drop(filter.selection.ids.insert(value)),
                "type" => drop(filter.selection.types.insert(value)),
                "after" if after.is_some() => return Err(refused("after is there twice".into())),
                "live" if live.is_some() => return Err(refused("live is there twice".into())),
                "live" => live = Some(value.parse().map_err(|_| refused("live is neither true nor false".into()))?),
                "after" if value == "now" => after = Some(Some(events.now())),
                "after" => after = Some(Some(value.parse().map_err(crate::api::Error::from)?)),
                other => {
                    return Err(refused(format!(
                        "{other:?} is no parameter of this: they are after, kind, id, type and live"
                    )));
                }
            }
        }
        filter.selection.check().map_err(crate::api::Error::from)?;
        // A browser that comes again sends the offset it has, with the address it began with. One that is refused comes no
        // more, so what can't be read is as good as what is gone.
        if let Some(last) = request.headers().get(LAST_EVENT_ID) {
            after = Some(last.to_str().ok().and_then(|text| text.parse().ok()));
        }
        Ok(Self { after: after.unwrap_or_else(|| Some(events.now())), filter, live: live.unwrap_or_default() })
    }
}

/// One who follows, from chunk to chunk. Nothing is read ahead of what they take.
struct Following {
    stream: EventStream,
    /// What is not saved yet, for those who want it.
    live: Option<LiveStream>,
    filter: Filter,
    first: Option<String>,
    stopping: Pin<Box<dyn Future<Output = ()>>>,
    looks: Interval,
    /// Looks since the last chunk.
    quiet: u32,
    /// Since when the last chunk waits to be taken.
    given: Option<Stopwatch>,
    over: bool,
    app: Data<App>,
    request: HttpRequest,
    _place: Place,
}

impl Following {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if self.over || self.given.take().is_some_and(|given| given.time() > SLOW_MOST) {
            return None;
        }
        let chunk = match self.first.take() {
            Some(first) => first,
            None => self.wait().await?,
        };
        self.quiet = 0;
        self.given = Some(Stopwatch::start());
        Some((Ok(Bytes::from(chunk)), self))
    }

    /// What comes next; `None` for one who may not see any more.
    async fn wait(&mut self) -> Option<String> {
        loop {
            tokio::select! {
                biased;
                () = &mut self.stopping => return Some(self.bye()),
                _ = self.looks.tick() => {
                    if !self.may_see() {
                        return None;
                    }
                    self.quiet += 1;
                    if self.quiet >= BEAT_LOOKS {
                        return Some(beat(self.stream.offset()));
                    }
                }
                told = self.stream.next() => return match told {
                    Ok(told) => Some(shown(&told)),
                    Err(error) if error.code() == "gone" => self.go_on_from_now(),
                    Err(_) => Some(self.bye()),
                },
                said = said(&mut self.live) => return Some(spoken(&said)),
            }
        }
    }

    /// Whether the caller's token or session still holds, and lets see what the stream shows.
    fn may_see(&self) -> bool {
        let needs = if self.filter.admin { access::Role::Admin } else { access::Role::Read };
        auth::identify(&self.app, &self.request).is_ok_and(|identity| identity.role >= needs)
    }

    fn go_on_from_now(&mut self) -> Option<String> {
        let events = self.app.restage.events();
        self.stream = events.after(events.now(), self.filter.clone()).ok()?;
        Some(reset(self.stream.offset()))
    }

    fn bye(&mut self) -> String {
        self.over = true;
        format!("event: bye\nid: {}\ndata: {{}}\n\n", self.stream.offset())
    }
}

/// What is said next; nothing ever for those who don't want it.
async fn said(live: &mut Option<LiveStream>) -> Vec<Arc<LiveText>> {
    match live {
        Some(live) => live.next().await,
        None => std::future::pending().await,
    }
}

/// What comes first, at once: whoever follows knows that they do, and from where.
fn opening(offset: Offset) -> String {
    format!("retry: {RETRY_MS}\nid: {offset}\n\n")
}

/// A sign of life, and how far the caller has everything.
fn beat(offset: Offset) -> String {
    format!(": beat\nid: {offset}\n\n")
}

fn reset(offset: Offset) -> String {
    format!("event: reset\nid: {offset}\ndata: {{\"position\":\"{offset}\"}}\n\n")
}

fn shown(told: &[Arc<Told>]) -> String {
    let bytes = told.iter().map(|told| told.json.len() + 40).sum();
    let mut text = String::with_capacity(bytes);
    for told in told {
        // A string takes all that is written to it.
        let _ = write!(text, "id: {}\ndata: {}\n\n", told.offset, told.json);
    }
    text
}

/// What is being said. It has no offset: it is not what happened, and whoever comes again goes on after what did.
fn spoken(said: &[Arc<LiveText>]) -> String {
    let json = said.iter().filter_map(|text| serde_json::to_string(text.as_ref()).ok());
    json.map(|json| format!("event: live\ndata: {json}\n\n")).collect()
}
