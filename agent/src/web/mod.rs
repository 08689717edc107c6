//! The web configuration: TLS, passwords and headers of the HTTP surface, from a file in the format
//! of Prometheus' exporters (`--web-config-file`).
//!
//! The agent reads the file and what it names (`read`), again whenever one of them changes
//! (`reload`), and hands the bytes to the HTTP process over a socket (`handed`, `bundle`), which
//! makes its rules of them (`tls`) and never sees a path.
//!
//! Guarantees: an option that is not supported is an error, never ignored; a file that cannot be
//! used leaves the one before in force; a file that is read again takes no protection away.

mod bundle;
mod clients;
mod file;
mod handed;
mod names;
mod node;
mod read;
mod reload;
mod sans;
mod tls;
mod yaml;

pub(crate) use bundle::{Bundle, MOST};
pub(crate) use handed::{Handed, TAKEN};
pub(crate) use reload::Web;
pub(crate) use tls::{authorities, certificates, server};

#[cfg(test)]
mod reload_tests;
#[cfg(test)]
mod tests;
