//! Destinations: connections by peer, with what goes wrong with each.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{at_least, number, parameters, short, shown_of};
use crate::listing::group::Group;
use crate::query::connections::Connections;
use crate::query::text::{end, printable};
use crate::query::trouble::{Line, Troubles};
use crate::top::table::{Cell, Column, MOST, Row, Table, Tone};

static COLUMNS: [Column; 12] = [
    Column::text("PEER", 47, 0),
    Column::number("CONNS", 0),
    Column::number("FAILED", 1),
    Column::number("SLOW", 2),
    Column::number("RESETS", 3),
    Column::number("RETRANS", 4),
    Column::number("TROUBLE", 5),
    Column::number("OLDEST", 6),
    Column::number("IDLE>5m", 7),
    Column::number("SENT", 8),
    Column::number("RECEIVED", 9),
    Column::text("PROCESS", 24, 10),
];

/// The place of the column that the list is sorted by at first.
pub(crate) const FIRST: usize = 1;

/// The kinds of trouble, in the order of their columns.
const KINDS: [&str; 4] = ["failures", "slow", "resets", "retransmits"];

/// An address, and the service port where this side is the client.
type Peer = (IpAddr, Option<u16>);

/// What is known of a destination.
#[derive(Default)]
struct Destination<'a> {
    group: Option<&'a Group>,
    counts: [u64; 4],
    /// The one that was seen last.
    last: Option<&'a Line>,
}

/// Returns the list.
pub(crate) fn table(troubles: Option<&Troubles>, peers: Option<&Connections>) -> Table {
    let mut all: BTreeMap<Peer, Destination<'_>> = BTreeMap::new();
    let grouped = peers.and_then(|peers| peers.grouped.as_ref());
    for group in grouped.into_iter().flat_map(|grouped| &grouped.groups) {
        if let Some(address) = group.peer_address {
            all.entry((address, group.peer_port)).or_default().group = Some(group);
        }
    }
    for line in troubles.into_iter().flat_map(|troubles| &troubles.troubles) {
        let port = (line.role == "client").then_some(line.port);
        all.entry((line.peer_address, port)).or_default().take(line);
    }
    let known = all.len();
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_by_key(|(_, one)| std::cmp::Reverse(one.weight()));
    all.truncate(MOST);
    let rows: Vec<Row> = all.iter().map(|(peer, destination)| row(*peer, destination)).collect();
    let beyond = grouped.map_or(0, |grouped| grouped.known.saturating_sub(grouped.groups.len()));
    let note = match troubles.filter(|troubles| troubles.truncated) {
        Some(troubles) => format!("{} of {} troubles", troubles.returned, troubles.matched),
        None => shown_of(rows.len(), u64::try_from(known + beyond).unwrap_or(u64::MAX)),
    };
    Table { columns: &COLUMNS, rows, note, sorts: true }
}

impl<'a> Destination<'a> {
    fn take(&mut self, line: &'a Line) {
        if let Some(place) = KINDS.iter().position(|kind| *kind == line.kind) {
            self.counts[place] = self.counts[place].saturating_add(line.count);
        }
        let age = |line: &Line| line.last_seen_seconds;
        if self.last.is_none_or(|last| age(line) < age(last)) {
            self.last = Some(line);
        }
    }

    /// What is left out first where there is no room: few connections, no trouble.
    fn weight(&self) -> (bool, u64) {
        (self.last.is_some(), self.group.map_or(0, |group| group.connections))
    }
}

