//! What every page has around it: who looks, where they are, what they may do, and what the page follows.

use std::fmt::Write as _;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use askama::Template;

use super::assets::base;
use super::html::Html;
use crate::api::access::Role;
use crate::api::{EntityId, events};
use crate::http::caller::Reader;
use crate::http::problem::{Answer, Problem};
use crate::http::state::App;

/// What is around a page. Whoever takes one as an argument shows the page only to who may look.
#[derive(Clone, Debug)]
pub(super) struct Shell {
    /// What the page is called.
    pub(super) title: String,
    /// The path of the page.
    pub(super) path: String,
    /// Who looks.
    pub(super) name: String,
    /// Their role.
    pub(super) role: String,
    /// Whether they may go forward.
    pub(super) may_write: bool,
    /// Whether they may go back.
    pub(super) may_reset: bool,
    /// Whether they may do everything.
    pub(super) may_admin: bool,
    /// What scripts of this page carry, and what htmx acts on.
    pub(super) nonce: String,
    /// Where styles and scripts are.
    pub(super) assets: String,
    /// The events that change the page, as the query of the stream; empty if nothing does.
    pub(super) follow: String,
    /// Events are followed from here on: nothing that happens after the page was read is missed.
    pub(super) after: String,
    /// The entity that the page is about, as programs address it; empty if it is about none.
    pub(super) entity: String,
    /// Styles beside those that every page has.
    pub(super) styles: Vec<&'static str>,
    /// Scripts beside those that every page has.
    pub(super) scripts: Vec<&'static str>,
}

impl Shell {
    /// What the page is called.
    #[must_use]
    pub(super) fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// The page is about this entity, and is shown anew whenever something happens to it.
    #[must_use]
    pub(super) fn about(mut self, kind: &str, id: &EntityId) -> Self {
        self.entity = format!("/v1/{kind}s/{id}");
        self.follow = format!("kind={kind}&id={id}");
        self
    }

    /// The page is shown anew whenever something happens to any entity of these kinds.
    #[must_use]
    pub(super) fn following(mut self, kinds: &[&str]) -> Self {
        self.follow = kinds.iter().map(|kind| format!("kind={kind}")).collect::<Vec<_>>().join("&");
        self
    }

    /// With a style sheet of its own: `workshop.css`.
    #[must_use]
    pub(super) fn style(mut self, file: &'static str) -> Self {
        self.styles.push(file);
        self
    }

    /// With a script of its own: `conversation.js`.
    #[must_use]
    pub(super) fn script(mut self, file: &'static str) -> Self {
        self.scripts.push(file);
        self
    }

    /// Writes the page.
    pub(super) fn page<T: Template>(self, make: impl FnOnce(Self) -> T) -> Answer<Html> {
        let nonce = self.nonce.clone();
        Html::moving(&make(self), &nonce)
    }

    /// Whether the page is one of this part of the site, for the list of parts.
    pub(super) fn is_in(&self, part: &str) -> bool {
        if part == "/" { self.path == "/" } else { self.path.starts_with(part) }
    }

    fn of(request: &HttpRequest) -> Answer<Self> {
        let app = request.app_data::<Data<App>>().ok_or_else(Problem::internal)?;
        let caller = Reader::extract(request).into_inner()?;
        let mut nonce = String::with_capacity(32);
        for byte in app.restage.random()? {
            // A string takes all that is written to it.
            let _ = write!(nonce, "{byte:02x}");
        }
        let after: events::Offset = app.restage.events().now();
        Ok(Self {
            title: String::new(),
            path: request.path().to_owned(),
            name: caller.name.clone(),
            role: caller.role.to_string(),
            may_write: caller.role >= Role::Write,
            may_reset: caller.role >= Role::Reset,
            may_admin: caller.role >= Role::Admin,
            nonce,
            assets: base(),
            follow: String::new(),
            after: after.to_string(),
            entity: String::new(),
            styles: Vec::new(),
            scripts: Vec::new(),
        })
    }
}

impl FromRequest for Shell {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}
