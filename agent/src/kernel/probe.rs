//! How each probe of the registry (`agent_common::probe`) ended.
//!
//! Filled by the loader; shown in the start-up summary, in metrics and by `tcpwarden check`.

pub use agent_common::probe::{DESCRIPTOR_LIST, Hook, PROBES, Probe, SOCKET_LIST, STATE_PROBES};

/// How a probe ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeState {
    /// It works.
    Attached,
    /// The kernel does not have the hook.
    Unsupported(String),
    /// The kernel has it and refused the program.
    Failed(String),
}

impl ProbeState {
    /// Returns whether the probe works.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        *self == Self::Attached
    }

    /// Returns the state in one word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Attached => "attached",
            Self::Unsupported(_) => "unsupported",
            Self::Failed(_) => "failed",
        }
    }

    /// Returns why the probe does not work; empty if it does.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Attached => "",
            Self::Unsupported(why) | Self::Failed(why) => why,
        }
    }
}
