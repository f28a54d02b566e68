//! Documentation that is longer than an item's.

#[doc = include_str!("../docs/architecture.md")]
pub mod architecture {}

#[doc = include_str!("../docs/semantics.md")]
pub mod semantics {}

#[doc = include_str!("../docs/stored-format.md")]
pub mod stored_format {}

#[doc = include_str!("../docs/glossary.md")]
pub mod glossary {}

#[doc = include_str!("../docs/tasks.md")]
pub mod tasks {}

#[doc = include_str!("../docs/agents.md")]
pub mod agents {}

#[doc = include_str!("../docs/security.md")]
pub mod security {}

#[doc = include_str!("../docs/workflows.md")]
pub mod workflows {}

#[doc = include_str!("../docs/server.md")]
pub mod server {}

#[doc = include_str!("../docs/events.md")]
pub mod events {}

#[doc = include_str!("../docs/client.md")]
pub mod client {}

#[doc = include_str!("../docs/facilitator.md")]
pub mod facilitator {}

#[doc = include_str!("../docs/page.md")]
pub mod page {}
