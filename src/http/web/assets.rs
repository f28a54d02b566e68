//! Styles and scripts: files of this folder, in the program itself. Their address names what they hold, so that a browser
//! asks for them once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, VARY};
use actix_web::web::{Bytes, Path};
use actix_web::{HttpRequest, HttpResponse};
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};

use crate::http::problem::{Answer, Problem};
use crate::http::routes::CLIENT;

#[derive(RustEmbed)]
#[folder = "src/http/web/assets/"]
struct Files;

/// All of them, and what they hold as a few digits.
struct Assets {
    digest: String,
    files: BTreeMap<String, Asset>,
}

struct Asset {
    media_type: &'static str,
    plain: Bytes,
    /// The same, compressed once for all who take it so.
    gzip: Bytes,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let mut files: BTreeMap<String, Asset> = Files::iter()
        .filter_map(|name| Some((name.to_string(), Asset::new(&name, Files::get(&name)?.data.into_owned()))))
        .collect();
    files.insert("restage.js".into(), Asset::new("restage.js", CLIENT.into()));
    let mut hash = Sha256::new();
    for (name, asset) in &files {
        hash.update(name);
        hash.update(Sha256::digest(&asset.plain));
    }
    let mut digest = String::with_capacity(16);
    for byte in hash.finalize().iter().take(8) {
        // A string takes all that is written to it.
        let _ = write!(digest, "{byte:02x}");
    }
    Assets { digest, files }
});

impl Asset {
    fn new(name: &str, plain: Vec<u8>) -> Self {
        let media_type = match name.rsplit('.').next() {
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("txt") => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        };
        let gzip = gzip(&plain).into();
        Self { media_type, plain: plain.into(), gzip }
    }
}

/// Where the files are, with what they hold in the address.
pub(super) fn base() -> String {
    format!("/assets/{}", ASSETS.digest)
}

/// A text compressed.
pub(super) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 3), Compression::fast());
    // Memory takes all that is written to it.
    let _ = encoder.write_all(text);
    encoder.finish().unwrap_or_default()
}

/// Whether who asks can take it compressed.
pub(super) fn takes_gzip(request: &HttpRequest) -> bool {
    let accepted = request.headers().get(actix_web::http::header::ACCEPT_ENCODING);
    let accepted = accepted.and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        parts.next() == Some("gzip") && parts.next() != Some("q=0")
    })
}

/// One file.
pub(super) async fn file(request: HttpRequest, at: Path<(String, String)>) -> Answer<HttpResponse> {
    let (digest, name) = at.into_inner();
    let asset = ASSETS.files.get(&name).filter(|_| digest == ASSETS.digest);
    let asset = asset.ok_or_else(|| {
        let problem = Problem::new(StatusCode::NOT_FOUND, "no_such_route", "there is no such file");
        problem.hint("load the page again: the server has other files by now")
    })?;
    let mut answer = HttpResponse::Ok();
    answer.content_type(asset.media_type);
    answer
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((VARY, "accept-encoding"));
    if takes_gzip(&request) {
        return Ok(answer.insert_header((CONTENT_ENCODING, "gzip")).body(asset.gzip.clone()));
    }
    Ok(answer.body(asset.plain.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_made_is_what_they_gave_out() {
        // As `npm pack htmx.org@4.0.1` has them.
        for (name, known) in [
            ("vendor/htmx-4.0.1.min.js", "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"),
            ("vendor/hx-csp-4.0.1.min.js", "a7e1e6711ae6c3e50ad300fba7936cbe8d07599cdae313414a179ddd6b26e143"),
        ] {
            let digest = Sha256::digest(&ASSETS.files[name].plain);
            assert_eq!(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), known, "{name}");
        }
    }
}
