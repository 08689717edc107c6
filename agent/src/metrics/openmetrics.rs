//! A page in OpenMetrics 1.0, made of the page in the text format: names, labels and values are the
//! same, but for the form of `le`, and each line is read once.
//!
//! Used by `form`. `_created` is the agent's start, which the page has. It stands only where every
//! series has counted since then: a series of a process, a port or a network namespace may be
//! younger, and nothing on the page tells its age.

use std::sync::LazyLock;

use catalogue::buckets::{BYTES, SECONDS};
use catalogue::metrics::{Kind, Metric, agent, all};
use memchr::{memchr, memrchr};

/// An `OpenMetrics` is a page that is being made.
pub(super) struct OpenMetrics<'a> {
    /// What is left of the page in the text format.
    rest: &'a [u8],
    /// When the agent started, as the page says it; `None` if it does not.
    start: Option<&'a [u8]>,
    /// The family whose lines come.
    family: Option<&'static Family>,
    ended: bool,
}

/// A family with what stands above its series.
struct Family {
    metric: &'static Metric,
    head: String,
    has_created: bool,
}

static FAMILIES: LazyLock<Vec<Family>> = LazyLock::new(|| all().map(Family::new).collect());

/// The bounds of histograms in the text format and in OpenMetrics, where these differ.
static BOUNDS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let both = SECONDS.iter().chain(BYTES).map(|bound| (bound.to_string(), canonical(*bound)));
    both.filter(|(text, canonical)| text != canonical).collect()
});

impl Family {
    fn new(metric: &'static Metric) -> Self {
        let (name, word) = (metric.family(), metric.open_type());
        let help = metric.help.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let unit = metric.open_unit().map(|unit| format!("# UNIT {name} {unit}\n"));
        let unit = unit.unwrap_or_default();
        let head = format!("# HELP {name} {help}\n# TYPE {name} {word}\n{unit}");
        Self { metric, head, has_created: metric.counts_since_start() }
    }
}

/// Returns a bound as OpenMetrics wants it: with a point, and with an exponent from a million on,
/// as Go's `%g`.
fn canonical(bound: f64) -> String {
    if bound < 1e6 {
        // With a point, always.
        return format!("{bound:?}");
    }
    let text = format!("{bound:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{digits}e+{exponent:0>2}")
}

impl<'a> OpenMetrics<'a> {
    /// Begins with a page in the text format.
    pub(super) fn of(page: &'a [u8]) -> Self {
        Self { rest: page, start: start(page), family: None, ended: false }
    }

    /// Appends lines until the buffer has `length` bytes or more. Returns false if nothing was left
    /// to append.
    pub(super) fn append(&mut self, length: usize, to: &mut Vec<u8>) -> bool {
        if self.ended {
            return false;
        }
        while to.len() < length {
            if self.rest.is_empty() {
                to.extend_from_slice(b"# EOF\n");
                self.ended = true;
                break;
            }
            let end = memchr(b'\n', self.rest).unwrap_or(self.rest.len());
            let (line, rest) = self.rest.split_at(end);
            self.rest = rest.get(1..).unwrap_or_default();
            self.line(line, to);
        }
        true
    }

    fn line(&mut self, line: &[u8], to: &mut Vec<u8>) {
        if let Some(name) = line.strip_prefix(b"# HELP ") {
            let name = name.split(|byte| *byte == b' ').next().unwrap_or_default();
            self.family = FAMILIES.iter().find(|family| family.metric.name.as_bytes() == name);
            match self.family {
                Some(family) => to.extend_from_slice(family.head.as_bytes()),
                None => push(to, &[line, b"\n"]),
            }
        } else if let Some(family) = self.family {
            // The head has the type.
            if !line.starts_with(b"# TYPE ") {
                self.series(family, line, to);
            }
        } else {
            push(to, &[line, b"\n"]);
        }
    }

    /// Appends the line of a series, and that of its creation.
    fn series(&self, family: &Family, line: &[u8], to: &mut Vec<u8>) {
        let name = family.metric.name.as_bytes();
        let of_it = line.strip_prefix(name).unwrap_or_default();
        if family.metric.kind == Kind::Histogram && of_it.starts_with(b"_bucket{") {
            return bucket(line, to);
        }
        push(to, &[line, b"\n"]);
        let labels = match family.metric.kind {
            Kind::Counter => Some(of_it),
            Kind::Gauge => None,
            Kind::Histogram => of_it.strip_prefix(b"_count"),
        };
        let space = labels.and_then(|labels| memrchr(b' ', labels));
        let labels = labels.zip(space).and_then(|(labels, space)| labels.get(..space));
        if let (true, Some(start), Some(labels)) = (family.has_created, self.start, labels) {
            let base = family.metric.family().as_bytes();
            push(to, &[base, b"_created", labels, b" ", start, b"\n"]);
        }
    }
}

/// Appends the line of a bucket. `le` is its last label.
fn bucket(line: &[u8], to: &mut Vec<u8>) {
    const BOUND: &[u8] = b"le=\"";
    let start = line.windows(BOUND.len()).rposition(|bytes| bytes == BOUND);
    let (before, bound) = line.split_at(start.map_or(line.len(), |start| start + BOUND.len()));
    let length = bound.iter().position(|byte| *byte == b'"').unwrap_or_default();
    let (bound, after) = bound.split_at(length);
    // What has a point is as it should be.
    let other = if bound.contains(&b'.') {
        None
    } else {
        BOUNDS.iter().find(|(text, _)| text.as_bytes() == bound)
    };
    let bound = other.map_or(bound, |(_, canonical)| canonical.as_bytes());
    push(to, &[before, bound, after, b"\n"]);
}

/// Returns when the agent started, if the page says it.
fn start(page: &[u8]) -> Option<&[u8]> {
    let name = agent::PROCESS_START_TIME.name.as_bytes();
    let mut lines = page.split(|byte| *byte == b'\n');
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(b" "))?;
    let number: f64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    // 0 before the agent has looked.
    (number.is_finite() && number > 0.0).then_some(value)
}

fn push(to: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        to.extend_from_slice(part);
    }
}
