//! The last places of the table: who has most of it leaves them to others.

use agent_common::record::State;
use agent_common::tcp::{CLOSE, ESTABLISHED, SYN_SENT};

use super::support::{LIMITS, SECOND, apply, check, entry, owned, reads, row, step};
use super::workloads::{client, close, connect, seeing, tell};
use crate::conn::{Limits, Table};

const SHARED: Limits = Limits { connections: 1024, unlabelled: 1000, ..LIMITS };

/// The first socket of who comes last.
const LATE: u64 = 10_000;

/// Rows that a flood may have: all but a sixteenth, and those of one look.
const MOST: std::ops::RangeInclusive<usize> = 960..=976;

/// How many of these sockets have a row.
fn rows(table: &Table, sockets: std::ops::Range<u64>) -> usize {
    sockets.filter(|sk| row(table, *sk).is_some()).count()
}

fn refused(table: &mut Table) -> u64 {
    table.snapshot(SECOND).refused
}

#[test]
fn one_workload_leaves_the_last_rows_to_others() {
    let mut table = seeing(SHARED);
    tell(&mut table, 25, "flood");
    tell(&mut table, 26, "victim");
    for sk in 1..=2000 {
        connect(&mut table, sk, 25, "flood");
    }
    let has = rows(&table, 1..2001);
    assert!(MOST.contains(&has), "{has} rows of 1024 are the flood's");
    assert_eq!(refused(&mut table), 2000 - u64::try_from(has).unwrap());
    for sk in LATE..LATE + 40 {
        connect(&mut table, sk, 26, "victim");
    }
    assert_eq!(rows(&table, LATE..LATE + 40), 40);
    check(&mut table, SECOND);
    for sk in 1..=500 {
        close(&mut table, sk, 25);
    }
    for sk in 3000..3100 {
        connect(&mut table, sk, 25, "flood");
    }
    assert_eq!(rows(&table, 3000..3100), 100, "it has places again when it has given some back");
    check(&mut table, SECOND);
}

#[test]
fn many_processes_of_one_workload_are_one() {
    let mut table = seeing(SHARED);
    tell(&mut table, 25, "flood");
    for sk in 1..=2000 {
        connect(&mut table, sk, 25, &format!("p{sk}"));
    }
    let has = rows(&table, 1..2001);
    assert!(MOST.contains(&has), "{has} rows of 1024 are the flood's");
    check(&mut table, SECOND);
}

#[test]
fn a_new_name_for_each_connection_does_not_hide_who_fills_the_table() {
    let mut table = seeing(Limits { groups: 16, unlabelled: 16, ..SHARED });
    tell(&mut table, 25, "flood");
    tell(&mut table, 26, "victim");
    for sk in 1..=2000 {
        connect(&mut table, sk, 25, &format!("p{sk}"));
    }
    let has = rows(&table, 1..2001);
    assert!(MOST.contains(&has), "{has} rows of 1024 are the flood's");
    for sk in LATE..LATE + 40 {
        connect(&mut table, sk, 26, "victim");
    }
    assert_eq!(rows(&table, LATE..LATE + 40), 40);
    check(&mut table, SECOND);
}

/// A connection that a process of a user opens.
fn of_user(table: &mut Table, sk: u64, name: &str, uid: u32) {
    let by = |record| State { uid, ..owned(record, name, 7 + uid) };
    let end = client(sk, 1);
    apply(table, &[by(step(end, CLOSE, SYN_SENT, 1)), by(step(end, SYN_SENT, ESTABLISHED, 2))]);
}

#[test]
fn where_there_is_no_workload_one_user_does() {
    let mut table = Table::new(SHARED);
    for sk in 1..=2000 {
        of_user(&mut table, sk, "flood", 1000);
    }
    let has = rows(&table, 1..2001);
    assert!(MOST.contains(&has), "{has} rows of 1024 are those of the first user");
    for sk in LATE..LATE + 40 {
        of_user(&mut table, sk, "victim", 1001);
    }
    assert_eq!(rows(&table, LATE..LATE + 40), 40);
    check(&mut table, SECOND);
}

#[test]
fn the_name_of_anothers_process_hides_nobody() {
    let mut table = Table::new(SHARED);
    of_user(&mut table, 5000, "curl", 0);
    table.begin_pass(SECOND);
    table.end_pass(SECOND, &reads([client(1, 1).netns]));
    for sk in 1..=2000 {
        of_user(&mut table, sk, "curl", 1000);
    }
    let has = rows(&table, 1..2001);
    assert!(has <= 976, "{has} rows of 1024 are those of the user who took the name");
    for sk in LATE..LATE + 40 {
        of_user(&mut table, sk, "victim", 0);
    }
    assert_eq!(rows(&table, LATE..LATE + 40), 40, "the other user is not blamed");
    check(&mut table, SECOND);
}

#[test]
fn one_user_without_workload_takes_no_more_than_a_share_of_the_labels() {
    let mut table = Table::new(Limits { groups: 16, unlabelled: 16, ..LIMITS });
    for sk in 1..=100 {
        of_user(&mut table, sk, &format!("p{sk}"), 1000);
    }
    let labelled = |table: &mut Table, name: &str| {
        let seen = table.snapshot(SECOND);
        seen.groups.iter().filter(|group| group.process.starts_with(name)).count()
    };
    assert_eq!(labelled(&mut table, "p"), 12);
    for sk in LATE..LATE + 4 {
        of_user(&mut table, sk, &format!("v{sk}"), 1001);
    }
    assert_eq!(labelled(&mut table, "v"), 4);
    check(&mut table, SECOND);
}

#[test]
fn a_pass_gives_the_last_places_to_others_too() {
    let mut table = seeing(SHARED);
    tell(&mut table, 25, "flood");
    tell(&mut table, 26, "victim");
    for sk in 1..=2000 {
        connect(&mut table, sk, 25, "flood");
    }
    let (has, refused_before) = (rows(&table, 1..2001), refused(&mut table));
    table.begin_pass(SECOND);
    let ms = SECOND.get() / 1_000_000;
    for sk in 1..=2000 {
        table.pass_socket(&entry(client(sk, 25), ESTABLISHED, ms));
    }
    for sk in LATE..LATE + 40 {
        table.pass_socket(&entry(client(sk, 26), ESTABLISHED, ms));
    }
    table.end_pass(SECOND, &reads([client(1, 25).netns]));
    assert_eq!((rows(&table, 1..2001), rows(&table, LATE..LATE + 40)), (has, 40));
    assert_eq!(refused(&mut table), refused_before, "they were counted at their birth");
    check(&mut table, SECOND);
}

#[test]
fn what_a_first_pass_finds_is_nobodys_until_it_ends() {
    let mut table = seeing(SHARED);
    tell(&mut table, 26, "victim");
    table.begin_pass(SECOND);
    let ms = SECOND.get() / 1_000_000;
    for sk in 1..=980 {
        table.pass_socket(&entry(client(sk, 25), ESTABLISHED, ms));
    }
    for sk in LATE..LATE + 40 {
        connect(&mut table, sk, 26, "victim");
    }
    table.end_pass(SECOND, &reads([client(1, 25).netns]));
    assert_eq!((rows(&table, 1..981), rows(&table, LATE..LATE + 40)), (980, 40));
    check(&mut table, SECOND);
}
