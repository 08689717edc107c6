//! What holds for any text in place of the files of `/proc` and `/proc/sys`.

use super::host::{memory, settings};
use super::parse;

/// The widest range of ports that is counted port by port.
const NARROW: u16 = 1000;

/// A range of ports is in order and counts no port twice, and a number is one that the text has.
pub(crate) fn texts(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (range, reserved) = text.split_once('\n').unwrap_or((&text, ""));
    if let Some(ports) = parse::port_range(range, reserved) {
        assert!(0 < ports.low && ports.low <= ports.high, "{ports:?}");
        assert!(ports.reserved.is_sorted_by(|one, next| one.1 < next.0), "{ports:?}");
        let inside =
            |(low, high): &(u16, u16)| ports.low <= *low && low <= high && *high <= ports.high;
        assert!(ports.reserved.iter().all(inside), "{ports:?}");
        assert!(ports.low == 1 || !ports.contains(ports.low - 1), "{ports:?}");
        // Port by port is slow.
        if ports.high - ports.low < NARROW {
            let free = (ports.low..=ports.high).filter(|port| ports.contains(*port)).count();
            assert_eq!(usize::try_from(ports.len()), Ok(free), "{ports:?}");
        }
    }
    let found = [
        parse::counter(&text, "TcpExt", "ListenOverflows"),
        parse::counter(&text, "Tcp", "OutSegs"),
        parse::sockstat(&text, "mem"),
        parse::sockstat(&text, "orphan"),
        parse::numbers(&text).map(|[number]| number),
        parse::open_files(&text).filter(|limit| *limit != u64::MAX),
    ];
    let is_there = |number: &u64| text.contains(&number.to_string());
    assert!(found.iter().flatten().all(is_there), "{found:?}");
    assert!(memory(&text, reserved, 4096).len() <= 4);
    assert!(settings(&text, &["", "", "tcp_rmem_max"]).len() <= 1);
}
