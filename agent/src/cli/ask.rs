//! Options of the commands that ask a running agent: its address, and the filters of its API as
//! flags.

use clap::Args;

use super::DEFAULT_LISTEN;
use crate::config::Listen;

/// Whom to ask.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct AgentArgs {
    /// Where the agent serves, as `run --listen` has it: ADDR:PORT, [ADDR6]:PORT or
    /// unix:/path/to.sock
    #[arg(long, value_name = "ADDRESS", env = "TCPWARDEN_AGENT", default_value = DEFAULT_LISTEN, help_heading = "Agent")]
    pub agent: Listen,
    /// The agent's answer as it is, JSON, instead of text
    #[arg(long, help_heading = "Agent")]
    pub json: bool,
}

/// Options of `connections`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct ConnectionsArgs {
    /// In one of these states: close_wait, syn_sent, listen ... (also as ss writes them:
    /// CLOSE-WAIT)
    #[arg(long, value_name = "STATES", help_heading = "Which connections")]
    pub state: Vec<String>,
    /// Of a process of this name; NAME* for all that begin so
    #[arg(long, value_name = "NAME", help_heading = "Which connections")]
    pub process: Vec<String>,
    /// Of a workload of this name (nginx.service, a container, a pod, host); NAME* for all that
    /// begin so
    #[arg(long, value_name = "NAME", help_heading = "Which connections")]
    pub workload: Vec<String>,
    /// Of a process with this id
    #[arg(long, value_name = "PIDS", help_heading = "Which connections")]
    pub pid: Vec<String>,
    /// With this port at either end
    #[arg(long, value_name = "PORTS", help_heading = "Which connections")]
    pub port: Vec<String>,
    /// With this service port: local at a server, remote of a client
    #[arg(long, value_name = "PORTS", help_heading = "Which connections")]
    pub service_port: Vec<String>,
    /// With a local end in: 10.0.0.1, 10.0.0.0/8, 10.0.0.1:5432, [fd00::1]:5432
    #[arg(long, value_name = "ENDS", help_heading = "Which connections")]
    pub local: Vec<String>,
    /// With a peer in: 10.0.0.1, 10.0.0.0/8, 10.0.0.1:5432, [fd00::1]:5432
    #[arg(long, value_name = "ENDS", help_heading = "Which connections")]
    pub peer: Vec<String>,
    /// Of a side: client, server, unknown
    #[arg(long, value_name = "ROLES", help_heading = "Which connections")]
    pub role: Vec<String>,
    /// In CLOSE_WAIT and so far: unaccepted (in the accept queue), unread, read (only the close is
    /// missing)
    #[arg(long, value_name = "STAGES", help_heading = "Which connections")]
    pub stage: Vec<String>,
    /// Whose owner is known like this: exact (a system call of its own), holder (has the
    /// descriptor), listener (inherited), gone (nobody has it any more), none
    #[arg(long, value_name = "KINDS", help_heading = "Which connections")]
    pub owner: Vec<String>,
    /// In the network namespace with this inode
    #[arg(long, value_name = "INODES", help_heading = "Which connections")]
    pub netns: Vec<String>,
    /// For at least so long in their state: 90s, 5m, 1h30m, 2d
    #[arg(long, value_name = "SPAN", help_heading = "Which connections")]
    pub min_age: Option<String>,
    /// By age (in the state), connection_age, process, pid, state, port, retransmitted, local or
    /// peer [default: age]
    #[arg(long, value_name = "KEY", help_heading = "In which order")]
    pub sort: Option<String>,
    /// asc or desc [default: ages and retransmitted desc, all else asc]
    #[arg(long, value_name = "ORDER", help_heading = "In which order")]
    pub order: Option<String>,
    /// At most so many, 1 to 1000 [default: 100]
    #[arg(long, short = 'n', value_name = "N", help_heading = "In which order")]
    pub limit: Option<String>,
    /// Whom to ask.
    #[command(flatten)]
    pub from: AgentArgs,
}

