//! Which clients may connect: by their certificates.
//!
//! Used by `tls`. Guarantees: whatever the rule, a client that shows a certificate has its key.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};

use super::bundle::Rules;
use super::names::ClientAuth;
use super::sans;

/// The rule for certificates of clients.
#[derive(Debug)]
pub(super) struct Clients {
    rule: ClientAuth,
    /// Verifies certificates, where the rule wants that.
    authority: Option<Arc<dyn ClientCertVerifier>>,
    sans: Vec<String>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Clients {
    /// # Errors
    /// If the authorities are of no use.
    pub(super) fn new(
        rules: &Rules,
        authorities: Option<RootCertStore>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, VerifierBuilderError> {
        let authorities = authorities.filter(|_| rules.client_auth.verifies());
        // A rule that verifies without an authority lets nobody in.
        let roots = authorities.or_else(|| rules.client_auth.verifies().then(RootCertStore::empty));
        let verifier = |roots| {
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .build()
        };
        Ok(Self {
            rule: rules.client_auth,
            authority: roots.map(verifier).transpose()?,
            sans: rules.client_sans.clone(),
            algorithms: provider.signature_verification_algorithms,
        })
    }
}

impl ClientCertVerifier for Clients {
    fn offer_client_auth(&self) -> bool {
        self.rule != ClientAuth::None
    }

    fn client_auth_mandatory(&self) -> bool {
        self.rule.requires()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.authority.as_ref().map_or(&[], |authority| authority.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(authority) = &self.authority {
            authority.verify_client_cert(end_entity, intermediates, now)?;
        }
        let is_allowed = || {
            let names = sans::of(end_entity).unwrap_or_default();
            names.iter().any(|name| self.sans.contains(name))
        };
        if !self.sans.is_empty() && !is_allowed() {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
