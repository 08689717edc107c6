//! Whether something grew: the median of the second quarter of the time against that of the last
//! one, within a bound; and the slope of Theil and Sen, which says how fast.
//!
//! The first quarter is left out: pages of the allocator and names are taken once.
//!
//! A page that leaks has new values of labels, more namespaces than are its bound, longer series,
//! or one of them twice. Its bytes are not compared: when a full ring loses a birth, the page can
//! get a service of a process, a role and a port that it has in others, at any time, and each has 7
//! to 15 KB. There are only as many as these make together.

use std::fmt::Write as _;

use super::sample::Sample;

/// Something that was claimed, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    /// What it is about.
    pub(super) about: String,
    /// What was seen.
    pub(super) seen: String,
    /// What is allowed.
    pub(super) allowed: String,
    /// Whether it holds.
    pub(super) holds: bool,
}

impl Claim {
    /// That there were none of these.
    pub(super) fn none(about: &str, count: u64) -> Self {
        Self {
            about: about.to_owned(),
            seen: count.to_string(),
            allowed: "0".to_owned(),
            holds: count == 0,
        }
    }

    /// That two counts are equal.
    pub(super) fn equal(about: &str, agent: i64, kernel: i64) -> Self {
        Self {
            about: about.to_owned(),
            seen: agent.to_string(),
            allowed: kernel.to_string(),
            holds: agent == kernel,
        }
    }
}

/// What must not grow: its name, its unit, how it is read, and how much is no growth: so much, and
/// a share of what was there.
type Quantity = (&'static str, &'static str, fn(&Sample) -> f64, f64, f64);

#[expect(clippy::cast_precision_loss, reason = "none of these is near 2^53")]
const QUANTITIES: [Quantity; 4] = [
    ("memory", "KiB", |sample| (sample.usage.memory >> 10) as f64, 2048.0, 0.02),
    ("descriptors", "", |sample| sample.usage.descriptors as f64, 2.0, 0.0),
    ("label values of the page", "", |sample| sample.page.values as f64, 1.0, 0.0),
    ("bytes a series", "", |sample| sample.page.bytes_each(), 0.0, 0.05),
];

/// The most network namespaces on a page: as many keep their counters as have gauges, which may be
/// others (`Limits::namespaces`), and one stands for the rest.
const MOST_NAMESPACES: usize = 2 * 64 + 1;

/// Says of each quantity whether it stayed as it was, and of namespaces whether they are bounded.
pub(super) fn flat(samples: &[Sample]) -> Vec<Claim> {
    let most = samples.iter().map(|sample| sample.page.namespaces).max().unwrap_or(usize::MAX);
    let twice = samples.iter().map(|sample| sample.page.twice).max().unwrap_or(usize::MAX);
    let bounded = Claim {
        about: "network namespaces of the page".to_owned(),
        seen: most.to_string(),
        allowed: format!("at most {MOST_NAMESPACES}"),
        holds: most <= MOST_NAMESPACES,
    };
    let unique = Claim {
        about: "series that are there twice".to_owned(),
        seen: twice.to_string(),
        allowed: "0".to_owned(),
        holds: twice == 0,
    };
    QUANTITIES.iter().map(|quantity| judge(samples, *quantity)).chain([bounded, unique]).collect()
}

