//! The names that the format has for versions, cipher suites, curves and rules for clients.
//!
//! Used by `file` and `tls`. The names are those of Go's `crypto/tls`.

use rustls::crypto::SupportedKxGroup;
use rustls::crypto::ring::{ALL_CIPHER_SUITES, kx_group};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion, version};
use serde::{Deserialize, Serialize};

/// Which certificate a client must show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ClientAuth {
    /// None.
    #[default]
    None,
    /// It is asked for one, which is not verified.
    Request,
    /// Any, of which it must have the key.
    RequireAny,
    /// One of the authority, if it shows one.
    VerifyIfGiven,
    /// One of the authority.
    RequireAndVerify,
}

impl ClientAuth {
    /// Every name; that without `Any` is an older one of Prometheus.
    pub(super) const NAMES: [(&str, Self); 6] = [
        ("NoClientCert", Self::None),
        ("RequestClientCert", Self::Request),
        ("RequireAnyClientCert", Self::RequireAny),
        ("RequireClientCert", Self::RequireAny),
        ("VerifyClientCertIfGiven", Self::VerifyIfGiven),
        ("RequireAndVerifyClientCert", Self::RequireAndVerify),
    ];

    /// Whether certificates are verified against an authority.
    pub(crate) const fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }

    /// Whether there is no connection without a certificate.
    pub(super) const fn requires(self) -> bool {
        matches!(self, Self::RequireAny | Self::RequireAndVerify)
    }
}

/// The versions of TLS that are spoken.
pub(super) const VERSIONS: [(&str, &SupportedProtocolVersion); 2] =
    [("TLS12", &version::TLS12), ("TLS13", &version::TLS13)];

/// The curves that are spoken.
pub(super) const CURVES: [(&str, &dyn SupportedKxGroup); 3] = [
    ("CurveP256", kx_group::SECP256R1),
    ("CurveP384", kx_group::SECP384R1),
    ("X25519", kx_group::X25519),
];

/// The name of a cipher suite.
pub(super) fn suite(of: &SupportedCipherSuite) -> String {
    let name = format!("{:?}", of.suite());
    name.replace("TLS13_", "TLS_")
}

/// The cipher suites of these names; every one of TLS 1.3, if none of that is named.
pub(super) fn suites(named: &[String]) -> Vec<SupportedCipherSuite> {
    let is_named = |one: &&SupportedCipherSuite| named.contains(&suite(one));
    let (new, old): (Vec<_>, Vec<_>) =
        ALL_CIPHER_SUITES.iter().partition(|one| one.version() == &version::TLS13);
    let chosen: Vec<_> = new.iter().copied().filter(is_named).collect();
    let new = if chosen.is_empty() { new } else { chosen };
    let old = old.into_iter().filter(|one| named.is_empty() || is_named(one));
    new.into_iter().chain(old).copied().collect()
}

/// Returns what a name of a table stands for; the error is what is allowed.
pub(super) fn find<T: Copy>(table: &[(&str, T)], name: &str) -> Result<T, String> {
    let names = || table.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let found = table.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value).ok_or_else(|| format!("one of {} (not {name:?})", names()))
}
