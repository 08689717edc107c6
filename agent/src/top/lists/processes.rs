//! Processes by name and workload, from the sums of the metrics.

use std::collections::BTreeMap;

use catalogue::labels::SocketState;
use catalogue::metrics::{connections, lifecycle, pressure};

use super::{is_exact, parameters, percent, shown_of};
use crate::top::readings::Readings;
use crate::top::table::{Cell, Column, MOST, Row, Table, Tone};

static COLUMNS: [Column; 12] = [
    Column::text("PROCESS", 24, 0),
    Column::number("CONNS", 0),
    Column::number("CLOSE_WAIT", 1),
    Column::number("OPEN/s", 2),
    Column::number("CLOSE/s", 3),
    Column::number("FAIL/s", 4),
    Column::number("RETR/s", 5),
    Column::number("FDS", 6),
    Column::text("WORKLOAD", 40, 7),
    Column::number("FULL", 8),
    Column::number("SYN_SENT", 9),
    Column::number("LISTEN", 10),
];

/// The place of the column that the list is sorted by at first.
pub(crate) const FIRST: usize = 1;

const WHOSE: [&str; 2] = ["process", "workload"];

/// Returns the list.
pub(crate) fn table(readings: &Readings) -> Table {
    let Some(page) = readings.page() else {
        return Table { columns: &COLUMNS, sorts: true, ..Table::default() };
    };
    let mut states: BTreeMap<[&str; 2], [f64; 4]> = BTreeMap::new();
    let by_state = page.sums(&connections::CONNECTIONS, ["process", "workload", "state"]);
    for ([process, workload, state], count) in by_state {
        let counts = states.entry([process, workload]).or_default();
        let place = [SocketState::CloseWait, SocketState::SynSent, SocketState::Listen]
            .iter()
            .position(|one| one.as_str() == state);
        if let Some(place) = place {
            counts[place + 1] += count;
        }
        if state != SocketState::Listen.as_str() {
            counts[0] += count;
        }
    }
    let rates = [
        readings.rates(&lifecycle::CONNECTIONS_OPENED, WHOSE),
        readings.rates(&lifecycle::CONNECTIONS_CLOSED, WHOSE),
        readings.rates(&lifecycle::CONNECT_FAILURES, WHOSE),
        readings.rates(&lifecycle::RETRANSMITTED_SEGMENTS, WHOSE),
    ];
    let open = page.sums(&pressure::OPEN_FDS, WHOSE);
    let limits = page.sums(&pressure::MAX_FDS, WHOSE);
    let known = states.len();
    let mut states: Vec<_> = states.into_iter().collect();
    states.sort_by(|one, other| other.1[0].total_cmp(&one.1[0]));
    states.truncate(MOST);
    let rows: Vec<Row> = states
        .into_iter()
        .map(|(whose, counts)| {
            let rates = rates.each_ref().map(|rates| rates.get(&whose).copied());
            let descriptors = open.get(&whose).zip(limits.get(&whose));
            row(whose, counts, rates, descriptors.map(|(open, limit)| [*open, *limit]))
        })
        .collect();
    let note = shown_of(rows.len(), u64::try_from(known).unwrap_or(u64::MAX));
    Table { columns: &COLUMNS, rows, note, sorts: true }
}

fn row(
    [process, workload]: [&str; 2],
    [connections, close_wait, syn_sent, listen]: [f64; 4],
    [opened, closed, failed, retransmitted]: [Option<f64>; 4],
    descriptors: Option<[f64; 2]>,
) -> Row {
    let [open, limit] = descriptors.map_or([None; 2], |known| known.map(Some));
    let full = open.zip(limit.filter(|limit| *limit > 0.0)).map(|(open, limit)| open / limit);
    let is_any = |rate: Option<f64>| rate.is_some_and(|rate| rate > 0.0);
    let cells = vec![
        Cell::text(process),
        Cell::count(Some(connections)),
        Cell::count(Some(close_wait)).toned(Tone::Warning, close_wait > 0.0),
        Cell::rate(opened),
        Cell::rate(closed),
        Cell::rate(failed).toned(Tone::Warning, is_any(failed)),
        Cell::rate(retransmitted),
        Cell::count(open),
        Cell::text(workload),
        Cell::number(full, percent).toned(Tone::Bad, full.is_some_and(|full| full >= 0.8)),
        Cell::count(Some(syn_sent)),
        Cell::count(Some(listen)),
    ];
    let id = format!("{}\n{}", cells[0].text, cells[8].text);
    // No process id is known that could stand for the name.
    let is_alone = is_exact(process) && is_exact(workload);
    let sockets = is_alone.then(|| parameters(&[("process", process), ("workload", workload)]));
    Row { id, cells, detail: String::new(), sockets }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::top::page::Page;
    use crate::top::readings::Reading;

    fn readings(pages: &[&str]) -> Readings {
        let mut readings = Readings::default();
        for (at, page) in (0..).zip(pages) {
            readings.push(Reading { at: Duration::from_secs(2 * at), page: Page::read(page) });
        }
        readings
    }

    fn texts(table: &Table, row: usize) -> Vec<&str> {
        table.rows[row].cells.iter().map(|cell| cell.text.as_str()).collect()
    }

    #[test]
    fn a_process_is_the_sum_of_its_series_and_listeners_are_no_connections() {
        let page = |opened: u32| {
            format!(
                "tcpwarden_connections{{process=\"a\",workload=\"w\",state=\"close_wait\"}} 3\n\
                 tcpwarden_connections{{process=\"a\",workload=\"w\",state=\"established\"}} 4\n\
                 tcpwarden_connections{{process=\"a\",workload=\"w\",state=\"listen\"}} 2\n\
                 tcpwarden_connections_opened_total{{process=\"a\",workload=\"w\",port=\"1\"}} 1\n\
                 tcpwarden_connections_opened_total{{process=\"a\",workload=\"w\",port=\"2\"}} \
                 {opened}\n\
                 tcpwarden_process_open_fds{{process=\"a\",workload=\"w\"}} 90\n\
                 tcpwarden_process_max_fds{{process=\"a\",workload=\"w\"}} 100\n"
            )
        };
        let table = table(&readings(&[&page(0), &page(5)]));
        let expected = ["a", "7", "3", "2.5", "-", "-", "-", "90", "w", "90%", "0", "2"];
        assert_eq!(texts(&table, 0), expected);
        assert_eq!(table.rows[0].sockets.as_deref(), Some("process=a&workload=w&limit=1000"));
        assert_eq!(table.note, "");
    }

    #[test]
    fn of_more_processes_than_fit_those_with_the_most_connections_are_kept() {
        let line = |one: u32| {
            format!("tcpwarden_connections{{process=\"p{one}\",state=\"established\"}} {one}\n")
        };
        let page = (0..2000).map(line).collect::<Vec<_>>().concat();
        let table = table(&readings(&[&page]));
        assert_eq!((table.rows.len(), texts(&table, 0)[0]), (MOST, "p1999"));
        assert_eq!(table.note, "1000 of 2000 shown");
    }

    #[test]
    fn a_name_that_would_stand_for_others_too_leads_nowhere() {
        let sockets = |whose| row(whose, [1.0; 4], [None; 4], None).sockets;
        assert_eq!((sockets(["a*", "w"]), sockets(["a", "w*"])), (None, None));
        assert!(sockets(["*a", "w"]).is_some());
    }

    #[test]
    fn without_a_page_there_are_no_rows() {
        assert!(table(&Readings::default()).rows.is_empty());
        assert!(table(&readings(&["<html>"])).rows.is_empty());
    }
}
