//! Why something is asked, and under which plan.

use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::api::limits::REASON_BYTES_MAX;

/// Why something is asked, and under which plan: the whole body of verbs that need nothing more.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Why {
    /// Why: goes into the audit.
    #[serde(default, deserialize_with = "reason")]
    #[schema(max_length = 2000)]
    pub(in crate::http) reason: Option<String>,
    /// Do it only if nothing moved since the plan of this token.
    pub(in crate::http) plan: Option<String>,
}

/// A reason that the audit takes: a plan refuses what its verb would.
pub(in crate::http) fn reason<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let reason = Option::<String>::deserialize(from)?;
    match &reason {
        Some(long) if long.len() > REASON_BYTES_MAX => Err(serde::de::Error::custom(format!(
            "the reason has {} bytes, the most is {REASON_BYTES_MAX}",
            long.len()
        ))),
        _ => Ok(reason),
    }
}
