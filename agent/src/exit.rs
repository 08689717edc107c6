//! The exit codes, and the errors that end a command.
//!
//! Used by `main` and by everything that can end a command. Nothing in the program calls
//! `process::exit`: every error is returned to `main`, so that the probes are detached on the way.

use std::io;
use std::process::ExitCode;

/// The command succeeded.
pub const OK: u8 = 0;
/// An unexpected failure.
pub const FAILURE: u8 = 1;
/// The command line or the configuration is wrong.
pub const USAGE: u8 = 2;
/// Privileges are missing.
pub const PRIVILEGE: u8 = 3;
/// The kernel lacks something that is required.
pub const KERNEL: u8 = 4;
/// The agent cannot listen on its address.
pub const LISTEN: u8 = 5;
/// `check`: the agent would run, but some optional probe is unsupported or failed, or something
/// hides a part of the machine from it.
pub const DEGRADED: u8 = 6;
/// A query: no agent answers, or it refuses.
pub const AGENT: u8 = 7;

/// `leaks --fail-on`: there is a suspect that is as sure as that.
pub const FOUND: u8 = 8;

/// `doctor`: a finding is a warning or critical.
pub const ILL: u8 = 9;

/// Every exit code with its meaning, as `--help` prints them.
pub(crate) const TABLE: &[(u8, &str)] = &[
    (OK, "all went well"),
    (FAILURE, "an unexpected failure"),
    (USAGE, "the command line or the configuration is wrong"),
    (PRIVILEGE, "privileges are missing"),
    (KERNEL, "the kernel lacks something that is required"),
    (LISTEN, "the listen address cannot be had"),
    (DEGRADED, "check only: the agent runs, but does not see everything"),
    (AGENT, "queries of a running agent only: no agent answers, or it refuses"),
    (FOUND, "leaks --fail-on only: a suspect is as sure as that"),
    (ILL, "doctor only: a finding is a warning or critical"),
];

/// The reason why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line, the environment or the configuration file is wrong. The text names the
    /// source.
    #[error("{0}")]
    Usage(String),
    /// The process lacks privileges that the command needs.
    #[error(
        "cannot load the probes: {missing} missing; run as root, or grant the binary cap_bpf, \
         cap_perfmon, cap_sys_admin and cap_sys_ptrace"
    )]
    Privilege {
        /// The capabilities that are missing.
        missing: String,
    },
    /// The kernel lacks something that the agent requires.
    #[error("the kernel lacks {what}: {hint}")]
    Kernel {
        /// What is missing.
        what: String,
        /// What to do about it.
        hint: String,
    },
    /// The agent cannot listen on its address.
    #[error("cannot listen on {addr}: {source}; {}", listen_hint(source))]
    Listen {
        /// The address, as `--listen` takes it.
        addr: String,
        /// The error of the system call.
        source: io::Error,
    },
    /// The agent does not answer, refuses, or sends something unexpected.
    #[error("cannot ask the agent at {agent}: {why}")]
    Agent {
        /// Its address, as `--agent` takes it.
        agent: String,
        /// What went wrong, and what to do about it.
        why: String,
    },
    /// Any other failure. The text is the whole chain of causes.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

impl Error {
    /// Returns the exit code of this error.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Privilege { .. } => PRIVILEGE,
            Self::Kernel { .. } => KERNEL,
            Self::Listen { .. } => LISTEN,
            Self::Agent { .. } => AGENT,
            Self::Other(_) => FAILURE,
        }
    }
}

impl From<&Error> for ExitCode {
    fn from(error: &Error) -> Self {
        Self::from(error.code())
    }
}

/// Returns what a user can do about a refused address.
fn listen_hint(source: &io::Error) -> &'static str {
    match source.kind() {
        // It has a text of its own.
        _ if source.raw_os_error().is_none() => "--listen names another address",
        io::ErrorKind::AddrInUse => {
            "stop what listens there, or choose another address with --listen"
        }
        io::ErrorKind::AddrNotAvailable => {
            "no interface has that address; choose another with --listen"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 and foreign directories need more privileges; \
             choose another with --listen"
        }
        io::ErrorKind::NotFound => {
            "create the directory first, or choose another path with --listen"
        }
        _ => "choose another address with --listen",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_documented_code_and_says_what_to_do() {
        let taken = Error::Listen {
            addr: "127.0.0.1:10793".into(),
            source: io::Error::from(io::ErrorKind::AddrInUse),
        };
        let text = taken.to_string();
        assert!(
            text.starts_with("cannot listen on 127.0.0.1:10793: ") && text.contains("--listen"),
            "{text}"
        );
        assert_eq!(taken.code(), 5);
        let kernel = Error::Kernel {
            what: "BTF".into(),
            hint: "boot one built with CONFIG_DEBUG_INFO_BTF=y".into(),
        };
        assert_eq!(
            (kernel.code(), kernel.to_string().as_str()),
            (4, "the kernel lacks BTF: boot one built with CONFIG_DEBUG_INFO_BTF=y")
        );
        let privilege = Error::Privilege { missing: "cap_bpf".into() };
        assert_eq!(privilege.code(), 3);
        assert!(privilege.to_string().contains("run as root"));
        assert_eq!(Error::Usage(String::new()).code(), 2);
        let other = Error::from(anyhow::anyhow!("inner").context("outer"));
        assert_eq!((other.code(), other.to_string().as_str()), (1, "outer: inner"));
    }

    #[test]
    fn the_table_holds_every_code_once_in_order() {
        let codes: Vec<u8> = TABLE.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, (0..=9).collect::<Vec<u8>>());
    }
}
