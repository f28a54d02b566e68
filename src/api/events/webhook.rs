//! What webhooks tell.

use serde_json::json;

use super::told::{Said, Tell};
use crate::domain::Timestamp;
use crate::domain::webhook::{Event, WebhookKind};

impl Tell for WebhookKind {
    #[cfg(test)]
    const TYPES: &'static [&'static str] =
        &["created", "url_changed", "selection_changed", "secret_changed", "enabled", "disabled", "removed", "failing"];

    fn tell(event: &Event, _: Timestamp) -> Option<Said> {
        Some(match event {
            // A URL can be a secret itself.
            Event::Created(_) => Said::new("created", json!({})),
            Event::Url(_) => Said::new("url_changed", json!({})),
            Event::Selection(_) => Said::new("selection_changed", json!({})),
            Event::Rotated(_) => Said::new("secret_changed", json!({})),
            Event::Enabled(true, _) => Said::new("enabled", json!({})),
            Event::Enabled(false, why) => Said::new("disabled", json!({ "why": why })),
            Event::Removed => Said::new("removed", json!({})),
            Event::Failing(_, why) => Said::new("failing", json!({ "why": why })),
            // Telling of it would be one more event to deliver, without end.
            Event::Delivered(_) => return None,
        })
    }
}
