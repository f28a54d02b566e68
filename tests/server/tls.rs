//! Connections that are encrypted by the server itself.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use reqwest::{Certificate, Client};
use restage::{Restage, Server, ServerError, ServerOptions, TlsFiles};

use crate::world::client;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/tls").join(name)
}

/// A client that knows this certificate and no other, on a connection of its own.
fn knowing(name: &str) -> Client {
    drop(client());
    let certificate = Certificate::from_pem(&fs::read(fixture(name)).unwrap()).unwrap();
    Client::builder().tls_certs_only([certificate]).no_proxy().build().unwrap()
}

#[tokio::test]
async fn a_certificate_is_shown_and_can_be_exchanged() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let put = |name: &str| {
        fs::copy(fixture(&format!("{name}.pem")), place("cert.pem")).unwrap();
        fs::copy(fixture(&format!("{name}.key")), place("key.pem")).unwrap();
    };
    put("first");
    let restage = Restage::open(place("data")).await.unwrap();
    let mut options = ServerOptions::default();
    options.tls = Some(TlsFiles { certificate: place("cert.pem"), key: place("key.pem") });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::start(restage.clone(), options, listener).await.unwrap();
    let live = format!("https://{}/livez", server.address());
    assert_eq!(server.url(), format!("https://{}", server.address()));
    assert_eq!(knowing("first.pem").get(&live).send().await.unwrap().status(), 200);
    assert!(knowing("second.pem").get(&live).send().await.is_err());
    assert!(client().get(live.replace("https", "http")).send().await.is_err(), "nothing is said in clear");

    fs::write(place("cert.pem"), "no certificate").unwrap();
    assert!(server.reload_certificate().is_err());
    assert_eq!(knowing("first.pem").get(&live).send().await.unwrap().status(), 200, "it stays as it was");
    put("second");
    server.reload_certificate().unwrap();
    assert_eq!(knowing("second.pem").get(&live).send().await.unwrap().status(), 200);
    assert!(knowing("first.pem").get(&live).send().await.is_err());
    server.stop().await.unwrap();
    restage.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_can_not_be_used_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let restage = Restage::open(folder.path().join("data")).await.unwrap();
    for (certificate, key, word) in [
        (fixture("none.pem"), fixture("first.key"), "none.pem"),
        (fixture("first.pem"), fixture("none.key"), "none.key"),
        (fixture("first.key"), fixture("first.key"), "no certificate"),
        (fixture("first.pem"), fixture("first.pem"), "first.pem"),
        (fixture("first.pem"), fixture("second.key"), "key"),
    ] {
        let files = TlsFiles { certificate, key };
        assert!(files.check().is_err(), "{files:?}");
        let mut options = ServerOptions::default();
        options.tls = Some(files.clone());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let refused = Server::start(restage.clone(), options, listener).await.unwrap_err();
        assert!(matches!(refused, ServerError::Tls(_)) && refused.to_string().contains(word), "{files:?}: {refused}");
    }
    restage.shutdown().await.unwrap();
}
