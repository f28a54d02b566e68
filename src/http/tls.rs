//! TLS: one certificate, that can be exchanged while the server runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use thiserror::Error as ThisError;

/// Where a certificate and its key are, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those that lead to one that clients know.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Reads the files, and looks whether they can be used.
    ///
    /// # Errors
    /// They can't.
    pub fn check(&self) -> Result<(), TlsError> {
        read(self).map(drop)
    }
}

/// A certificate that can't be used.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum TlsError {
    /// A file can't be read, or holds nothing of the sort.
    #[error("{file} can't be used: {problem}")]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The key is not the certificate's, or of a form that is not known.
    #[error("the certificate and its key can't be used: {0}")]
    Pair(#[from] rustls::Error),
}

/// The certificate that is shown to new connections.
#[derive(Debug)]
pub(in crate::http) struct Certificate {
    files: TlsFiles,
    now: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    pub(in crate::http) fn read(files: TlsFiles) -> Result<Self, TlsError> {
        let now = RwLock::new(Arc::new(read(&files)?));
        Ok(Self { files, now })
    }

    /// Reads the files again. If they can't be used, the certificate stays.
    pub(in crate::http) fn reload(&self) -> Result<(), TlsError> {
        let fresh = Arc::new(read(&self.files)?);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// How connections are made: TLS 1.2 at the least.
pub(in crate::http) fn config(certificate: Arc<Certificate>) -> Result<rustls::ServerConfig, TlsError> {
    let builder = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[&TLS13, &TLS12])?;
    Ok(builder.with_no_client_auth().with_cert_resolver(certificate))
}

fn read(files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
    let unusable = |file: &Path, problem: String| TlsError::File { file: file.to_path_buf(), problem };
    let of = &files.certificate;
    let chain = CertificateDer::pem_file_iter(of).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| unusable(of, error.to_string()))?;
    if chain.is_empty() {
        return Err(unusable(of, "it holds no certificate".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unusable(&files.key, error.to_string()))?;
    Ok(CertifiedKey::from_der(chain, key, &ring::default_provider())?)
}
