//! How an agent is asked that speaks TLS or wants a password: the options, and what they name.
//!
//! Used by the commands that ask. Guarantees: an option without effect is an error, and no password
//! stands on a command line or in a message.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use hyper::header::HeaderValue;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::address::Address;
use crate::{bounded, web};

/// Where systems keep the authorities that they trust: Debian and Alpine, Fedora, SUSE, BSD.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// The most bytes of one file.
const MOST: u64 = 4 << 20;

/// How an agent is asked.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentOptions {
    /// The authorities of the agent's certificate, PEM, for https:// [default: those of the system]
    #[arg(long, value_name = "FILE", help_heading = "Agent")]
    pub ca: Option<PathBuf>,
    /// The certificate to show to the agent, PEM, for https://
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "Agent")]
    pub cert: Option<PathBuf>,
    /// The key of that certificate, PEM
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "Agent")]
    pub key: Option<PathBuf>,
    /// The user to ask as, of an agent that --agent names; over http:// anyone on the way can read
    /// the password
    #[arg(long, value_name = "NAME", requires = "password_file", help_heading = "Agent")]
    pub user: Option<String>,
    /// The file with the password of that user in its first line
    #[arg(long, value_name = "FILE", requires = "user", help_heading = "Agent")]
    pub password_file: Option<PathBuf>,
}

/// What the options name.
pub(super) struct Secrets {
    /// For https://.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// User and password, as a header has them.
    pub(super) authorization: Option<HeaderValue>,
}

impl AgentOptions {
    /// Reads what the options name.
    ///
    /// # Errors
    /// The option that is of no use, and why.
    pub(super) fn read(&self, address: &Address) -> Result<Secrets, String> {
        let tls = if address.is_tls() {
            Some(Arc::new(self.tls()?))
        } else {
            let named = [("--ca", &self.ca), ("--cert", &self.cert), ("--key", &self.key)];
            if let Some((name, _)) = named.iter().find(|(_, path)| path.is_some()) {
                return Err(format!(
                    "{name} is for an agent at https://, and --agent is {address}"
                ));
            }
            None
        };
        Ok(Secrets { tls, authorization: self.authorization()? })
    }

    fn tls(&self) -> Result<ClientConfig, String> {
        let roots = match &self.ca {
            Some(path) => {
                let wrong = |error| format!("--ca {}: {error}", path.display());
                contents(path).and_then(|pem| web::authorities(&pem)).map_err(wrong)?
            }
            None => of_system()?,
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let (Some(cert), Some(key)) = (&self.cert, &self.key) else {
            return Ok(builder.with_no_client_auth());
        };
        let wrong = |error| format!("--cert {}: {error}", cert.display());
        let chain = contents(cert).and_then(|pem| web::certificates(&pem)).map_err(wrong)?;
        let wrong = |error| format!("--key {}: {error}", key.display());
        let private = contents(key).map_err(wrong)?;
        let private = PrivateKeyDer::from_pem_slice(private.as_bytes())
            .map_err(|error| wrong(format!("no private key in PEM form: {error}")))?;
        builder.with_client_auth_cert(chain, private).map_err(|error| wrong(error.to_string()))
    }

    fn authorization(&self) -> Result<Option<HeaderValue>, String> {
        let (Some(user), Some(path)) = (&self.user, &self.password_file) else { return Ok(None) };
        if user.is_empty() || user.contains(':') {
            return Err("--user: expected a name without a colon".to_owned());
        }
        let wrong = |error: &str| format!("--password-file {}: {error}", path.display());
        let text = contents(path).map_err(|error| wrong(&error))?;
        let password = text.lines().next().filter(|line| !line.is_empty());
        let password = password.ok_or_else(|| wrong("its first line is empty"))?;
        let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let mut value = HeaderValue::try_from(value).map_err(|error| wrong(&error.to_string()))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// Returns the authorities that this system trusts.
fn of_system() -> Result<RootCertStore, String> {
    let Some(pem) = SYSTEM.iter().find_map(|path| contents(Path::new(path)).ok()) else {
        return Err(format!(
            "this system has no list of authorities (tried {}): --ca names a file with that of the \
             agent's certificate",
            SYSTEM.join(", ")
        ));
    };
    let mut roots = RootCertStore::empty();
    // One of many that is broken keeps the others.
    roots.add_parsable_certificates(web::certificates(&pem)?);
    Ok(roots)
}

/// Returns the text of a file.
fn contents(path: &Path) -> Result<String, String> {
    bounded::text(path, MOST).map_err(|error| error.to_string())
}
