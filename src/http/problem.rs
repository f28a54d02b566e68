//! What went wrong, as RFC 9457 has it: the one form of every error that the server answers.

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::wire::Plan;
use crate::api::{Class, Error, Rejection};

/// What a handler comes to.
pub(in crate::http) type Answer<T> = Result<T, Problem>;

/// The media type of every error.
pub(in crate::http) const MEDIA_TYPE: &str = "application/problem+json";
/// When to come again, where it is not known better.
const RETRY_SECONDS: u32 = 1;

/// Something that was not done, and what to do about it.
#[derive(Clone, Debug)]
pub(in crate::http) struct Problem(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
    hint: String,
    more: Map<String, Value>,
    headers: HeaderMap,
}

/// A problem as it is sent.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem, description = "What was not done, why, and what to do about it (RFC 9457).")]
pub(in crate::http) struct Sent<'a> {
    /// Names the sort of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:restage:problem:not_found")]
    of: String,
    /// The status in words.
    title: &'a str,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong, as a sentence.
    detail: &'a str,
    /// A stable word for programs.
    #[schema(example = "not_found")]
    code: &'a str,
    /// What to do about it.
    #[serde(skip_serializing_if = "str::is_empty")]
    #[schema(required = false)]
    hint: &'a str,
    /// Names this request in the server's log.
    request_id: &'a str,
    /// What belongs to this sort of problem: `plan`, `orphan`, `current`, ...
    #[serde(flatten)]
    more: &'a Map<String, Value>,
}

impl Problem {
    /// A problem of this status and code.
    pub(in crate::http) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Self {
        let (code, detail) = (code.into(), detail.into());
        let (hint, more, headers) = (String::new(), Map::new(), HeaderMap::new());
        Self(Box::new(Inner { status, code, detail, hint, more, headers }))
    }

    /// A request that can't be read.
    pub(in crate::http) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// Nothing is said about what went wrong inside: that is in the log, under the id of the request.
    pub(in crate::http) fn internal() -> Self {
        let problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed to do this");
        problem.hint("look into the server's log for the id of this request")
    }

    /// The server can't do it now.
    pub(in crate::http) fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(RETRY_SECONDS)
    }

    /// The same, with what to do about it.
    #[must_use]
    pub(in crate::http) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = hint.into();
        self
    }

    /// The same, with something more that programs can use.
    #[must_use]
    pub(in crate::http) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.0.more.insert(name.to_owned(), value);
        }
        self
    }

    /// The same, with a header. What can't be one is left out.
    #[must_use]
    pub(in crate::http) fn header(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value.as_ref())) {
            self.0.headers.insert(name, value);
        }
        self
    }

    /// The same, with when to come again.
    #[must_use]
    pub(in crate::http) fn retry_after(mut self, seconds: u32) -> Self {
        self.0.headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        self
    }

    /// The stable word for programs.
    pub(in crate::http) fn code(&self) -> &str {
        &self.0.code
    }

    /// What is wrong, as a sentence.
    pub(in crate::http) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What to do about it; empty where nothing is known.
    pub(in crate::http) fn what_to_do(&self) -> &str {
        &self.0.hint
    }

    /// The status it is answered with.
    pub(in crate::http) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The answer to the request of this id.
    pub(in crate::http) fn response(&self, request_id: &str) -> HttpResponse {
        let Inner { status, code, detail, hint, more, headers } = &*self.0;
        let of = format!("urn:restage:problem:{code}");
        let title = status.canonical_reason().unwrap_or("Error");
        let sent = Sent { of, title, status: status.as_u16(), detail, code, hint, request_id, more };
        let mut answer = HttpResponse::build(*status);
        for (name, value) in headers {
            answer.insert_header((name.clone(), value.clone()));
        }
        answer.content_type(MEDIA_TYPE);
        // Strings and values have a JSON form; without one, the status says the most of it.
        answer.body(serde_json::to_vec(&sent).unwrap_or_default())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    /// Without an id: the edge of the server, through which every answer goes, makes the answer again with it.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.0.status)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = status_of(&error);
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(code = error.code(), %error, "a request failed");
            return Self::internal();
        }
        let problem = match error.code() {
            // What exactly failed is for the log: it names files.
            code @ "poisoned" => {
                tracing::error!(code, %error, "a request failed");
                Self::new(status, "poisoned", "the store stopped after a failed write: it may have been done or not")
            }
            "stopped" | "closed" => Self::new(status, "stopping", "the server is stopping"),
            code => Self::new(status, code.to_owned(), error.to_string()),
        };
        let problem = match error.code() {
            "stopped" | "closed" => problem.hint("ask again when it is back"),
            _ => problem.hint(error.hint()),
        };
        let problem = match error.rejection() {
            Some(rejection) => problem.about(rejection),
            None => problem,
        };
        if status == StatusCode::SERVICE_UNAVAILABLE { problem.retry_after(RETRY_SECONDS) } else { problem }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        Error::from(rejection).into()
    }
}