fn row((address, port): Peer, destination: &Destination<'_>) -> Row {
    let peer = port.map_or_else(|| address.to_string(), |port| end(address, port));
    let (group, last) = (destination.group, destination.last);
    let of = |count: fn(&Group) -> u64| group.map(|group| number(count(group)));
    let count = |place: usize, tone| {
        let count = number(destination.counts[place]);
        Cell::count(Some(count)).toned(tone, count > 0.0)
    };
    let cells = vec![
        Cell::text(&peer),
        Cell::count(Some(of(|group| group.connections).unwrap_or_default())),
        count(0, Tone::Bad),
        count(1, Tone::Warning),
        count(2, Tone::Warning),
        count(3, Tone::Plain),
        Cell::number(last.map(|last| last.last_seen_seconds), |age| format!("-{}", short(age))),
        Cell::number(group.map(|group| group.oldest_age_seconds), |age| {
            at_least(age, group.is_some_and(|group| group.oldest_age_at_least))
        }),
        Cell::count(of(|group| group.idle_300)),
        Cell::count(of(|group| group.bytes_sent)),
        Cell::count(of(|group| group.bytes_received)),
        Cell::text(last.map_or("-", |last| &last.process)),
    ];
    let detail = last.map_or_else(String::new, |last| {
        let cause = last.cause.as_deref().map(|cause| format!("; {}", printable(cause)));
        format!("{}{}", printable(&last.sentence), cause.unwrap_or_default())
    });
    let roles = if port.is_some() { "client" } else { "server,unknown" };
    let sockets = Some(parameters(&[("peer", &peer), ("role", roles)]));
    Row { id: peer, cells, detail, sockets }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::group::Grouped;
    use crate::query::ALL;

    fn peers(groups: Vec<Group>) -> Connections {
        let known = groups.len();
        let grouped = Some(Grouped { known, groups, ..Grouped::default() });
        Connections { grouped, ..Connections::default() }
    }

    fn line(kind: &str, role: &str, count: u64, ago: f64) -> Line {
        Line {
            kind: kind.to_owned(),
            role: role.to_owned(),
            count,
            last_seen_seconds: ago,
            sentence: format!("{kind} {ago}"),
            peer_address: "10.0.0.9".parse().unwrap(),
            port: 5432,
            ..Line::default()
        }
    }

    #[test]
    fn connections_and_trouble_of_one_destination_are_one_row() {
        let group = Group {
            peer_address: Some("10.0.0.9".parse().unwrap()),
            peer_port: Some(5432),
            connections: 7,
            ..Group::default()
        };
        let troubles = Troubles {
            troubles: vec![
                line("failures", "client", 40, 9.0),
                line("resets", "client", 2, 3.0),
                line("resets", "server", 5, 1.0),
            ],
            ..Troubles::default()
        };
        let table = table(Some(&troubles), Some(&peers(vec![group])));
        let texts: Vec<Vec<&str>> = table
            .rows
            .iter()
            .map(|row| row.cells[..7].iter().map(|cell| cell.text.as_str()).collect())
            .collect();
        assert_eq!(
            texts,
            [
                ["10.0.0.9:5432", "7", "40", "0", "2", "0", "-3s"],
                ["10.0.0.9", "0", "0", "0", "5", "0", "-1s"]
            ]
        );
        assert_eq!(table.rows[0].detail, "resets 3", "the last that was seen");
    }

    #[test]
    fn a_destination_leads_to_its_sockets_by_a_query_that_the_agent_takes() {
        for (address, port) in [("10.0.0.9", Some(80)), ("fd00::1", Some(80)), ("fd00::1", None)] {
            let row = row((address.parse().unwrap(), port), &Destination::default());
            let asked = row.sockets.unwrap();
            let connections = ALL.iter().find(|query| query.path() == "/api/v1/connections");
            assert!(connections.unwrap().prepare(&asked).is_ok(), "{asked}");
        }
    }

    #[test]
    fn of_too_many_those_in_trouble_and_the_largest_are_kept() {
        let group = |number: u32| Group {
            peer_address: Some(std::net::Ipv4Addr::from(number).into()),
            connections: number.into(),
            ..Group::default()
        };
        let peers = peers((0..1200).map(group).collect());
        let troubles =
            Troubles { troubles: vec![line("slow", "client", 1, 1.0)], ..Default::default() };
        let table = table(Some(&troubles), Some(&peers));
        assert_eq!((table.rows.len(), table.note.as_str()), (MOST, "1000 of 1201 shown"));
        assert_eq!(table.rows[0].cells[0].text, "10.0.0.9:5432");
        assert_eq!(table.rows[1].cells[1].text, "1199");
    }
}
