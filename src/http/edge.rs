//! What every request and every answer passes: its id, the limit of requests under way, the form of errors, headers,
//! the line in the log. One layer, because it lies on the path of everything.

use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use futures_util::FutureExt as _;

use super::auth::{self, Quota};
use super::problem::{self, Answer, Problem};
use super::state::{App, Requests};
use super::{caller, web};
use crate::api::Stopwatch;

/// The header that names a request in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id of a request that is taken from outside.
const REQUEST_ID_BYTES_MAX: usize = 64;
/// How it is with the server can be asked however much it has to do.
const ALWAYS: [&str; 4] = ["/livez", "/readyz", "/version", "/metrics"];
/// What an answer says of itself to a browser, unless its handler said otherwise.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // With `no-referrer` browsers say `Origin: null` for the forms of our own pages.
    (header::REFERRER_POLICY, "same-origin"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
    (header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
];

/// Who sent the request, once that is known: for the log.
#[derive(Clone, Debug)]
pub(in crate::http) struct Who(pub(in crate::http) String);

/// Handles a request.
pub(in crate::http) async fn pass<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let watch = Stopwatch::start();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let Some(app) = request.app_data::<Data<App>>().cloned() else {
        return Err(Problem::internal().into());
    };
    let admitted = UnderWay::enter(&app, request.path()).and_then(|under_way| {
        auth::admit(&app, &request)?;
        Ok(under_way)
    });
    let under_way = match admitted {
        Ok(under_way) => under_way,
        Err(problem) => {
            let answer = refused(&problem, request.request(), &id);
            let answer = request.into_response(answer).map_into_right_body();
            record(&app, &answer, &method, &id, watch.time());
            return Ok(dressed(answer, &id));
        }
    };
    let handled = AssertUnwindSafe(next.call(request)).catch_unwind().await;
    drop(under_way);
    let answer = match handled {
        Ok(Ok(answer)) if is_plain_error(answer.response()) => {
            let problem = problem_of(answer.response());
            let (request, _) = answer.into_parts();
            let answer = refused(&problem, &request, &id);
            ServiceResponse::new(request, answer).map_into_right_body()
        }
        Ok(Ok(answer)) => answer.map_into_left_body(),
        Ok(Err(error)) => return Err(failed(&app, &method, &id, &problem_of_error(&error), watch.time())),
        Err(_) => {
            tracing::error!(%method, request_id = %id, "a handler panicked: this is a defect");
            return Err(failed(&app, &method, &id, &Problem::internal(), watch.time()));
        }
    };
    if answer.status().is_client_error() {
        caller::audit_refusal(&app, answer.request()).await;
    }
    record(&app, &answer, &method, &id, watch.time());
    Ok(dressed(answer, &id))
}

/// One request under way; `None` where it is not counted.
struct UnderWay(Option<Arc<Requests>>);

