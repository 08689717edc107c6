//! What the agent hands to the HTTP process: a web configuration with the contents of its files.
//!
//! Used by `read` and `handed`, and in the HTTP process. It is four bytes (the length in
//! little-endian order) and JSON of at most [`MOST`] bytes. No path is in it.

use std::fmt;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::names::ClientAuth;

/// The most bytes of it.
pub(crate) const MOST: usize = 4 << 20;

/// A web configuration.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bundle {
    /// TLS; plain HTTP if there is none.
    pub(crate) tls: Option<Material>,
    /// Headers for every answer: name and value.
    pub(crate) headers: Vec<(String, String)>,
    /// Who may ask: name and bcrypt hash. Everybody, if there is none.
    pub(crate) users: Vec<(String, Hash)>,
}

/// The bcrypt hash of a password.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hash(pub(crate) String);

/// The part about TLS.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Material {
    /// The certificates of the agent, PEM.
    pub(crate) certificates: String,
    /// The key of the first of them, PEM.
    pub(crate) key: String,
    /// The authorities for certificates of clients, PEM.
    pub(crate) client_ca: Option<String>,
    /// The rules.
    pub(crate) rules: Rules,
}

/// What is spoken with whom.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    /// Which certificate a client must show.
    pub(crate) client_auth: ClientAuth,
    /// Names of which a client's certificate must have one; any if there is none.
    pub(crate) client_sans: Vec<String>,
    /// The least version of TLS, as the format names it.
    pub(crate) least: String,
    /// The greatest.
    pub(crate) greatest: String,
    /// The cipher suites; all if there is none.
    pub(crate) suites: Vec<String>,
    /// Whether the order of the agent decides between them.
    pub(crate) own_order: bool,
    /// The curves, best first; all if there is none.
    pub(crate) curves: Vec<String>,
}

impl Bundle {
    /// Returns it as bytes.
    ///
    /// # Errors
    /// If it is longer than [`MOST`].
    pub(crate) fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; 4];
        serde_json::to_writer(&mut bytes, self)?;
        let length = bytes.len() - 4;
        let long = || io::Error::other(format!("it is longer than {MOST} bytes"));
        let head = u32::try_from(length).ok().filter(|_| length <= MOST).ok_or_else(long)?;
        bytes.as_mut_slice().write_all(&head.to_le_bytes())?;
        Ok(bytes)
    }

    /// Reads what comes behind the length.
    ///
    /// # Errors
    /// If it is no bundle.
    pub(crate) fn read(bytes: &[u8]) -> io::Result<Self> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash")
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Material").field("rules", &self.rules).finish_non_exhaustive()
    }
}
