//! What to trust, for connections that are encrypted from the first byte (our own handshake)
//! and for those that are upgraded (the mail library's).

use crate::compose::EmailSetupError;
use lettre::transport::smtp::client::{Certificate, CertificateStore, TlsParameters};
use relink_config::Smtp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// A handshake for `implicit`.
#[derive(Clone)]
pub(crate) struct Implicit {
    pub(crate) connector: TlsConnector,
    pub(crate) name: ServerName<'static>,
}

/// Sets up `implicit`.
pub(crate) fn implicit(smtp: &Smtp) -> Result<Implicit, EmailSetupError> {
    let mut roots = RootCertStore::empty();
    match ca_file(smtp)? {
        Some(certificates) => {
            for certificate in certificates {
                roots.add(certificate).map_err(bad_file)?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| EmailSetupError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(smtp.host.clone())
        .map_err(|error| EmailSetupError::Tls(format!("email.smtp.host: {error}")))?;
    Ok(Implicit { connector: TlsConnector::from(Arc::new(config)), name })
}

/// Sets up `starttls`.
pub(crate) fn upgrade(smtp: &Smtp) -> Result<TlsParameters, EmailSetupError> {
    let mut builder = TlsParameters::builder(smtp.host.clone());
    if let Some(certificates) = ca_file(smtp)? {
        builder = builder.certificate_store(CertificateStore::None);
        for certificate in certificates {
            let root = Certificate::from_der(certificate.to_vec()).map_err(bad_file)?;
            builder = builder.add_root_certificate(root);
        }
    }
    builder.build_rustls().map_err(|error| EmailSetupError::Tls(error.to_string()))
}

/// The certificates of the configured file, at least one.
fn ca_file(smtp: &Smtp) -> Result<Option<Vec<CertificateDer<'static>>>, EmailSetupError> {
    let Some(path) = &smtp.ca_file else { return Ok(None) };
    let bad = |why: &dyn std::fmt::Display| {
        EmailSetupError::Certificates(format!("{}: {why}", path.display()))
    };
    let pem = std::fs::read(path).map_err(|error| bad(&error))?;
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| bad(&error))?;
    if certificates.is_empty() {
        return Err(bad(&"has no certificate in PEM form"));
    }
    Ok(Some(certificates))
}

fn bad_file(error: impl std::fmt::Display) -> EmailSetupError {
    EmailSetupError::Certificates(error.to_string())
}
