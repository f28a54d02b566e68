//! Why something is asked, and under which plan.

use serde::Deserialize;
use utoipa::ToSchema;

/// Why something is asked, and under which plan: the whole body of verbs that need nothing more.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Why {
    /// Why: goes into the audit.
    #[schema(max_length = 2000)]
    pub(in crate::http) reason: Option<String>,
    /// Do it only if nothing moved since the plan of this token.
    pub(in crate::http) plan: Option<String>,
}
