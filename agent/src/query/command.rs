//! A query on the command line: its options, the request to a running agent, the printed answer.
//!
//! `cli` adds [`Entry::command`] for each query and `main` runs the resulting [`Request`].
//! Guarantees: an option that the agent would refuse is refused before anything is sent, with its
//! name; text that came over the wire reaches the terminal without control characters.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{ArgMatches, Args, FromArgMatches as _};

use super::columns::choose;
use super::failure::{failed, unanswered, unwritten};
use super::shell::option;
use super::text::escape_json;
use super::view::{Format, OutputArgs, View};
use super::watch::{self, Question};
use super::{Entry, Refusal};
use crate::client::{self, Address, Agent, AgentOptions};
use crate::exit::Error;

/// Which agent to ask.
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
}

/// A query from the command line.
#[derive(Debug)]
pub struct Request {
    query: &'static Entry,
    /// The parameters as they stand in a URL after the `?`.
    parameters: String,
    from: AgentArgs,
    output: OutputArgs,
}

impl Entry {
    /// Returns the command of this query; `codes` is the help text about exit codes.
    pub(crate) fn command(&self, codes: &str) -> clap::Command {
        let command = clap::Command::new(self.name).args((self.arguments)());
        // After the arguments, because `augment_args` sets the description of `AgentArgs`.
        AgentArgs::augment_args(OutputArgs::augment_args(command))
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
        let output = OutputArgs::from_arg_matches(matches)?;
        Ok(Some(Self { query, parameters: parameters.finish(), from, output }))
    }

    /// Reads the options as the agent will read them, and those of the output.
    ///
    /// # Errors
    /// The first option that the agent would refuse, or that has no effect.
    pub fn check(&self) -> Result<(), Refusal> {
        let columns = (self.query.columns)(&self.parameters)?;
        choose(&columns, self.output.columns())?;
        self.output.format().map(drop)
    }

    /// Asks the agent, prints its answer and returns the exit code.
    ///
    /// # Errors
    /// An option is wrong, no agent answers, or the output cannot be written.
    pub fn run(&self, out: &mut impl Write) -> Result<u8, Error> {
        self.check().map_err(|refusal| usage(&refusal))?;
        let format = self.output.format().map_err(|refusal| usage(&refusal))?;
        let addresses = self.addresses();
        let agent = Agent { addresses: &addresses, options: &self.from.options };
        if let Some(every) = self.output.watch {
            let shown = |is_first, body: &[u8]| {
                let view = self.view(format).with_head(is_first);
                self.shown(&agent, &view, body).map(|(page, _)| page)
            };
            let question = Question { agent, target: &self.target(), format, shown: &shown };
            return watch::watch(&question, every);
        }
        let body =
            client::fetch(&agent, &self.target()).map_err(|failure| failed(&agent, &failure))?;
        let (page, code) = self.shown(&agent, &self.view(format), &body)?;
        match out.write_all(page.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(unwritten(error)),
            // A reader that went away (`connections | head`) is the end, not an error.
            _ => Ok(code),
        }
    }

    fn addresses(&self) -> Vec<Address> {
        self.from.agent.clone().map_or_else(Address::usual, |named| vec![named])
    }

    /// Returns what is asked of the agent, a path with its query.
    fn target(&self) -> String {
        format!("{}?{}", self.query.path(), self.parameters)
    }

    /// Returns how an answer is printed now: a terminal may have become narrower.
    fn view(&self, format: Format) -> View {
        self.output.view(format, self.again())
    }

    /// Returns the options with which another command asks the same agent.
    fn again(&self) -> String {
        let AgentArgs { agent, options } = &self.from;
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let named = [
            ("agent", agent.as_ref().map(ToString::to_string)),
            ("ca", path(&options.ca)),
            ("cert", path(&options.cert)),
            ("key", path(&options.key)),
            ("user", options.user.clone()),
            ("password-file", path(&options.password_file)),
        ];
        let named = named.into_iter().filter_map(|(name, value)| option(name, &value?));
        named.fold(String::new(), |all, option| all + " " + &option)
    }

    /// Returns an answer as it is printed, and the exit code.
    ///
    /// # Errors
    /// It is not what an agent sends.
    fn shown(&self, agent: &Agent<'_>, view: &View, body: &[u8]) -> Result<(String, u8), Error> {
        let read = self.page(view, body).and_then(|page| Ok((page, (self.query.code)(body)?)));
        read.map_err(|error| {
            unanswered(
                agent,
                &format!("its answer is not what an agent of this version sends: {error}"),
            )
        })
    }

    fn page(&self, view: &View, body: &[u8]) -> serde_json::Result<String> {
        if view.format == Format::Json {
            let _: serde::de::IgnoredAny = serde_json::from_slice(body)?;
            return Ok(escape_json(&String::from_utf8_lossy(body)));
        }
        (self.query.text)(body, view)
    }
}

/// Returns the error for a refused option, under the option's name.
fn usage(refusal: &Refusal) -> Error {
    let parameter = refusal.parameter.replace('_', "-");
    Error::Usage(format!("--{}", Refusal { parameter, ..refusal.clone() }))
}

#[cfg(test)]
impl Request {
    /// Returns whether the request has these parameters with these values.
    pub(super) fn asks(&self, wanted: &[(&str, &str)]) -> bool {
        let sent: Vec<_> = form_urlencoded::parse(self.parameters.as_bytes()).collect();
        wanted
            .iter()
            .all(|(name, value)| sent.iter().any(|(known, sent)| known == name && sent == value))
    }

    /// Returns the time between two questions.
    pub(super) const fn watches(&self) -> Option<std::time::Duration> {
        self.output.watch
    }
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