impl UnderWay {
    fn enter(app: &App, path: &str) -> Answer<Self> {
        if ALWAYS.contains(&path) {
            return Ok(Self(None));
        }
        let before = app.requests.under_way.fetch_add(1, Ordering::AcqRel);
        let entered = Self(Some(Arc::clone(&app.requests)));
        if before < app.options.limits.requests {
            return Ok(entered);
        }
        let busy = Problem::unavailable("busy", "the server has too much to do");
        Err(busy.hint("wait a moment and ask again"))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(requests) = self.0.take() {
            requests.under_way.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// A refusal in the form that whoever asked can read.
fn refused(problem: &Problem, request: &HttpRequest, id: &str) -> HttpResponse {
    if web::is_page(request.path()) { web::fault(problem, request, id) } else { problem.response(id) }
}

/// An error that is not in the form of a problem yet. A page says for itself what is wrong.
fn is_plain_error<B>(answer: &HttpResponse<B>) -> bool {
    let status = answer.status();
    let is_error = status.is_client_error() || status.is_server_error();
    is_error
        && answer
            .headers()
            .get(header::CONTENT_TYPE)
            .is_none_or(|of| of != problem::MEDIA_TYPE && of != web::MEDIA_TYPE)
}

/// The problem that an answer stands for.
fn problem_of<B>(answer: &HttpResponse<B>) -> Problem {
    match answer.error() {
        Some(error) => problem_of_error(error),
        None => of_status(answer.status(), None),
    }
}

fn problem_of_error(error: &actix_web::Error) -> Problem {
    match error.as_error::<Problem>() {
        Some(problem) => problem.clone(),
        None => of_status(error.as_response_error().status_code(), Some(error.to_string())),
    }
}

/// What the framework refused.
fn of_status(status: StatusCode, detail: Option<String>) -> Problem {
    if status.is_server_error() {
        return Problem::internal();
    }
    let code = match status {
        StatusCode::NOT_FOUND => "no_such_route",
        StatusCode::METHOD_NOT_ALLOWED => "method",
        StatusCode::PAYLOAD_TOO_LARGE => "body_too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "media_type",
        StatusCode::REQUEST_TIMEOUT => "slow_body",
        _ => "request",
    };
    let reason = || format!("the request was refused: {}", status.canonical_reason().unwrap_or("error"));
    Problem::new(status, code, detail.unwrap_or_else(reason))
}

/// An error that carries its answer, for where there is no request any more to answer.
fn failed(app: &App, method: &Method, id: &str, problem: &Problem, took: Duration) -> actix_web::Error {
    note(app, method, None, problem.status().as_u16(), id, "-", took);
    let mut answer = problem.response(id);
    dress(answer.headers_mut(), id);
    InternalError::from_response("answered", answer).into()
}

fn dressed<B>(mut answer: ServiceResponse<B>, id: &str) -> ServiceResponse<B> {
    let quota = answer.request().extensions().get::<Quota>().copied();
    if let Some(quota) = quota {
        quota.tell(answer.headers_mut());
    }
    dress(answer.headers_mut(), id);
    answer
}

fn dress(headers: &mut HeaderMap, id: &str) {
    for (name, value) in HEADERS {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

/// The id that came with the request, if it has a form that can go into logs; else one of ours.
fn request_id(headers: &HeaderMap) -> Arc<str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let given = given.filter(|id| (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(allowed));
    given.map_or_else(made_id, Arc::from)
}

/// Unique in this process; what came before it, its log tells apart by time.
fn made_id() -> Arc<str> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut id = String::with_capacity(20);
    // A string takes all that is written to it.
    let _ = write!(id, "r{:x}", NEXT.fetch_add(1, Ordering::Relaxed));
    id.into()
}

/// Notes an answer, by its route: never the path, and never what was sent.
fn record<B>(app: &App, answer: &ServiceResponse<B>, method: &Method, id: &str, took: Duration) {
    let request = answer.request();
    let route = request.match_pattern();
    let extensions = request.extensions();
    let who = extensions.get::<Who>().map_or("-", |who| who.0.as_str());
    note(app, method, route.as_deref(), answer.status().as_u16(), id, who, took);
}

/// The figures, and the line in the log.
fn note(app: &App, method: &Method, route: Option<&str>, status: u16, request_id: &str, who: &str, took: Duration) {
    let route = route.unwrap_or("none");
    app.metrics.request(method, route, status, took);
    let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    tracing::info!(%method, route, status, us, request_id, who, "request");
}

#[cfg(test)]
mod tests {
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
    use actix_web::web;

    use super::*;
    use crate::api::Restage;
    use crate::http::{ServerOptions, openapi};

    async fn panics() -> HttpResponse {
        panic!("as a defect would")
    }

    #[actix_web::test]
    async fn a_panic_is_a_problem_and_nothing_else_ends() {
        let folder = tempfile::tempdir().unwrap();
        let restage = Restage::open(folder.path().join("data")).await.unwrap();
        let address = ([127, 0, 0, 1], 80).into();
        let app = App::new(restage.clone(), ServerOptions::default(), openapi::document(), address).await.unwrap();
        let (metrics, requests) = (app.metrics.clone(), Arc::clone(&app.requests));
        let service = actix_web::App::new().app_data(Data::new(app.clone()));
        let service = service.route("/panics", web::get().to(panics)).wrap(from_fn(pass));
        let service = init_service(service).await;
        for _ in 0..2 {
            let request = TestRequest::get().uri("/panics").insert_header(("host", "127.0.0.1")).to_request();
            let request = actix_web::dev::Service::call(&service, request).await;
            let answer = request.unwrap_err().error_response();
            assert_eq!(
                (answer.status(), answer.headers().get(header::CONTENT_TYPE).unwrap()),
                (StatusCode::INTERNAL_SERVER_ERROR, &HeaderValue::from_static(problem::MEDIA_TYPE))
            );
            assert!(answer.headers().contains_key(REQUEST_ID));
        }
        assert_eq!(requests.under_way.load(Ordering::Acquire), 0);
        let figures = metrics.render();
        assert!(figures.contains("method=\"GET\",route=\"none\",status=\"500\"} 2"), "{figures}");
        let request = TestRequest::get().uri("/nothing").insert_header(("host", "127.0.0.1")).to_request();
        let answer = call_service(&service, request).await;
        let problem: serde_json::Value = read_body_json(answer).await;
        assert_eq!(problem["code"], "no_such_route");
        restage.shutdown().await.unwrap();
    }

    #[test]
    fn ids_of_requests_are_taken_only_in_a_form_that_can_go_into_logs() {
        for (given, is_taken) in [
            ("abc-1.2_3", true),
            (&"x".repeat(64), true),
            (&"x".repeat(65), false),
            ("", false),
            ("a b", false),
            ("a\"b", false),
            ("\u{e9}", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(given.as_bytes()).unwrap());
            assert_eq!(&*request_id(&headers) == given, is_taken, "{given}");
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
