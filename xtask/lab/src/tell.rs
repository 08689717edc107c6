//! What the agent says of a scenario, as lines for a person. No answer steers the terminal.

use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::Value;
use testkit::address::Address;
use testkit::client::Client;
use testkit::page::Page;

use crate::Scenario;
use crate::cast::Host;

/// Labels and their values.
pub(crate) type Labels = &'static [(&'static str, &'static str)];

/// A question to the agent. Texts have a `{}` for each number; metrics are summed over the series
/// with these labels.
#[derive(Debug, Clone, Copy)]
pub enum Ask {
    /// Whom it suspects among the processes of the scenario.
    Suspects,
    /// To which destination most local ports are taken.
    Ports,
    /// The value of a gauge.
    Now(&'static str, &'static str, Labels),
    /// The value of a gauge beside that of its limit.
    Of(&'static str, &'static str, &'static str, Labels),
    /// By how much a counter grows in a second.
    Rate(&'static str, &'static str, Labels),
}

/// Asks the questions of one scenario again and again.
#[derive(Debug)]
pub struct Teller {
    client: Client,
    scenario: &'static Scenario,
    before: Option<(Instant, Page)>,
}

impl Teller {
    /// Nothing is asked yet.
    #[must_use]
    pub const fn new(agent: Address, scenario: &'static Scenario) -> Self {
        Self { client: Client::new(agent), scenario, before: None }
    }

    /// What the agent says now, the telling lines only.
    ///
    /// # Errors
    /// Where it does not answer.
    pub fn ask(&mut self) -> Result<Vec<String>> {
        let (now, page) = (Instant::now(), Page::parse(&self.client.get("/metrics")?));
        let mut lines = Vec::new();
        for ask in self.scenario.asks {
            match *ask {
                Ask::Suspects => lines.extend(self.suspects()?),
                Ask::Ports => lines.extend(self.ports()?),
                Ask::Now(text, metric, labels) => {
                    lines.extend(page.value(metric, labels).map(|value| filled(text, &[value])));
                }
                Ask::Of(text, used, limit, labels) => {
                    let values = page.value(used, labels).zip(page.value(limit, labels));
                    lines.extend(values.map(|(used, limit)| filled(text, &[used, limit])));
                }
                Ask::Rate(text, metric, labels) => {
                    let Some((then, before)) = &self.before else { continue };
                    let grown = page
                        .value(metric, labels)
                        .map(|value| value - before.value(metric, labels).unwrap_or(0.0));
                    lines.extend(grown.map(|grown| {
                        filled(text, &[grown / now.duration_since(*then).as_secs_f64()])
                    }));
                }
            }
        }
        self.before = Some((now, page));
        Ok(lines)
    }

    /// One sentence for each suspect.
    fn suspects(&self) -> Result<Vec<String>> {
        let names: Vec<_> =
            self.scenario.cast.iter().map(|role| format!("process={}", role.name)).collect();
        let answer: Value = self.json(&format!("/api/v1/leaks?{}", names.join("&")))?;
        let suspects = answer["suspects"].as_array().context("the answer has no suspects")?;
        Ok(suspects.iter().filter_map(|suspect| suspect["sentence"].as_str()).map(plain).collect())
    }

    /// The destination of the scenario to which most local ports are taken.
    fn ports(&self) -> Result<Option<String>> {
        let answer: Value = self.json("/api/v1/ports?limit=20")?;
        let server = Host::Servers.ip().to_string();
        let mut destinations =
            answer["destinations"].as_array().context("the answer has no destinations")?.iter();
        let Some(worst) =
            destinations.find(|destination| destination["peer_address"].as_str() == Some(&server))
        else {
            return Ok(None);
        };
        let text = |name: &str| {
            worst[name]
                .as_str()
                .map(plain)
                .or_else(|| worst[name].as_u64().map(|number| number.to_string()))
        };
        let words = ["used", "range", "peer_address", "peer_port"].map(text);
        let [Some(used), Some(range), Some(peer), Some(port)] = words else { return Ok(None) };
        Ok(Some(format!("connections to {peer}:{port} have taken {used} of {range} local ports")))
    }

    fn json(&self, target: &str) -> Result<Value> {
        serde_json::from_str(&self.client.get(target)?).context("read the answer as JSON")
    }
}

/// Text that cannot steer a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).take(500).collect()
}

/// A text with its numbers in the places of `{}`.
fn filled(text: &str, values: &[f64]) -> String {
    values.iter().fold(text.to_owned(), |text, value| text.replacen("{}", &number(*value), 1))
}

/// A number as a person reads it: whole, or with one digit where it is small.
fn number(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(plain("a\u{1b}[2J\nb"), "a?[2J?b");
    }

    #[test]
    fn texts_are_filled_with_readable_numbers() {
        assert_eq!(filled("{} of {} a second", &[12.0, 3.456]), "12 of 3.5 a second");
        assert_eq!(filled("{}", &[1234.56]), "1235");
    }

    #[test]
    fn every_question_has_a_place_for_each_of_its_numbers() {
        for ask in crate::all().iter().flat_map(|scenario| scenario.asks) {
            let (text, numbers) = match ask {
                Ask::Suspects | Ask::Ports => continue,
                Ask::Now(text, ..) | Ask::Rate(text, ..) => (text, 1),
                Ask::Of(text, ..) => (text, 2),
            };
            assert_eq!(text.matches("{}").count(), numbers, "{text}");
        }
    }
}