/// Options of `leaks`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct LeaksArgs {
    /// In one of these states: close_wait, syn_sent, fin_wait1, fin_wait2, last_ack, closing
    #[arg(long, value_name = "STATES", help_heading = "Which suspects")]
    pub state: Vec<String>,
    /// Of a process of this name; NAME* for all that begin so
    #[arg(long, value_name = "NAME", help_heading = "Which suspects")]
    pub process: Vec<String>,
    /// Of a workload of this name; NAME* for all that begin so
    #[arg(long, value_name = "NAME", help_heading = "Which suspects")]
    pub workload: Vec<String>,
    /// With this service port: local at a server, remote of a client
    #[arg(long, value_name = "PORTS", help_heading = "Which suspects")]
    pub service_port: Vec<String>,
    /// Of a side: client, server, unknown
    #[arg(long, value_name = "ROLES", help_heading = "Which suspects")]
    pub role: Vec<String>,
    /// Whose oldest connection has been in its state for at least so long: 90s, 5m, 1h30m, 2d
    /// [default: 10s]
    #[arg(long, value_name = "SPAN", help_heading = "Which suspects")]
    pub min_age: Option<String>,
    /// At most so many, 1 to 1000 [default: 20]
    #[arg(long, short = 'n', value_name = "N", help_heading = "Which suspects")]
    pub limit: Option<String>,
    /// Whom to ask.
    #[command(flatten)]
    pub from: AgentArgs,
}

/// Options of `ports`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct PortsArgs {
    /// At most so many of the twenty that are kept [default: 20]
    #[arg(long, short = 'n', value_name = "N")]
    pub limit: Option<String>,
    /// Whom to ask.
    #[command(flatten)]
    pub from: AgentArgs,
}

impl PortsArgs {
    /// The options as parameters of the API.
    #[must_use]
    pub fn pairs(&self) -> Pairs<'_> {
        pairs(&[], &[("limit", &self.limit)])
    }
}

/// Parameters of a request with their values.
pub type Pairs<'a> = Vec<(&'static str, &'a str)>;

impl ConnectionsArgs {
    /// The filters as parameters of the API.
    #[must_use]
    pub fn pairs(&self) -> Pairs<'_> {
        let several = [
            ("state", &self.state),
            ("process", &self.process),
            ("workload", &self.workload),
            ("pid", &self.pid),
            ("port", &self.port),
            ("service_port", &self.service_port),
            ("local", &self.local),
            ("peer", &self.peer),
            ("role", &self.role),
            ("stage", &self.stage),
            ("owner", &self.owner),
            ("netns", &self.netns),
        ];
        pairs(
            &several,
            &[
                ("min_age", &self.min_age),
                ("sort", &self.sort),
                ("order", &self.order),
                ("limit", &self.limit),
            ],
        )
    }
}

impl LeaksArgs {
    /// The filters as parameters of the API.
    #[must_use]
    pub fn pairs(&self) -> Pairs<'_> {
        let several = [
            ("state", &self.state),
            ("process", &self.process),
            ("workload", &self.workload),
            ("service_port", &self.service_port),
            ("role", &self.role),
        ];
        pairs(&several, &[("min_age", &self.min_age), ("limit", &self.limit)])
    }
}

fn pairs<'a>(
    several: &[(&'static str, &'a Vec<String>)],
    single: &[(&'static str, &'a Option<String>)],
) -> Pairs<'a> {
    let several = several
        .iter()
        .flat_map(|(name, values)| values.iter().map(|value| (*name, value.as_str())));
    let single =
        single.iter().filter_map(|(name, value)| value.as_deref().map(|value| (*name, value)));
    several.chain(single).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Command, parse};
    use crate::listing::query::{OF_CONNECTIONS, OF_LEAKS, OF_PORTS, Query};

    #[test]
    fn every_parameter_of_the_api_is_an_option_and_arrives_under_its_name() {
        let value = |name: &str| match name {
            "state" => "close_wait",
            "local" | "peer" => "10.0.0.0/8",
            "role" => "client",
            "stage" => "read",
            "owner" => "exact",
            "min_age" => "5m",
            "sort" => "pid",
            "order" => "asc",
            _ => "7",
        };
        for (command, parameters) in
            [("connections", OF_CONNECTIONS), ("leaks", OF_LEAKS), ("ports", OF_PORTS)]
        {
            let mut words = vec!["tcpwarden".to_owned(), command.to_owned()];
            words.extend(parameters.iter().map(|parameter| {
                format!("--{}={}", parameter.name.replace('_', "-"), value(parameter.name))
            }));
            match parse(words).unwrap().command {
                Command::Connections(arguments) => {
                    assert_eq!(arguments.pairs().len(), parameters.len());
                    assert!(arguments.pairs().iter().all(|(name, text)| *text == value(name)));
                    Query::connections(arguments.pairs()).unwrap();
                }
                Command::Leaks(arguments) => {
                    assert_eq!(arguments.pairs().len(), parameters.len());
                    Query::leaks(arguments.pairs()).unwrap();
                }
                Command::Ports(arguments) => {
                    assert_eq!(arguments.pairs().len(), parameters.len());
                    Query::ports(arguments.pairs()).unwrap();
                }
                _ => panic!("another command"),
            }
        }
    }
}