fn judge(samples: &[Sample], (name, unit, read, most, share): Quantity) -> Claim {
    let series: Vec<(f64, f64)> =
        samples.iter().map(|sample| (sample.after, read(sample))).collect();
    let end = series.last().map_or(0.0, |last| last.0);
    let part = |from: f64, to: f64| {
        let inside = series.iter().filter(|(after, _)| (from * end..=to * end).contains(after));
        median(inside.map(|(_, value)| *value).collect())
    };
    let about = format!("growth of {name}");
    let (Some(early), Some(late)) = (part(0.25, 0.5), part(0.75, 1.0)) else {
        let (seen, allowed) = ("too few samples".to_owned(), String::new());
        return Claim { about, seen, allowed, holds: false };
    };
    let later: Vec<_> = series.into_iter().filter(|(after, _)| *after >= 0.25 * end).collect();
    let hourly = slope(&later) * 3600.0;
    let bound = early.mul_add(share, most);
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    Claim {
        about,
        seen: format!("{early:.0} to {late:.0}{unit} ({hourly:+.0} an hour)"),
        allowed: format!("+{bound:.0}{unit}"),
        holds: late - early <= bound,
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// How many points the slope looks at: it compares each with each.
const POINTS: usize = 500;

/// The median of the slopes between any two points (Theil and Sen): a few outliers do not move it.
fn slope(series: &[(f64, f64)]) -> f64 {
    let series: Vec<_> = series.iter().step_by(series.len().div_ceil(POINTS).max(1)).collect();
    let mut slopes = Vec::new();
    for (at, (since, before)) in series.iter().enumerate() {
        for (until, after) in &series[at + 1..] {
            slopes.push((after - before) / (until - since).max(f64::EPSILON));
        }
    }
    median(slopes).unwrap_or(0.0)
}

/// The claims as a table in Markdown.
pub(super) fn table(claims: &[Claim]) -> String {
    let mut table = "| what | seen | allowed | |\n|---|---:|---:|---|\n".to_owned();
    for Claim { about, seen, allowed, holds } in claims {
        let mark = if *holds { "" } else { "**failed**" };
        let _ = writeln!(table, "| {about} | {seen} | {allowed} | {mark} |");
    }
    table
}

#[cfg(test)]
mod tests {
    use testkit::page::Page;

    use super::*;
    use crate::soak::sample::Shown;

    /// One sample a second with this much memory, KiB.
    fn samples(memory: impl Fn(u32) -> f64) -> Vec<Sample> {
        (0..120).map(|second| Sample::of_memory(f64::from(second), memory(second))).collect()
    }

    fn holds(memory: impl Fn(u32) -> f64) -> bool {
        judge(&samples(memory), QUANTITIES[0]).holds
    }

    #[test]
    fn what_grows_is_told_from_what_only_begins_or_swings() {
        assert!(holds(|_| 30_000.0));
        assert!(holds(|second| if second < 20 { 20_000.0 } else { 30_000.0 }), "it begins");
        assert!(holds(|second| if second % 12 < 4 { 40_000.0 } else { 30_000.0 }), "it swings");
        assert!(holds(|second| if second == 110 { 90_000.0 } else { 30_000.0 }), "one outlier");
        assert!(!holds(|second| 50.0f64.mul_add(f64::from(second), 30_000.0)), "it leaks");
        assert!(!holds(|second| if second < 80 { 30_000.0 } else { 40_000.0 }), "it steps");
        assert!(!judge(&[], QUANTITIES[0]).holds, "nothing was seen");
    }

    #[test]
    fn a_page_leaks_values_namespaces_or_bytes_and_not_what_known_values_make_together() {
        let page = |lines: &[String]| Shown::of(&Page::parse(&lines.join("\n")));
        let known: Vec<_> = (0..50)
            .map(|port| format!(r#"m{{process="api",role="client",port="{port}"}} 1"#))
            .collect();
        let failing = |late: &dyn Fn(u32) -> Vec<String>| -> Vec<String> {
            let sample = |second: u32| {
                let mut sample = Sample::of_memory(f64::from(second), 1000.0);
                sample.page = page(&[known.clone(), late(second)].concat());
                sample
            };
            let claims = flat(&(0..120).map(sample).collect::<Vec<_>>());
            claims.into_iter().filter(|one| !one.holds).map(|one| one.about).collect()
        };
        let line = |labels: String| format!("m{{{labels}}} 1");
        let known_side = |second: u32| {
            let both = ["lb", "api"]
                .map(|process| line(format!(r#"process="{process}",role="server",port="1""#)));
            both[..if second < 80 { 1 } else { 2 }].to_vec()
        };
        assert_eq!(failing(&known_side), [""; 0], "these values were there");
        let ports = |second: u32| {
            (0..second / 12).map(|port| line(format!(r#"process="api",port="x{port}""#))).collect()
        };
        assert_eq!(failing(&ports), ["growth of label values of the page"]);
        let namespaces = |second: u32| {
            (0..2 * second).map(|netns| line(format!(r#"netns="{netns}""#))).collect()
        };
        assert!(failing(&namespaces).contains(&"network namespaces of the page".to_owned()));
        let longer = |second: u32| vec![format!("m 1{}", "0".repeat(second as usize * 10))];
        assert_eq!(failing(&longer), ["growth of bytes a series"]);
        let twice = |second: u32| known[..usize::from(second == 100)].to_vec();
        assert_eq!(failing(&twice), ["series that are there twice"]);
        assert!(flat(&[]).iter().all(|claim| !claim.holds), "nothing was seen");
    }

    #[test]
    fn the_slope_is_that_of_most_points() {
        let line = |second: u32| (f64::from(second), if second == 7 { 1e9 } else { 3.0 });
        assert!(slope(&(0..30).map(line).collect::<Vec<_>>()).abs() < f64::EPSILON);
        let line = |second: u32| (f64::from(second), f64::from(second) * 2.0);
        assert!((slope(&(0..3000).map(line).collect::<Vec<_>>()) - 2.0).abs() < 1e-9);
        assert!(slope(&[]).abs() < f64::EPSILON);
    }

    #[test]
    fn a_claim_that_fails_stands_out() {
        let text = table(&[Claim::none("good", 0), Claim::equal("bad", 1, 2)]);
        assert_eq!(text.lines().filter(|line| line.contains("failed")).count(), 1, "{text}");
    }
}
