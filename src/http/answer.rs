//! Answers that say more than their body: the revision of an entity, what a turn came to.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LOCATION};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::Receipt;

/// The header of an answer that is of an earlier turn.
const REPLAYED: &str = "idempotency-replayed";

/// An entity as it is at a revision, which goes into the `ETag`.
#[derive(Debug)]
pub(in crate::http) struct Seen<T> {
    pub(in crate::http) revision: u64,
    pub(in crate::http) body: T,
}

impl<T: Serialize> Responder for Seen<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().insert_header((ETAG, tag(self.revision))).json(self.body)
    }
}

/// Nothing to say beside what every answer of a turn says.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub(in crate::http) struct Nothing {}

/// What a turn came to. It is durable, but for what is pending.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Done<T> {
    #[serde(flatten)]
    reply: T,
    /// The entity's revision after the turn.
    revision: u64,
    /// The generation of the stage that was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    generation: Option<u64>,
    /// What to undo to take this back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    undo_point: Option<u64>,
    /// Drafts that are not durable yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pending: Option<usize>,
    #[serde(skip)]
    #[schema(ignore)]
    replayed: bool,
    #[serde(skip)]
    #[schema(ignore)]
    status: StatusCode,
    #[serde(skip)]
    #[schema(ignore)]
    location: Option<String>,
}

impl<T> Done<T> {
    /// The answer of a turn, with the reply in its wire form.
    pub(in crate::http) fn new<R>(receipt: Receipt<R>, reply: impl FnOnce(R) -> T) -> Self {
        Self {
            revision: receipt.revision,
            generation: receipt.generation.map(|generation| generation.0),
            undo_point: receipt.undo_point,
            pending: Some(receipt.pending).filter(|pending| *pending > 0),
            replayed: receipt.replayed,
            reply: reply(receipt.reply),
            status: StatusCode::OK,
            location: None,
        }
    }

    /// The same, answered with another status than 200.
    #[must_use]
    pub(in crate::http) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same, saying where what was made is to be found.
    #[must_use]
    pub(in crate::http) fn made(mut self, location: impl Into<String>) -> Self {
        self.location = Some(location.into());
        self.status(StatusCode::CREATED)
    }
}

impl<T: Serialize> Responder for Done<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status);
        answer.insert_header((ETAG, tag(self.revision)));
        if self.replayed {
            answer.insert_header((REPLAYED, "true"));
        }
        if let Some(location) = &self.location {
            answer.insert_header((LOCATION, location.as_str()));
        }
        answer.json(self)
    }
}

fn tag(revision: u64) -> String {
    format!("\"{revision}\"")
}
