//! Puts metric families together after the catalogue, so that name, type, help and labels cannot
//! differ from it.

use prometheus::proto::{Bucket, Counter, Gauge, LabelPair, Metric as Sample, MetricFamily, MetricType};

use super::catalogue::{Kind, Metric};
use crate::conn::histogram::Histogram;

/// A family on its way to the page.
pub(super) struct Family {
    metric: &'static Metric,
    samples: Vec<Sample>,
}

impl Family {
    /// A family without samples.
    pub(super) const fn new(metric: &'static Metric) -> Self {
        Self { metric, samples: Vec::new() }
    }

    /// Adds a number; `labels` are the values in the order of the catalogue.
    pub(super) fn value<const N: usize>(&mut self, labels: [&str; N], value: f64) {
        let mut sample = self.sample(&labels);
        match self.metric.kind {
            Kind::Counter => {
                let mut counter = Counter::default();
                counter.set_value(value);
                sample.set_counter(counter);
            }
            Kind::Gauge | Kind::Histogram => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                sample.set_gauge(gauge);
            }
        }
        self.samples.push(sample);
    }

    /// Adds a count.
    pub(super) fn count<const N: usize>(&mut self, labels: [&str; N], count: u64) {
        self.value(labels, float(count));
    }

    /// Adds a histogram.
    pub(super) fn histogram<const N: usize>(&mut self, labels: [&str; N], histogram: &Histogram) {
        let bucket = |(bound, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(count);
            bucket
        };
        let mut counts = prometheus::proto::Histogram::default();
        counts.set_bucket(histogram.cumulative().map(bucket).collect());
        counts.set_sample_count(histogram.count());
        counts.set_sample_sum(histogram.sum());
        let mut sample = self.sample(&labels);
        sample.set_histogram(counts);
        self.samples.push(sample);
    }

    fn sample(&self, values: &[&str]) -> Sample {
        debug_assert_eq!(self.metric.labels.len(), values.len(), "labels of {}", self.metric.name);
        let pair = |(name, value): (&&str, &&str)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        };
        Sample::from_label(self.metric.labels.iter().zip(values).map(pair).collect())
    }

    /// The family as the encoder takes it; none where there is no sample.
    pub(super) fn finish(self) -> Option<MetricFamily> {
        if self.samples.is_empty() {
            return None;
        }
        let mut family = MetricFamily::default();
        family.set_name(self.metric.name.to_owned());
        family.set_help(self.metric.help.to_owned());
        family.set_field_type(match self.metric.kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge => MetricType::GAUGE,
            Kind::Histogram => MetricType::HISTOGRAM,
        });
        family.set_metric(self.samples);
        Some(family)
    }
}

/// A count as Prometheus carries it: exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "the exposition format knows only floats; 2^53 events are 285 years at a million a second")]
pub(super) const fn float(count: u64) -> f64 {
    count as f64
}
