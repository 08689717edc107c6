//! Every number of the page is looked up where it says that it stands.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::fixtures::{healthy, in_trouble, leaking};
use crate::conn::{Nanos, Totals};
use crate::duration_text;
use crate::history::{Moment, Rings};
use crate::http::page::{
    Details, FAILURES, LEAKS, LeaksQuery, Overview, PORTS, PortsQuery, TroubleQuery, address,
    render,
};
use crate::leaks::Watch;
use crate::listing;
use crate::metrics::stats::SelfStats;
use crate::metrics::{Collector, SharedStats};
use crate::nat::Nat;
use crate::query::{self, Source};

/// The wall clock at which the page of metrics is made, Unix time in seconds.
const WALL: u64 = 1_700_000_000;

/// The other places in which the numbers stand.
struct Elsewhere {
    series: Vec<(String, f64)>,
    answers: HashMap<String, Value>,
}

impl Elsewhere {
    /// Reads a page of metrics of the same numbers.
    fn of(overview: &Overview) -> Self {
        let (stats, snapshot) = (SharedStats::default(), overview.snapshot.clone());
        stats.update(|shown| *shown = overview.stats.clone());
        let collector = Collector::new(move || snapshot.clone(), stats)
            .at(SystemTime::UNIX_EPOCH + Duration::from_secs(WALL));
        let page = String::from_utf8(collector.page().as_ref().to_vec()).unwrap();
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        let series = lines.map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        });
        Self { series: series.collect(), answers: HashMap::new() }
    }

    fn answer(mut self, name: &str, answer: Value) -> Self {
        self.answers.insert(name.to_owned(), answer);
        self
    }

    /// Returns the number that stands there.
    fn at(&self, of: &str) -> f64 {
        if let Some((query, pointer)) = of.split_once('#') {
            let name = query.strip_prefix("/api/v1/").unwrap().split('?').next().unwrap();
            let answer = self.answers[name].pointer(pointer);
            return answer.and_then(Value::as_f64).unwrap_or_else(|| panic!("nothing at {of}"));
        }
        if let Some((over, under)) = of.split_once(" / ") {
            return self.at(over) / self.at(under);
        }
        if let Some(then) = of.strip_prefix("time() - ") {
            return f64::from(u32::try_from(WALL).unwrap()) - self.at(then);
        }
        if let Some(sum) = of.strip_prefix("sum(").and_then(|sum| sum.strip_suffix(')')) {
            let (name, labels) = sum.split_once('{').unwrap_or((sum, ""));
            let labels = labels.trim_end_matches('}');
            let is_of = |series: &str| {
                let rest = series.strip_prefix(name).and_then(|rest| rest.strip_prefix('{'));
                rest.is_some_and(|rest| rest.contains(labels))
            };
            let matching = self.series.iter().filter(|(series, _)| is_of(series));
            return matching.map(|(_, value)| value).sum();
        }
        let found = self.series.iter().find(|(series, _)| series == of);
        found.unwrap_or_else(|| panic!("no series {of}")).1
    }
}

/// Reads text back, as a browser does.
fn read(html: &str) -> String {
    let names = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    names.iter().fold(html.to_owned(), |text, (name, letter)| text.replace(name, letter))
}

/// Compares each number of a page with the one that stands elsewhere. Returns how many there are.
fn check(page: &str, elsewhere: &Elsewhere) -> usize {
    let numbers = page.split("<data value=\"").skip(1);
    let compared = numbers.map(|rest| {
        let (value, rest) = rest.split_once("\" title=\"").unwrap();
        let (of, rest) = rest.split_once("\">").unwrap();
        let (value, of): (f64, _) = (value.parse().unwrap(), read(of));
        let shown = rest.split("</data>").next().unwrap().replace('\u{202f}', "");
        let there = elsewhere.at(&of);
        assert!((there - value).abs() <= 1e-6 * value.abs().max(1.0), "{value}, not {there}: {of}");
        let time = Duration::try_from_secs_f64(value).map(duration_text::short);
        let forms =
            [value.to_string(), format!("{:.0} %", value * 100.0), time.unwrap_or_default()];
        assert!(forms.contains(&shown), "{value} is shown as {shown}: {of}");
    });
    compared.count()
}

#[test]
fn every_number_is_that_of_the_metrics_or_of_the_api() {
    for (overview, details) in [healthy(), leaking(), in_trouble()] {
        let elsewhere = Elsewhere::of(&overview)
            .answer("leaks", serde_json::to_value(&details.leaks).unwrap())
            .answer("trouble", serde_json::to_value(&details.failures).unwrap())
            .answer("ports", serde_json::to_value(&details.ports).unwrap());
        assert!(check(&render(&overview, Some(&details)), &elsewhere) > 40);
        assert!(check(&render(&overview, None), &Elsewhere::of(&overview)) > 30);
    }
}

#[test]
fn numbers_of_a_table_are_those_that_its_queries_answer() {
    let source = Source {
        table: listing::tests::shared(40),
        leaks: Watch::default(),
        nat: Nat::default(),
        clock: || 90_000_000_000,
    };
    let snapshot = source.table.lock().unwrap().snapshot(Nanos::new((source.clock)()));
    let mut rings = Rings::default();
    let moment = Moment { awake: 90_000_000_000, all: 90_000_000_000 };
    rings.add(moment, &Totals::of(&snapshot));
    let overview = Overview {
        uptime: Duration::from_secs(90),
        alive: true,
        snapshot,
        stats: SelfStats::default(),
        rings,
        moment,
    };
    let mut elsewhere = Elsewhere::of(&overview);
    for asked in [
        address::<LeaksQuery>(LEAKS),
        address::<TroubleQuery>(FAILURES),
        address::<PortsQuery>(PORTS),
    ] {
        let (path, parameters) = asked.split_once('?').unwrap();
        let query = query::ALL.iter().find(|query| query.path() == path).unwrap();
        let answer = query.prepare(parameters).unwrap()(&source).unwrap();
        let name = path.strip_prefix("/api/v1/").unwrap();
        elsewhere = elsewhere.answer(name, serde_json::from_str(&answer).unwrap());
    }
    let details = Details::of(&source).unwrap();
    let page = render(&overview, Some(&details));
    assert!(check(&page, &elsewhere) > 50, "{page}");
    for suspect in elsewhere.answers["leaks"]["suspects"].as_array().unwrap() {
        let sentence = suspect["sentence"].as_str().unwrap();
        assert!(read(&page).contains(sentence), "{sentence}");
    }
}
