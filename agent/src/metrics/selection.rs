//! What of the catalogue is on the page: with which histograms, and without which metrics.

use catalogue::metrics::{self, Kind, Metric};

/// How many bounds histograms have on the page. The agent counts by all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Histograms {
    /// There are no histograms.
    Off,
    /// Histograms have the bounds of `SECONDS_COARSE` and `BYTES_COARSE`.
    Coarse,
    /// Histograms have every bound.
    Full,
}

impl Histograms {
    /// Reads `off`, `coarse` or `full`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "coarse" => Some(Self::Coarse),
            "full" => Some(Self::Full),
            _ => None,
        }
    }
}

/// `Selection` says what is on the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    histograms: Histograms,
    excluded: Vec<&'static str>,
}

impl Selection {
    /// What [`Self::read`] takes.
    pub(crate) const ALLOWED: &'static str = "metrics of docs/metrics.md, with commas between \
        several; NAME* stands for all that begin so";

    /// Everything.
    pub const ALL: Self = Self { histograms: Histograms::Full, excluded: Vec::new() };

    /// Returns the selection of these histograms, without the metrics that these texts name, with
    /// commas between several. A name that ends with `*` stands for all that begin so.
    ///
    /// # Errors
    /// The first name that no metric has.
    pub fn read(histograms: Histograms, texts: &[&str]) -> Result<Self, String> {
        let mut excluded = Vec::new();
        let names = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
        for name in names.filter(|name| !name.is_empty()) {
            let before = excluded.len();
            let all = metrics::all().map(|metric| metric.name);
            excluded.extend(all.filter(|metric| is_of(metric, name)));
            if excluded.len() == before {
                return Err(name.to_owned());
            }
        }
        excluded.sort_unstable();
        excluded.dedup();
        Ok(Self { histograms, excluded })
    }

    /// Returns whether a metric is on the page.
    pub(super) fn has(&self, metric: &Metric) -> bool {
        let is_off = self.histograms == Histograms::Off && metric.kind == Kind::Histogram;
        !is_off && self.excluded.binary_search(&metric.name).is_err()
    }

    /// Returns whether histograms have fewer bounds on the page than the agent counts by.
    pub(super) fn is_coarse(&self) -> bool {
        self.histograms == Histograms::Coarse
    }
}

/// Returns whether a metric has this name, or one that begins like it.
fn is_of(metric: &str, name: &str) -> bool {
    name.strip_suffix('*').map_or(metric == name, |start| metric.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_itself_and_a_start_for_all_that_have_it() {
        let none = Selection::ALL;
        assert!(metrics::all().all(|metric| none.has(metric)));
        let texts = ["tcpwarden_connection_*, ", "tcpwarden_drops_total"];
        let some = Selection::read(Histograms::Full, &texts[..1]).unwrap();
        for metric in metrics::all() {
            let is_left_out = metric.name.starts_with("tcpwarden_connection_");
            assert_eq!(some.has(metric), !is_left_out, "{}", metric.name);
        }
        assert_eq!(Selection::read(Histograms::Full, &texts), Err(texts[1].to_owned()));
        let all = Selection::read(Histograms::Full, &["*"]).unwrap();
        assert!(metrics::all().all(|metric| !all.has(metric)));
    }

    #[test]
    fn without_histograms_every_other_metric_stays() {
        let off = Selection::read(Histograms::Off, &[]).unwrap();
        for metric in metrics::all() {
            assert_eq!(off.has(metric), metric.kind != Kind::Histogram, "{}", metric.name);
        }
        assert_eq!(Histograms::parse("fine"), None);
    }
}
