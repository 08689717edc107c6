//! The options of `top`.

use std::time::Duration;

use clap::Args;

use crate::client::{Address, AgentOptions};
use crate::duration_text;

/// The shortest and the longest time between two refreshes.
const LEAST: Duration = Duration::from_millis(500);
const MOST: Duration = Duration::from_hours(1);

/// Notes and examples at the end of `--help`.
pub(crate) const NOTES: &str = "\
Tabs: suspects of leaks, processes, destinations, listeners, and what changed between two refreshes.
Enter goes from a row to its sockets and from a socket to all that is known of it; ? shows the keys.
Rates are differences of two refreshes; - is not known. NO_COLOR in the environment is --no-color.
If the agent goes away, what was known stays, and it is asked again.

Examples:
  tcpwarden top
  tcpwarden top --interval 10s --no-color
  tcpwarden top --agent https://node-7:10793 --user ops --password-file /etc/tcpwarden/password

Needs a terminal (ssh -t, kubectl exec -it), and no privileges except those to reach the address.
";

/// Options of `top`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct TopArgs {
    /// The time between two refreshes: 2s, 500ms; a bare number is seconds
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = interval)]
    pub interval: Duration,
    /// No colours
    #[arg(long)]
    pub no_color: bool,
    /// Where the agent serves, as `run --listen` has it: ADDR:PORT, [ADDR6]:PORT, NAME:PORT, :PORT
    /// or unix:/path/to.sock; or http://HOST:PORT, https://HOST:PORT
    /// [default: unix:/run/tcpwarden/tcpwarden.sock, else 127.0.0.1:10793]
    #[expect(rustdoc::broken_intra_doc_links, reason = "the text is the help; it has no links")]
    #[arg(long, value_name = "ADDRESS", env = "TCPWARDEN_AGENT", help_heading = "Agent")]
    pub agent: Option<Address>,
    /// How it is asked.
    #[command(flatten)]
    pub options: AgentOptions,
}

impl TopArgs {
    /// Whether colours are used: neither the option nor the environment says no (no-color.org).
    pub(crate) fn uses_colors(&self) -> bool {
        let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        !self.no_color && !is_refused
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let read = duration_text::parse(text).filter(|read| (LEAST..=MOST).contains(read));
    read.ok_or_else(|| {
        "expected a duration from 500ms to 1h such as 2s (a bare number is seconds)".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Command, parse};

    fn read(words: &[&str]) -> TopArgs {
        let words = ["tcpwarden", "top"].iter().chain(words);
        let Command::Top(top) = parse(words).unwrap().command else { panic!("not top") };
        *top
    }

    #[test]
    fn the_interval_is_a_duration_within_its_bounds() {
        assert_eq!(read(&[]).interval, Duration::from_secs(2));
        assert_eq!(read(&["--interval", "500ms"]).interval, LEAST);
        assert_eq!(read(&["--interval", "60m"]).interval, MOST);
        for wrong in ["0", "499ms", "61m", "soon", "-1"] {
            let error = parse(["tcpwarden", "top", "--interval", wrong]).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{wrong}");
        }
    }

    #[test]
    fn the_option_takes_the_colours_away() {
        assert!(!read(&["--no-color"]).uses_colors());
    }
}
