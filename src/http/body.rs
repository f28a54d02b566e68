//! Bodies of requests: JSON, of a known size and depth, with every name known and used once.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, TRANSFER_ENCODING};
use actix_web::web::{Bytes, Data};
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt as _;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use super::problem::{Answer, Problem};
use super::state::App;

/// Largest body, where a route has no limit of its own.
pub(in crate::http) const BODY_BYTES_MAX: usize = 1 << 20;
/// Deepest that lists and objects may lie in each other.
pub(in crate::http) const NESTING_MAX: usize = 64;
/// Longest that is repeated of what is wrong with a body: it may hold what came from outside.
const DETAIL_BYTES_MAX: usize = 400;

/// A body of JSON. `MOST` is its largest size, in bytes. Nothing at all is the same as `{}`.
#[derive(Debug)]
pub(in crate::http) struct Body<T, const MOST: usize = BODY_BYTES_MAX>(pub(in crate::http) T);

impl<T, const MOST: usize> Body<T, MOST> {
    pub(in crate::http) fn into_inner(self) -> T {
        self.0
    }
}

impl<T, const MOST: usize> Deref for Body<T, MOST> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static, const MOST: usize> FromRequest for Body<T, MOST> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Answer<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let declared = check_headers(request.headers(), MOST);
        let within = time(request);
        let payload = payload.take();
        Box::pin(async move {
            declared?;
            let bytes = read_all(payload, MOST, within?).await?;
            Ok(Self(parse(&bytes)?))
        })
    }
}

/// Refuses by its headers what would be refused later.
fn check_headers(headers: &HeaderMap, most: usize) -> Answer<()> {
    let encoded = headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
    if encoded {
        let problem = unsupported("the body is encoded");
        return Err(problem.hint("send it as it is, without Content-Encoding").header("Accept-Encoding", "identity"));
    }
    let mut types = headers.get_all(CONTENT_TYPE);
    let has_length = headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0");
    let is_empty = !has_length && !headers.contains_key(TRANSFER_ENCODING);
    match (types.next(), types.next()) {
        (None, None) if is_empty => {}
        (Some(of), None) if of.to_str().is_ok_and(is_json) => {}
        _ => return Err(unsupported("the body is not JSON").hint("send Content-Type: application/json")),
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > most)) {
        return Err(too_large(most));
    }
    Ok(())
}

/// Whether this is the media type of JSON, as UTF-8.
pub(in crate::http) fn is_json(of: &str) -> bool {
    let mut parts = of.split(';').map(str::trim);
    let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("application/json"));
    named
        && parts
            .all(|part| part.eq_ignore_ascii_case("charset=utf-8") || part.eq_ignore_ascii_case("charset=\"utf-8\""))
}

/// How long a body may take to come in.
pub(in crate::http) fn time(request: &HttpRequest) -> Answer<Duration> {
    let app = request.app_data::<Data<App>>().ok_or_else(Problem::internal)?;
    Ok(app.options.limits.body_time)
}

/// The whole of a body, within its limits of size and time.
pub(in crate::http) async fn read_all(mut payload: Payload, most: usize, within: Duration) -> Answer<Bytes> {
    let read = async {
        let mut first = Bytes::new();
        let mut more = Vec::new();
        while let Some(chunk) = payload.next().await {
            let chunk =
                chunk.map_err(|_| Problem::bad_request("body", "the body was cut short, or is no valid HTTP"))?;
            if first.len() + more.len() + chunk.len() > most {
                return Err(too_large(most));
            }
            // Most bodies come in one piece: they are not copied.
            if first.is_empty() && more.is_empty() {
                first = chunk;
            } else {
                more.extend_from_slice(&std::mem::take(&mut first));
                more.extend_from_slice(&chunk);
            }
        }
        Ok(if more.is_empty() { first } else { more.into() })
    };
    let slow = || {
        let detail = format!("the body did not come within {} s", within.as_secs_f32());
        Problem::new(StatusCode::REQUEST_TIMEOUT, "slow_body", detail)
    };
    tokio::time::timeout(within, read).await.unwrap_or_else(|_| Err(slow()))
}

/// What the JSON says.
pub(in crate::http) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Answer<T> {
    let bytes = if bytes.is_empty() { b"{}".as_slice() } else { bytes };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let form = Form { depth: 0 }.deserialize(&mut json).and_then(|()| json.end());
    form.map_err(|error| Problem::bad_request("json", format!("the body is not valid JSON: {}", brief(&error))))?;
    let refused = |why: &str| {
        let detail = format!("the body does not have the right form: {why}");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "body", detail)
    };
    // A list would be taken for the members of an object in their order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(refused("it is no object"));
    }
    serde_json::from_slice(bytes).map_err(|error| refused(&brief(&error)))
}

fn brief(error: &serde_json::Error) -> String {
    let mut text = error.to_string();
    if text.len() > DETAIL_BYTES_MAX {
        let place = format!("... at line {} column {}", error.line(), error.column());
        text.truncate(text.floor_char_boundary(DETAIL_BYTES_MAX));
        text.push_str(&place);
    }
    text
}

fn unsupported(detail: &str) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", detail)
}

fn too_large(most: usize) -> Problem {
    let detail = format!("the body is too large, the most is {most} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail).with("most", most)
}

/// Walks through JSON of any form: not too deep, and no name twice in one object.
struct Form {
    depth: usize,
}

impl Form {
    fn inside<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth == NESTING_MAX {
            return Err(E::custom(format!("more than {NESTING_MAX} lists and objects in each other")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Form {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Form {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let depth = self.inside::<A::Error>()?.depth;
        while list.next_element_seed(Self { depth })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let depth = self.inside::<A::Error>()?.depth;
        let mut names = BTreeSet::new();
        while let Some(name) = object.next_key_seed(Name)? {
            if names.contains(&name) {
                return Err(A::Error::custom(format!("{name:?} is there twice")));
            }
            names.insert(name);
            object.next_value_seed(Self { depth })?;
        }
        Ok(())
    }
}

/// A name in an object, borrowed where it can be.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}
