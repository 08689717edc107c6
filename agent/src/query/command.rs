//! A query on the command line: its options, the request to a running agent, the printed answer.
//!
//! `cli` adds [`Entry::command`] for each query and `main` runs the resulting [`Request`].
//! Guarantees: an option that the agent would refuse is refused before anything is sent, with its
//! name; text that came over the wire reaches the terminal without control characters.

use std::io::{self, Write};

use clap::{ArgMatches, Args, FromArgMatches as _};

use super::text::{escape_json, printable};
use super::{Entry, Refusal};
use crate::client::{self, Address, Agent, AgentOptions, Failure};
use crate::exit::Error;

/// Which agent to ask, and how to print its answer.
#[derive(Args, Clone, Debug, PartialEq)]
struct AgentArgs {
    /// Where the agent serves, as `run --listen` has it: ADDR:PORT, [ADDR6]:PORT, NAME:PORT, :PORT
    /// or unix:/path/to.sock; or http://HOST:PORT, https://HOST:PORT
    /// [default: unix:/run/tcpwarden/tcpwarden.sock, else 127.0.0.1:10793]
    #[expect(rustdoc::broken_intra_doc_links, reason = "the text is the help; it has no links")]
    #[arg(long, value_name = "ADDRESS", env = "TCPWARDEN_AGENT", help_heading = "Agent")]
    agent: Option<Address>,
    /// How it is asked.
    #[command(flatten)]
    options: AgentOptions,
    /// Print the agent's answer as JSON instead of text
    #[arg(long, help_heading = "Agent")]
    json: bool,
}

/// A query from the command line.
#[derive(Debug)]
pub struct Request {
    query: &'static Entry,
    /// The parameters as they stand in a URL after the `?`.
    parameters: String,
    from: AgentArgs,
}

impl Entry {
    /// Returns the command of this query; `codes` is the help text about exit codes.
    pub(crate) fn command(&self, codes: &str) -> clap::Command {
        let command = clap::Command::new(self.name).args((self.arguments)());
        // After the arguments, because `augment_args` sets the description of `AgentArgs`.
        AgentArgs::augment_args(command)
            .about(format!("Ask a running agent {}", self.about))
            .after_long_help(format!("{}\n{codes}", self.notes))
    }
}

impl Request {
    /// Returns the request for a matched command; `None` if `name` is not that of a query.
    pub(crate) fn from_matches(
        name: &str,
        matches: &ArgMatches,
    ) -> Result<Option<Self>, clap::Error> {
        let Some(query) = super::ALL.iter().find(|query| query.name == name) else {
            return Ok(None);
        };
        let mut parameters = form_urlencoded::Serializer::new(String::new());
        for argument in (query.arguments)() {
            let id = argument.get_id().as_str();
            for value in matches.get_many::<String>(id).into_iter().flatten() {
                parameters.append_pair(&id.replace('-', "_"), value);
            }
        }
        let from = AgentArgs::from_arg_matches(matches)?;
        Ok(Some(Self { query, parameters: parameters.finish(), from }))
    }

    /// Reads the options as the agent will read them.
    ///
    /// # Errors
    /// The first option that the agent would refuse.
    pub fn check(&self) -> Result<(), Refusal> {
        self.query.prepare(&self.parameters).map(drop)
    }

    /// Asks the agent, prints its answer and returns the exit code.
    ///
    /// # Errors
    /// An option is wrong, no agent answers, or the output cannot be written.
    pub fn run(&self, out: &mut impl Write) -> Result<u8, Error> {
        self.check().map_err(|refusal| usage(&refusal))?;
        let addresses = self.from.agent.clone().map_or_else(Address::usual, |named| vec![named]);
        let agent = Agent { addresses: &addresses, options: &self.from.options };
        let failed =
            |why: &str| Error::Agent { agent: printable(&agent.place()), why: printable(why) };
        let body = client::fetch(&agent, &self.target()).map_err(|failure| match failure {
            Failure::Options(text) => Error::Usage(printable(&text)),
            failure => failed(&failure.to_string()),
        })?;
        let read = self.page(&body).and_then(|page| Ok((page, (self.query.code)(&body)?)));
        let (page, code) = read.map_err(|error| {
            failed(&format!("its answer is not what an agent of this version sends: {error}"))
        })?;
        match out.write_all(page.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Other(
                anyhow::Error::new(error).context("cannot write the answer to the output"),
            )),
            // A reader that went away (`connections | head`) is the end, not an error.
            _ => Ok(code),
        }
    }

    fn target(&self) -> String {
        format!("{}?{}", self.query.path(), self.parameters)
    }

    fn page(&self, body: &[u8]) -> serde_json::Result<String> {
        if self.from.json {
            let _: serde::de::IgnoredAny = serde_json::from_slice(body)?;
            return Ok(escape_json(&String::from_utf8_lossy(body)));
        }
        (self.query.text)(body)
    }
}

/// Returns the error for a refused option, under the option's name.
fn usage(refusal: &Refusal) -> Error {
    let parameter = refusal.parameter.replace('_', "-");
    Error::Usage(format!("--{}", Refusal { parameter, ..refusal.clone() }))
}

#[cfg(test)]
mod tests {
    use crate::cli::{Command, parse};

    #[test]
    fn every_parameter_of_the_api_is_an_option_and_arrives_under_its_name() {
        let value = |name: &str| match name {
            "state" | "mptcp-state" => "close_wait",
            "local" | "peer" => "10.0.0.0/8",
            "role" => "client",
            "stage" => "read",
            "owner" => "exact",
            "min-age" | "min-idle" | "since" => "5m",
            "keepalive" | "unacknowledged" => "no",
            "kind" => "slow",
            "fail-on" => "likely",
            "sort" => "pid",
            "group-by" => "peer",
            "after" => "pid.asc.1.2.3",
            "order" => "asc",
            _ => "7",
        };
        for query in crate::query::ALL {
            let names: Vec<String> =
                (query.arguments)().iter().map(|argument| argument.get_id().to_string()).collect();
            let mut words = vec!["tcpwarden".to_owned(), query.name.to_owned()];
            words.extend(names.iter().map(|name| format!("--{name}={}", value(name))));
            let Command::Query(request) = parse(words).unwrap().command else {
                panic!("{} is another command", query.name)
            };
            request.check().unwrap();
            let sent: Vec<(String, String)> =
                form_urlencoded::parse(request.parameters.as_bytes()).into_owned().collect();
            let expected =
                names.iter().map(|name| (name.replace('-', "_"), value(name).to_owned()));
            assert_eq!(sent, expected.collect::<Vec<_>>());
        }
    }
}
