//! The part about TLS as rustls takes it.
//!
//! Used by `read`, which tries it, and in the HTTP process.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{InconsistentKeys, RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::bundle::{Material, Rules};
use super::clients::Clients;
use super::names::{self, CURVES, VERSIONS};

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The certificates.
    Certificates,
    /// The key.
    Key,
    /// The authorities for clients.
    ClientCa,
    /// The rules.
    Rules,
}

/// Returns the side of a server.
///
/// # Errors
/// Which part is wrong, and why.
pub(crate) fn server(material: &Material) -> Result<Arc<ServerConfig>, (Part, String)> {
    let rules = &material.rules;
    let certificates =
        certificates(&material.certificates).map_err(|error| (Part::Certificates, error))?;
    let key = PrivateKeyDer::from_pem_slice(material.key.as_bytes())
        .map_err(|error| (Part::Key, format!("no private key in PEM form: {error}")))?;
    let provider = Arc::new(provider(rules));
    let wrong = |error: &dyn std::fmt::Display| (Part::Rules, error.to_string());
    let clients = match &material.client_ca {
        Some(pem) => Some(authorities(pem).map_err(|error| (Part::ClientCa, error))?),
        None => None,
    };
    let clients = Clients::new(rules, clients, &provider)
        .map_err(|error| (Part::ClientCa, error.to_string()))?;
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(rules).map_err(|error| wrong(&error))?)
        .map_err(|error| wrong(&error))?
        .with_client_cert_verifier(Arc::new(clients));
    let mut server = builder.with_single_cert(certificates, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            (Part::Key, "it is not the key of the certificate".to_owned())
        }
        rustls::Error::InvalidCertificate(error) => {
            (Part::Certificates, format!("the first certificate cannot be used: {error}"))
        }
        error => (Part::Key, format!("it cannot be used: {error}")),
    })?;
    server.ignore_client_order = rules.own_order;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(server))
}

/// Returns the certificates of a PEM text.
///
/// # Errors
/// If there is none, or something else in PEM form is broken.
pub(crate) fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match all {
        Ok(all) if all.is_empty() => Err("no certificate in PEM form".to_owned()),
        Ok(all) => Ok(all),
        Err(error) => Err(format!("a certificate is broken: {error}")),
    }
}

/// Returns the authorities of a PEM text.
///
/// # Errors
/// As [`certificates`], and if one of them is no authority.
pub(crate) fn authorities(pem: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(|error| format!("a certificate cannot be used: {error}"))?;
    }
    Ok(roots)
}

fn versions(rules: &Rules) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    for name in [&rules.least, &rules.greatest] {
        names::find(&VERSIONS, name)?;
    }
    let between = |name: &str| (rules.least.as_str()..=rules.greatest.as_str()).contains(&name);
    let chosen = VERSIONS.iter().filter(|(name, _)| between(name));
    Ok(chosen.map(|(_, version)| *version).collect())
}

fn provider(rules: &Rules) -> CryptoProvider {
    let mut provider = ring::default_provider();
    provider.cipher_suites = names::suites(&rules.suites);
    if !rules.curves.is_empty() {
        let curve = |name: &String| names::find(&CURVES, name).ok();
        provider.kx_groups = rules.curves.iter().filter_map(curve).collect();
    }
    provider
}