impl Problem {
    /// What programs can use of a refusal.
    fn about(self, rejection: &Rejection) -> Self {
        match rejection {
            Rejection::Stale { stage, given, current, orphan } => {
                self.with("stage", stage.as_str()).with("given", given.0).with("current", current.0).kept_as(*orphan)
            }
            Rejection::Superseded { stage, orphan, .. } => self.with("stage", stage.as_str()).kept_as(*orphan),
            Rejection::VersionMoved { expected, actual, .. } | Rejection::RevisionMoved { expected, actual } => {
                self.with("given", expected).with("current", actual)
            }
            Rejection::PlanMoved { plan } | Rejection::PlanRequired { plan } => {
                self.with("plan", Plan::from((**plan).clone()))
            }
            Rejection::Invalid { field, .. } => self.with("field", field),
            Rejection::Limit { most, .. } => self.with("most", most),
            _ => self,
        }
    }

    /// Says under which number work is kept that came too late.
    fn kept_as(self, orphan: Option<u64>) -> Self {
        match orphan {
            Some(orphan) => self.with("orphan", orphan),
            None => self,
        }
    }
}

/// The status that stands for an error: by its code where that says more than its class.
fn status_of(error: &Error) -> StatusCode {
    match error.code() {
        "limit" | "too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "revision_moved" | "version_moved" => StatusCode::PRECONDITION_FAILED,
        "plan_required" => StatusCode::PRECONDITION_REQUIRED,
        "key_reused" => StatusCode::UNPROCESSABLE_ENTITY,
        "gone" => StatusCode::GONE,
        _ => match error.class() {
            Class::NotFound => StatusCode::NOT_FOUND,
            Class::Conflict => StatusCode::CONFLICT,
            Class::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Class::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Class::Uncertain => StatusCode::GATEWAY_TIMEOUT,
            Class::Storage | Class::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Generation, StageId};

    fn sent(problem: &Problem) -> Value {
        let body = actix_web::body::to_bytes(problem.response("r1").into_body());
        serde_json::from_slice(&futures_util::FutureExt::now_or_never(body).unwrap().unwrap()).unwrap()
    }

    #[test]
    fn each_refusal_has_its_status_and_what_programs_need() {
        let stage = StageId::new("plan").unwrap();
        let stale = |orphan| {
            let (given, current) = (Generation(1), Generation(2));
            Rejection::Stale { stage: stage.clone(), given, current, orphan }
        };
        for (rejection, status, more) in [
            (Rejection::not_found("workshop", "x"), 404, Value::Null),
            (Rejection::exists("workshop", "x"), 409, Value::Null),
            (Rejection::conflict("it", "why", "do"), 409, Value::Null),
            (Rejection::invalid("title", "long"), 422, serde_json::json!({ "field": "title" })),
            (Rejection::limit("bytes", 7), 413, serde_json::json!({ "most": 7 })),
            (stale(None), 409, serde_json::json!({ "stage": "plan", "given": 1, "current": 2 })),
            (stale(Some(4)), 409, serde_json::json!({ "orphan": 4 })),
            (Rejection::RevisionMoved { expected: 3, actual: 5 }, 412, serde_json::json!({ "given": 3, "current": 5 })),
            (Rejection::KeyReused { key: "k".into() }, 422, Value::Null),
            (Rejection::refused("mine", "words", "do"), 409, Value::Null),
        ] {
            let code = rejection.code().to_owned();
            let sent = sent(&rejection.into());
            assert_eq!((&sent["status"], &sent["code"]), (&Value::from(status), &Value::from(code.clone())), "{sent}");
            assert_eq!(sent["type"], format!("urn:restage:problem:{code}"));
            for (name, value) in more.as_object().into_iter().flatten() {
                assert_eq!(&sent[name], value, "{sent}");
            }
        }
    }

    #[test]
    fn what_failed_inside_is_not_told() {
        let sent = sent(&Problem::internal());
        assert_eq!((&sent["status"], &sent["request_id"]), (&Value::from(500), &Value::from("r1")));
        let kept = Problem::unavailable("busy", "x").header("x-more", "a\r\nb").response("r1");
        assert!(!kept.headers().contains_key("x-more"), "what can't be a header is left out");
        assert_eq!(kept.headers().get("retry-after").unwrap(), "1");
    }
}
