//! Classic TCP failures on demand: each scenario makes one happen in network namespaces of its own,
//! bounded in time and count, and leaves nothing behind, however it ends.
#![forbid(unsafe_code)]

pub mod cast;
pub mod run;
mod scenarios;
pub mod stage;
pub mod tell;

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
    /// Its processes, in the order in which they start.
    pub cast: &'static [cast::Role],
    /// What it does to its two network namespaces before anybody starts.
    pub prepare: fn(&stage::Stage) -> anyhow::Result<()>,
    /// What the agent is asked now and then.
    pub asks: &'static [tell::Ask],
}

/// Every scenario, the healthy one first.
#[must_use]
pub fn all() -> &'static [Scenario] {
    scenarios::ALL
}

/// The scenario of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Scenario> {
    all().iter().find(|scenario| scenario.name == name)
}

/// What the kernel said, where an error comes from it.
fn kind(error: &anyhow::Error) -> Option<std::io::ErrorKind> {
    error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_where_they_are_shown_and_no_two_are_the_same() {
        let boards = ["overview", "leaks", "services", "network", "capacity", "agent"]
            .map(|board| format!("tcpwarden-{board}"));
        let mut names: Vec<_> = all().iter().map(|scenario| scenario.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all().len());
        for scenario in all() {
            assert!(boards.contains(&scenario.board.to_owned()), "{}", scenario.board);
            assert!(!scenario.look.is_empty() && !scenario.asks.is_empty(), "{}", scenario.name);
            for role in scenario.cast {
                assert!(
                    role.name.len() <= 15 && !role.name.contains(' '),
                    "the kernel keeps 15 letters of {}",
                    role.name
                );
                assert!(role.files <= 1024, "{}: {}", role.name, role.files);
            }
        }
    }

    #[test]
    fn only_the_healthy_ones_fire_nothing() {
        let healthy: Vec<_> = all()
            .iter()
            .filter(|scenario| scenario.alerts.is_empty())
            .map(|scenario| scenario.name)
            .collect();
        assert_eq!(healthy, ["echo", "pool", "idle-pool"]);
    }
}
