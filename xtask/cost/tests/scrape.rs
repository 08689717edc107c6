//! What a scrape allocates: as much for ten times the series, the page itself apart.

use allocation_counter::measure;
use cost::scrape::{SIZES, lines, made, page, page_of, snapshot, writing};
use tcpwarden::conn::snapshot::Snapshot;
use tcpwarden::metrics::{
    Collector, Form, Histograms, Making, Selection, SelfStats, SharedStats, Writer,
};

/// How often writing a page allocates, its buffer being there.
fn allocations(series: usize) -> u64 {
    let mut work = writing(series);
    measure(&mut work.run).count_total
}

#[test]
fn writing_a_page_allocates_as_often_for_ten_times_the_series() {
    let [_, some, many] = SIZES.map(allocations);
    // One buffer for the labels of all groups and one for those of all services grow with them,
    // doubling.
    assert!(
        many <= some + 16 && many < 100,
        "{some} allocations for {} series, {many} for {}",
        SIZES[1],
        SIZES[2]
    );
}

#[test]
fn a_made_up_snapshot_has_the_series_that_were_asked_for() {
    for series in SIZES {
        let mut page = Vec::new();
        Writer::new().write(&snapshot(series), &SelfStats::default(), 0.0, &mut page);
        let made = lines(&page);
        let asked = u64::try_from(series).unwrap();
        assert!((asked..asked + asked / 10 + 200).contains(&made), "{made} series for {asked}");
    }
}

#[test]
fn a_second_scrape_writes_into_the_buffer_of_the_first() {
    let collector = |series| {
        let collector = Collector::new(move || snapshot(series), SharedStats::default());
        drop(collector.page());
        collector
    };
    // A page of a hundred thousand series is larger than what is kept.
    let [few, more] = [SIZES[0], SIZES[1]];
    let made_up =
        |series| measure(|| drop(std::hint::black_box::<Snapshot>(snapshot(series)))).count_total;
    let alone = |collector: &Collector, series| {
        measure(|| drop(collector.page())).count_total - made_up(series)
    };
    let [some, many] = [few, more].map(|series| alone(&collector(series), series));
    assert!(
        many <= some + 16 && many < 100,
        "{some} allocations for {few} series, {many} for {more}"
    );
}

#[test]
fn a_form_of_a_page_allocates_as_often_for_more_processes_but_for_what_grows() {
    for gzip in [false, true] {
        let form = Form { open_metrics: true, gzip };
        let allocations = |processes| measure(made(processes, form).run).count_total;
        let (some, many) = (allocations(15), allocations(80));
        // The result of gzip doubles as it grows.
        assert!(many <= some + 4 && many < 100, "{some} allocations for 15, {many} for 80");
    }
}

#[test]
fn pages_with_fewer_bounds_are_as_small_as_the_documentation_says() {
    let text = include_str!("../../../docs/fleet-sizing.md");
    for processes in [15, 80] {
        let series = |histograms| {
            let selection = Selection::read(histograms, &[]).unwrap();
            lines(&page_of(processes, &selection)).to_string()
        };
        let all = [Histograms::Coarse, Histograms::Full, Histograms::Off].map(series);
        assert!(processes > 15 || all[0].parse::<usize>().unwrap() < 1500, "{all:?}");
        let row = format!("| {processes} | {} |", all.join(" | "));
        assert!(text.contains(&row), "docs/fleet-sizing.md lacks {row}");
    }
}

#[test]
fn gzip_leaves_less_than_a_tenth_and_openmetrics_is_hardly_longer() {
    for processes in [15, 80] {
        let page = page(processes);
        let bytes = |open_metrics, gzip| {
            Making::new(&page, Form { open_metrics, gzip }).finish().unwrap().len()
        };
        assert!(bytes(true, false) < page.len() + page.len() / 50, "{processes} processes");
        for open_metrics in [false, true] {
            let left = bytes(open_metrics, true);
            assert!(left * 10 < page.len(), "{left} bytes of {}", page.len());
        }
    }
}
