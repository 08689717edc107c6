//! Writes a metric family onto the page after the catalogue, so that name, type and help cannot
//! differ from it; a test holds the labels.
//!
//! A series is its head (the name and the labels of its set), which is copied from the line above
//! where that has the same, then the labels that a closed set adds ([`Tails`]), then its number.
//! Nothing is allocated but room on the page.

use std::borrow::Borrow;

use super::text::{Number, Value, push_label, push_number};
use crate::conn::histogram::Histogram;
use catalogue::metrics::Metric;

/// A `Family` writes the series of one metric to the page.
pub(super) struct Family<'a> {
    metric: &'static Metric,
    /// Whether histograms have their coarse bounds only.
    is_coarse: bool,
    page: &'a mut Vec<u8>,
    begun: bool,
}

/// `Tails` are the last labels of the series that each set of a family has, ready to be copied, in
/// the order of the page. Each has the key that finds its number.
pub(super) struct Tails<T>(Vec<(T, String)>);

impl<T> Tails<T> {
    /// Returns the tails of closed sets, whose values have no character that would need an escape.
    pub(super) fn sorted<const N: usize>(
        names: [&str; N],
        values: impl Iterator<Item = (T, [&'static str; N])>,
    ) -> Self {
        let mut tails: Vec<_> = values.map(|(of, values)| (of, tail(&names, &values))).collect();
        // A quote, which ends each value, comes before all that such a value consists of.
        tails.sort_by(|(_, one), (_, other)| one.cmp(other));
        Self(tails)
    }

    /// Returns each tail with the key that finds its number.
    pub(super) fn iter(&'static self) -> impl Iterator<Item = (&'static T, &'static str)> {
        self.0.iter().map(|(of, tail)| (of, tail.as_str()))
    }
}

/// A `Bound` of a histogram is its label, and whether it is one of the coarse bounds.
pub(super) struct Bound {
    label: String,
    is_coarse: bool,
}

/// Returns the bounds of a histogram in their order, `+Inf` included, which is a coarse one too.
pub(super) fn bounds(bounds: &[f64], coarse: &[f64]) -> Vec<Bound> {
    let texts = bounds.iter().map(|bound| (bound.to_string(), coarse.contains(bound)));
    let all = texts.chain([("+Inf".to_owned(), true)]);
    all.map(|(bound, is_coarse)| Bound { label: tail(&["le"], &[&bound]), is_coarse }).collect()
}

fn tail(names: &[&str], values: &[&str]) -> String {
    let labels: Vec<_> =
        names.iter().zip(values).map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    labels.join(",") + "} "
}

/// A `Sum` adds up histograms of the same bounds. Its buffer serves the next sum.
#[derive(Default)]
pub(super) struct Sum {
    cumulative: Vec<u64>,
    count: u64,
    total: f64,
}

impl Sum {
    /// Replaces the sum by that of these histograms, added up in their order.
    pub(super) fn of(&mut self, histograms: impl Iterator<Item: Borrow<Histogram>>) -> &Self {
        self.cumulative.clear();
        (self.count, self.total) = (0, 0.0);
        for (nth, histogram) in histograms.enumerate() {
            let histogram = histogram.borrow();
            if nth == 0 {
                self.cumulative.extend(histogram.cumulative().map(|(_, count)| count));
                self.total = histogram.sum();
            } else {
                self.cumulative
                    .iter_mut()
                    .zip(histogram.cumulative())
                    .for_each(|(mine, (_, theirs))| *mine += theirs);
                self.total += histogram.sum();
            }
            self.count += histogram.count();
        }
        self
    }

    /// Returns whether nothing was observed.
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl<'a> Family<'a> {
    /// Returns a family without series: nothing of it is on the page.
    pub(super) const fn new(
        metric: &'static Metric,
        is_coarse: bool,
        page: &'a mut Vec<u8>,
    ) -> Self {
        Self { metric, is_coarse, page, begun: false }
    }

    /// Adds a number with labels of its own, in the order of the catalogue.
    pub(super) fn labelled<const N: usize>(&mut self, labels: [Value<'_>; N], number: Number) {
        debug_assert_eq!(self.metric.labels.len(), N, "labels of {}", self.metric.name);
        self.begin();
        self.push(self.metric.name);
        let mut separator = b'{';
        for (name, value) in self.metric.labels.iter().zip(&labels) {
            self.page.push(separator);
            push_label(self.page, name, value.bytes());
            separator = b',';
        }
        self.push(if N == 0 { " " } else { "} " });
        push_number(self.page, number);
    }

    /// Adds a count with labels of its own.
    pub(super) fn count<const N: usize>(&mut self, labels: [&str; N], count: u64) {
        self.labelled(labels.map(Value::Text), Number::Count(count));
    }

    /// Adds a number that has no label.
    pub(super) fn alone(&mut self, number: Number) {
        self.labelled([], number);
    }

    /// Adds a number that has the labels of a set and no others.
    pub(super) fn of_set(&mut self, set: &[u8], number: Number) {
        self.lines("", set, "", std::iter::once(("} ", number)));
    }

    /// Adds the numbers of a set, each with its tail.
    pub(super) fn series(
        &mut self,
        set: &[u8],
        numbers: impl Iterator<Item = (&'static str, Number)>,
    ) {
        self.lines("", set, ",", numbers);
    }

    /// Adds a histogram of these bounds.
    pub(super) fn histogram(&mut self, set: &[u8], bounds: &'static [Bound], of: &Sum) {
        let (counts, all) = (of.cumulative.iter().chain([&of.count]), !self.is_coarse);
        let counts = bounds.iter().zip(counts).filter(|(bound, _)| all || bound.is_coarse);
        let counts = counts.map(|(bound, count)| (bound.label.as_str(), Number::Count(*count)));
        let (open, close) = if set.is_empty() { ("{", " ") } else { (",", "} ") };
        self.lines("_bucket", set, open, counts);
        self.lines("_sum", set, "", std::iter::once((close, Number::Value(of.total))));
        self.lines("_count", set, "", std::iter::once((close, Number::Count(of.count))));
    }

    /// Writes one line for each number: the name, the set, the separator, the tail, the number.
    fn lines(
        &mut self,
        suffix: &str,
        set: &[u8],
        separator: &str,
        mut numbers: impl Iterator<Item = (&'static str, Number)>,
    ) {
        let Some((tail, number)) = numbers.next() else { return };
        self.begin();
        let start = self.page.len();
        self.push(self.metric.name);
        self.push(suffix);
        self.page.extend_from_slice(set);
        self.push(separator);
        let head = start..self.page.len();
        self.push(tail);
        push_number(self.page, number);
        for (tail, number) in numbers {
            self.page.extend_from_within(head.clone());
            self.push(tail);
            push_number(self.page, number);
        }
    }

    /// Writes `# HELP` and `# TYPE` above the first series.
    fn begin(&mut self) {
        if !self.begun {
            self.push(self.metric.head);
            self.begun = true;
        }
    }

    fn push(&mut self, text: &str) {
        self.page.extend_from_slice(text.as_bytes());
    }
}
