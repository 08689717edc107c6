//! Listeners by process and port, from the metrics: how full each accept queue is.

use catalogue::metrics::pressure;

use super::{is_exact, parameters, percent, short, shown_of};
use crate::top::readings::Readings;
use crate::top::table::{Cell, Column, MOST, Row, Table, Tone};

static COLUMNS: [Column; 12] = [
    Column::text("PROCESS", 24, 0),
    Column::number("PORT", 0),
    Column::number("QUEUE", 1),
    Column::number("LIMIT", 2),
    Column::number("FULL", 3),
    Column::number("DROPS", 4),
    Column::number("DROPS/s", 5),
    Column::number("UNACCEPTED", 6),
    Column::number("OLDEST", 7),
    Column::number("SYN_QUEUE", 8),
    Column::text("WORKLOAD", 40, 9),
    Column::number("SOCKETS", 10),
];

/// The place of the column that the list is sorted by at first.
pub(crate) const FIRST: usize = 4;

const WHICH: [&str; 3] = ["process", "workload", "port"];

/// Returns the list.
pub(crate) fn table(readings: &Readings) -> Table {
    let Some(page) = readings.page() else {
        return Table { columns: &COLUMNS, sorts: true, ..Table::default() };
    };
    let sockets = page.sums(&pressure::LISTEN_SOCKETS, WHICH);
    let numbers = [
        &pressure::LISTEN_BACKLOG,
        &pressure::LISTEN_BACKLOG_LIMIT,
        &pressure::LISTEN_BACKLOG_USED,
        &pressure::LISTEN_DROPS,
        &pressure::LISTEN_UNACCEPTED,
        &pressure::LISTEN_UNACCEPTED_AGE,
        &pressure::LISTEN_SYN_QUEUE,
    ]
    .map(|metric| page.sums(metric, WHICH));
    let drops = readings.rates(&pressure::LISTEN_DROPS, WHICH);
    let row = |(which, sockets): (&[&str; 3], &f64)| {
        let numbers = numbers.each_ref().map(|numbers| numbers.get(which).copied());
        row(*which, *sockets, numbers, drops.get(which).copied())
    };
    let rows: Vec<Row> = sockets.iter().take(MOST).map(row).collect();
    let note = shown_of(rows.len(), u64::try_from(sockets.len()).unwrap_or(u64::MAX));
    Table { columns: &COLUMNS, rows, note, sorts: true }
}

fn row(
    [process, workload, port]: [&str; 3],
    sockets: f64,
    [queue, limit, full, drops, unaccepted, oldest, half_open]: [Option<f64>; 7],
    dropping: Option<f64>,
) -> Row {
    let tone = match full {
        Some(1.0..) => Tone::Bad,
        Some(0.5..) => Tone::Warning,
        _ => Tone::Plain,
    };
    let port_number = port.parse::<u16>().ok();
    let cells = vec![
        Cell::text(process),
        Cell { number: port_number.map(f64::from), ..Cell::text(port) },
        Cell::count(queue).toned(tone, true),
        Cell::count(limit),
        Cell::number(full, percent).toned(tone, true),
        Cell::count(drops),
        Cell::rate(dropping).toned(Tone::Bad, dropping.is_some_and(|rate| rate > 0.0)),
        Cell::count(unaccepted),
        Cell::number(oldest, short),
        Cell::count(half_open),
        Cell::text(workload),
        Cell::count(Some(sockets)),
    ];
    let id = [0, 1, 10].map(|place: usize| cells[place].text.as_str()).join("\n");
    // No process id is known that could stand for the name.
    let is_alone = is_exact(process) && is_exact(workload);
    let target = port_number.filter(|_| is_alone).map(|_| {
        parameters(&[
            ("process", process),
            ("workload", workload),
            ("role", "server"),
            ("service_port", port),
        ])
    });
    Row { id, cells, detail: String::new(), sockets: target }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::top::page::Page;
    use crate::top::readings::Reading;

    #[test]
    fn a_full_queue_stands_out_and_leads_to_the_connections_of_its_port() {
        let mut readings = Readings::default();
        let page = Page::read(include_str!("../../metrics/golden.txt"));
        readings.push(Reading { at: Duration::ZERO, page });
        let table = table(&readings);
        let nginx = table.rows.iter().find(|row| row.cells[0].text == "nginx").unwrap();
        let texts: Vec<_> = nginx.cells.iter().map(|cell| cell.text.as_str()).collect();
        assert_eq!(texts[..6], ["nginx", "80", "5", "10", "100%", "3"]);
        assert_eq!((texts[6], texts[7], texts[8]), ("-", "4", "12s"));
        assert_eq!(nginx.cells[4].tone, Tone::Bad);
        assert!(nginx.sockets.as_deref().unwrap().contains("role=server&service_port=80"));
        let rest = table.rows.iter().find(|row| row.cells[0].text == "~other").unwrap();
        assert_eq!(rest.sockets, None, "there is no port to ask for");
    }

    #[test]
    fn a_name_that_would_stand_for_others_too_leads_nowhere() {
        let sockets = |whose| row(whose, 1.0, [None; 7], None).sockets;
        assert_eq!((sockets(["a*", "w", "1"]), sockets(["a", "w*", "1"])), (None, None));
        assert_eq!(sockets(["~young", "~young", "1"]), None);
        assert!(sockets(["*a", "w", "1"]).is_some());
    }

    #[test]
    fn a_port_at_half_of_its_queue_is_a_warning() {
        let row = |full| row(["a", "w", "1"], 1.0, [Some(full); 7], Some(0.0));
        let tones = [0.49, 0.5, 0.99, 1.0].map(|full| row(full).cells[4].tone);
        assert_eq!(tones, [Tone::Plain, Tone::Warning, Tone::Warning, Tone::Bad]);
    }
}
