//! Lists, a page at a time. A cursor is good for the list that gave it, and for nothing else.

use std::future::{Ready, ready};

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::problem::{Answer, Problem};

/// Items of a page, where nothing is said.
pub(in crate::http) const PAGE_ITEMS: usize = 50;
/// Most items of a page.
pub(in crate::http) const PAGE_ITEMS_MAX: usize = 500;
/// Bytes of the mark that tells a cursor of ours.
const MARK_BYTES: usize = 8;
/// Longest cursor.
const CURSOR_BYTES_MAX: usize = 2_048;

/// Which page of a list is asked for.
#[derive(Clone, Debug)]
pub(in crate::http) struct Paging {
    /// The key after which the page begins, as the list itself gave it.
    pub(in crate::http) after: Option<String>,
    /// The most items.
    pub(in crate::http) limit: usize,
    path: String,
    query: String,
}

/// The parameters of every list, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described; `Paging` reads them")]
pub(in crate::http) struct PagingParameters {
    /// The `next` of the page before.
    #[param(max_length = 2048)]
    cursor: Option<String>,
    /// The most items of the page.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u16>,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Page<T> {
    /// The items, in order.
    items: Vec<T>,
    /// The cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
    #[serde(skip)]
    #[schema(ignore)]
    address: Option<String>,
}

impl<T> Page<T> {
    /// The items, and the cursor of the next page.
    pub(in crate::http) fn into_parts(self) -> (Vec<T>, Option<String>) {
        (self.items, self.next)
    }

    /// Where the next page is, as a path with its query.
    pub(in crate::http) fn address(self) -> Option<String> {
        self.address
    }

    /// The same page, with each item made into another.
    pub(in crate::http) fn map<U>(self, make: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(make).collect(), next: self.next, address: self.address }
    }
}

impl Paging {
    /// The key after which the page begins, as `read` reads it.
    pub(in crate::http) fn after<T>(&self, read: impl Fn(&str) -> Option<T>) -> Answer<Option<T>> {
        self.after.as_deref().map(|key| read(key).ok_or_else(no_cursor)).transpose()
    }

    /// The number after which the page begins.
    pub(in crate::http) fn after_number(&self) -> Answer<Option<u64>> {
        self.after(|key| key.parse().ok())
    }

    /// How many to read, to know whether more follow.
    pub(in crate::http) fn to_read(&self) -> usize {
        self.limit + 1
    }

    /// The page made of what was read: [`to_read`](Self::to_read) items or fewer. `key` is what a page after an item
    /// begins with.
    pub(in crate::http) fn page<T>(&self, mut read: Vec<T>, key: impl Fn(&T) -> String) -> Page<T> {
        let more = read.len() > self.limit;
        read.truncate(self.limit);
        let next = read.last().filter(|_| more).map(key);
        self.page_until(read, next)
    }

    /// The page of these items, after which those after the key follow, if there is one.
    pub(in crate::http) fn page_until<T>(&self, items: Vec<T>, next: Option<String>) -> Page<T> {
        let next = next.map(|key| seal(&self.path, &key));
        let address = next.as_deref().map(|cursor| self.href(cursor));
        Page { items, next, address }
    }

    /// The address of the page after which those after the key follow, if there is one.
    pub(in crate::http) fn next_href(&self, next: Option<String>) -> Option<String> {
        next.map(|key| self.href(&seal(&self.path, &key)))
    }

    /// Where the first page is, as a path with its query.
    pub(in crate::http) fn first(&self) -> String {
        let others: Vec<&str> = self.query.split('&').filter(|pair| !pair.starts_with("cursor=")).collect();
        format!("{}?{}", self.path, others.join("&"))
    }

    fn href(&self, cursor: &str) -> String {
        let others = self.query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
        let query: String = others.flat_map(|pair| [pair, "&"]).collect();
        format!("{}?{query}cursor={cursor}", self.path)
    }

