//! Tests of the parsers: texts of the kernel, and texts that it never writes.

use proptest::prelude::*;

use super::*;

#[test]
fn a_range_leaves_out_what_is_reserved_inside_it() {
    let range = port_range("32768\t60999\n", "8080,40000-40009,40005-40019,60990-65535\n").unwrap();
    assert_eq!(range.reserved, [(40000, 40019), (60990, 60999)]);
    assert_eq!(range.len(), 60999 - 32768 + 1 - 20 - 10);
    let inside = [32768, 39999, 40020, 60989].map(|port| range.contains(port));
    let outside = [32767, 40000, 40019, 60990, 61000, 8080].map(|port| range.contains(port));
    assert_eq!((inside, outside), ([true; 4], [false; 6]));
}

#[test]
fn a_range_that_makes_no_sense_is_none() {
    for text in ["", "32768", "60999 32768", "0 5", "-1 7", "1 99999", "a b"] {
        assert_eq!(port_range(text, ""), None, "{text:?}");
    }
    assert_eq!(port_range("5 5", "5").unwrap().len(), 0);
}

#[test]
fn a_hostile_list_of_reserved_ports_is_cut() {
    let list: Vec<String> = (1..=30_000).map(|number| (number * 2).to_string()).collect();
    let range = port_range("1 65535", &list.join(",")).unwrap();
    assert_eq!(range.reserved.len(), MAX_RESERVED);
}

#[test]
fn a_counter_is_found_by_its_name() {
    let text = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 22 333\n\
                IpExt: ListenDrops\nIpExt: 9\n";
    assert_eq!(counter(text, "TcpExt", "ListenOverflows"), Some(22));
    assert_eq!(counter(text, "TcpExt", "ListenDrops"), Some(333));
    assert_eq!(counter(text, "TcpExt", "NoSuchThing"), None);
    assert_eq!(counter("TcpExt: ListenDrops\n", "TcpExt", "ListenDrops"), None);
    assert_eq!(counter("TcpExt: A ListenDrops\nTcpExt: 1\n", "TcpExt", "ListenDrops"), None);
}

#[test]
fn sockstat_numbers_settings_and_limits_are_read() {
    let text = "sockets: used 3\nTCP: inuse 5 orphan 1 tw 2 alloc 8 mem 3\nUDP: inuse 2 mem 9\n";
    assert_eq!(
        (sockstat(text, "mem"), sockstat(text, "orphan"), sockstat(text, "nothing")),
        (Some(3), Some(1), None)
    );
    assert_eq!(numbers("4096\t131072\t6291456\n"), Some([4096, 131_072, 6_291_456]));
    assert_eq!(numbers::<3>("1 2"), None);
    let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                  Max open files            1024                 524288               files     \n";
    assert_eq!(open_files(limits), Some(1024));
    assert_eq!(open_files("Max open files unlimited unlimited files"), Some(u64::MAX));
    assert_eq!(open_files("Max open files lots"), None);
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in any::<String>(), more in "[-0-9, \n\t:a-zA-Z]{0,200}") {
        for text in [&text, &more] {
            if let Some(range) = port_range("1024 65535", text) {
                prop_assert!(range.len() <= 64512);
                let counted = (0..=u16::MAX).filter(|port| range.contains(*port)).count();
                prop_assert_eq!(counted, usize::try_from(range.len()).unwrap());
            }
            let _ = (port_range(text, text), counter(text, "TcpExt", "ListenDrops"));
            let _ = (sockstat(text, "mem"), numbers::<3>(text), open_files(text));
        }
    }
}
