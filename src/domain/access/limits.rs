//! The most of everything that access keeps, and for how long.

use std::time::Duration;

/// Most tokens kept. Those that are revoked or expired make room, oldest first.
pub const TOKENS_MAX: usize = 1_000;
/// Most sessions of browsers; the oldest ends for a new one.
pub const SESSIONS_MAX: usize = 1_000;
/// Most links that wait to be used; the oldest goes for a new one.
pub const LINKS_MAX: usize = 100;
/// Bytes of a token's id, which are shown as hexadecimal digits.
pub const TOKEN_ID_BYTES: usize = 6;
/// How long a link can be used.
pub const LINK_LIFE: Duration = Duration::from_secs(15 * 60);
/// How long a session lasts.
pub const SESSION_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Most audit entries of refused calls in a [`DENIALS_PERIOD`]; more are counted.
pub const DENIALS_MAX: u32 = 60;
/// What [`DENIALS_MAX`] is counted over.
pub const DENIALS_PERIOD: Duration = Duration::from_secs(60);
/// Longest text about a refused call.
pub const DENIAL_TEXT_BYTES_MAX: usize = 200;