    fn of(request: &HttpRequest) -> Answer<Self> {
        let (path, query) = (request.path().to_owned(), request.query_string().to_owned());
        let (mut after, mut limit) = (None, None);
        for pair in query.split('&') {
            match pair.split_once('=') {
                Some(("cursor", cursor)) if after.is_none() => {
                    after = Some(open(&path, cursor).ok_or_else(no_cursor)?);
                }
                Some(("limit", number)) if limit.is_none() => {
                    let number = number.parse().ok().filter(|number| (1..=PAGE_ITEMS_MAX).contains(number));
                    limit = Some(number.ok_or_else(|| {
                        let detail = format!("the limit of a page is a number from 1 to {PAGE_ITEMS_MAX}");
                        Problem::bad_request("limit", detail)
                    })?);
                }
                Some((name @ ("cursor" | "limit"), _)) => {
                    return Err(Problem::bad_request("query", format!("{name} is there twice")));
                }
                _ => {}
            }
        }
        Ok(Self { after, limit: limit.unwrap_or(PAGE_ITEMS), path, query })
    }
}

impl FromRequest for Paging {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

impl<T: Serialize> Responder for Page<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut answer = HttpResponse::Ok();
        if let Some(address) = &self.address {
            answer.insert_header(("link", format!("<{address}>; rel=\"next\"")));
        }
        answer.json(self)
    }
}

fn no_cursor() -> Problem {
    let problem = Problem::bad_request("cursor", "this is no cursor of this list");
    problem.hint("send the `next` of the page before as it is, or begin without a cursor")
}

/// Which cursors are ours: their content is no secret, but nothing else is taken for one.
fn mark(path: &str, key: &[u8]) -> [u8; MARK_BYTES] {
    let digest = Sha256::new().chain_update(b"cursor\0").chain_update(path).chain_update(b"\0").chain_update(key);
    let mut mark = [0; MARK_BYTES];
    mark.copy_from_slice(&digest.finalize()[..MARK_BYTES]);
    mark
}

fn seal(path: &str, key: &str) -> String {
    let mut bytes = mark(path, key.as_bytes()).to_vec();
    bytes.extend_from_slice(key.as_bytes());
    BASE64.encode(bytes)
}

fn open(path: &str, cursor: &str) -> Option<String> {
    if cursor.len() > CURSOR_BYTES_MAX {
        return None;
    }
    let bytes = BASE64.decode(cursor).ok()?;
    let (given, key) = bytes.split_at_checked(MARK_BYTES)?;
    let key = std::str::from_utf8(key).ok()?;
    (given == mark(path, key.as_bytes())).then(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn paging(uri: &str) -> Answer<Paging> {
        Paging::of(&TestRequest::get().uri(uri).to_http_request())
    }

    #[test]
    fn pages_lead_to_each_other() {
        let first = paging("/v1/things?kind=a&limit=2&x=%20y").unwrap();
        assert_eq!((first.after.as_deref(), first.to_read()), (None, 3));
        let page = first.page(vec!["a", "b", "c"], |item| (*item).to_owned());
        let cursor = page.next.clone().unwrap();
        assert_eq!(page.items, ["a", "b"]);
        let next = format!("/v1/things?kind=a&limit=2&x=%20y&cursor={cursor}");
        assert_eq!(page.address.as_deref(), Some(next.as_str()));
        let second = paging(&next).unwrap();
        assert_eq!(second.after.as_deref(), Some("b"));
        let last = second.page(vec!["c"], |item| (*item).to_owned());
        assert_eq!((last.items, last.next, last.address), (vec!["c"], None, None));
    }

    #[test]
    fn a_cursor_is_good_for_its_list_alone() {
        let cursor = seal("/v1/things", "b");
        assert_eq!(open("/v1/things", &cursor).as_deref(), Some("b"));
        assert_eq!(open("/v1/others", &cursor), None);
        let mut changed = BASE64.decode(&cursor).unwrap();
        *changed.last_mut().unwrap() ^= 1;
        for wrong in
            [BASE64.encode(changed), format!("{cursor}A"), cursor[..8].to_owned(), "%".into(), "A".repeat(4_000)]
        {
            assert_eq!(open("/v1/things", &wrong), None, "{wrong}");
        }
        let problem = paging("/v1/things?cursor=abc").unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.code()), (400, "cursor"));
    }

    #[test]
    fn limits_are_bounded() {
        for (query, limit) in [("", Some(50)), ("limit=1", Some(1)), ("limit=500", Some(500)), ("limit=501", None)] {
            assert_eq!(paging(&format!("/v1/things?{query}")).ok().map(|paging| paging.limit), limit, "{query}");
        }
        for query in ["limit=0", "limit=-1", "limit=1e3", "limit=", "limit=99999999999999999999", "limit=1&limit=2"] {
            assert_eq!(paging(&format!("/v1/things?{query}")).unwrap_err().status().as_u16(), 400, "{query}");
        }
    }
}
