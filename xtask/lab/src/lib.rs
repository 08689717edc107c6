//! Classic TCP failures on demand: each scenario makes one happen in network namespaces of its own,
//! bounded in time and count, and leaves nothing behind, however it ends.
#![forbid(unsafe_code)]

/// One failure to look at.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// How it is called on the command line.
    pub name: &'static str,
    /// What happens in it.
    pub about: &'static str,
    /// The dashboard to look at, by its uid.
    pub board: &'static str,
    /// What to look at there and in the agent's answers, a line each.
    pub look: &'static [&'static str],
    /// The alerts that it makes fire; no others may.
    pub alerts: &'static [&'static str],
}

/// Every scenario, the healthy one first.
#[must_use]
pub fn all() -> &'static [Scenario] {
    &[Scenario {
        name: "echo",
        about: "a server answers requests over kept connections: the healthy picture",
        board: "tcpwarden-overview",
        look: &[],
        alerts: &[],
    }]
}
