//! What the address of a request says: ids in its path, parameters in its query.

use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::web::{Path, Query};
use actix_web::{FromRequest, HttpRequest};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;

use super::problem::{Answer, Problem};
use crate::api::{EntityId, StageId};

/// What the path of a request names.
#[derive(Debug)]
pub(in crate::http) struct At<T>(T);

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for At<T> {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let path = Path::<T>::from_request(request, payload).into_inner();
        ready(path.map(|path| Self(path.into_inner())).map_err(|error| {
            let problem = Problem::bad_request("path", format!("the path of the request is not valid: {error}"));
            problem.hint("ids are letters, digits, '.', '_' and '-', 64 at most; numbers are digits")
        }))
    }
}

/// Parameters of the query. Those of a page lie beside them, so what is not known is let be.
#[derive(Debug)]
pub(in crate::http) struct Params<T>(T);

impl<T> Deref for Params<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Params<T> {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let query = Query::<T>::from_query(request.query_string());
        ready(query.map(|query| Self(query.into_inner())).map_err(|error| {
            Problem::bad_request("query", format!("the parameters of the request are not valid: {error}"))
        }))
    }
}

/// One entity.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::http) struct EntityAt {
    /// Its id.
    #[param(value_type = String, max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    pub(in crate::http) id: EntityId,
}

/// A stage of an entity.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::http) struct StageAt {
    /// The entity's id.
    #[param(value_type = String, max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    pub(in crate::http) id: EntityId,
    /// The stage.
    #[param(value_type = String, max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    pub(in crate::http) stage: StageId,
}

/// Late work of an entity.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::http) struct OrphanAt {
    /// The entity's id.
    #[param(value_type = String, max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    pub(in crate::http) id: EntityId,
    /// The number of the orphan.
    #[serde(deserialize_with = "number")]
    pub(in crate::http) orphan: u64,
}

/// Something that comes with the program, by its name.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::http) struct NameAt {
    /// Its name.
    #[param(max_length = 200)]
    pub(in crate::http) name: String,
}

/// The largest number there can be: what the document calls an integer of 64 bits has a sign.
const NUMBER_MAX: u64 = i64::MAX as u64;

/// A number in its one form: digits, without leading zeros.
pub(in crate::http) fn number<'de, D: Deserializer<'de>>(text: D) -> Result<u64, D::Error> {
    let text = String::deserialize(text)?;
    let number = text.parse().ok().filter(|number: &u64| number.to_string() == text && *number <= NUMBER_MAX);
    number.ok_or_else(|| D::Error::custom("it is no number"))
}

/// The same, where it can be left out.
pub(in crate::http) fn optional_number<'de, D: Deserializer<'de>>(text: D) -> Result<Option<u64>, D::Error> {
    number(text).map(Some)
}
