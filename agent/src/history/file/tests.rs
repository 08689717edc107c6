//! Tests of the file: what a restart keeps, and what is not believed.

use std::os::unix::fs::PermissionsExt as _;

use catalogue::labels::SocketState;
use proptest::prelude::*;

use super::super::{Quantity, Run};
use super::*;
use crate::conn::Totals;

const ESTABLISHED: Quantity = Quantity::State(SocketState::Established);

fn at(seconds: u64) -> Moment {
    Moment { awake: seconds * 1_000_000_000, all: seconds * 1_000_000_000 }
}

/// As many are established and were opened as seconds passed since `start`.
fn run(history: &History, start: u64, end: u64) {
    for second in start..=end {
        let mut totals = Totals { opened: second - start, ..Totals::default() };
        totals.states[SocketState::Established.index()] = second - start;
        history.add(at(second), || totals);
    }
}

fn lines(history: &History, of: Quantity, now: u64) -> Vec<Run> {
    history.read().fine.lines(of, at(now))
}

/// A directory of one test.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The file in a directory that nobody has made.
fn file(test: &str) -> (Scratch, StateFile) {
    let name = format!("tcpwarden-history-{}-{test}", std::process::id());
    let scratch = Scratch(std::env::temp_dir().join(name));
    let file = StateFile::in_directory(&scratch.0.join("state/own")).unwrap();
    (scratch, file)
}

#[test]
fn a_restart_keeps_the_samples_with_a_gap_where_no_agent_was() {
    let (_scratch, file) = file("restart");
    let before = History::default();
    run(&before, 100, 140);
    file.save(&before).unwrap();
    let mode = fs::metadata(&file.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "others learn nothing");
    let after = History::default();
    file.load(&after, at(142)).unwrap();
    assert_eq!(lines(&after, ESTABLISHED, 142), lines(&before, ESTABLISHED, 142));
    // The first sample of the new agent is in time, and its counter is higher by chance.
    history_of_more(&after, 150);
    assert_eq!(lines(&after, ESTABLISHED, 150).iter().map(Vec::len).collect::<Vec<_>>(), [5, 1]);
    let rates = lines(&after, Quantity::Opened, 150);
    assert_eq!(rates.iter().map(Vec::len).collect::<Vec<_>>(), [4], "{rates:?}");
    assert!(rates[0].iter().all(|(_, rate)| (*rate - 1.0).abs() < 1e-9), "{rates:?}");
}

fn history_of_more(history: &History, second: u64) {
    history.add(at(second), || Totals { opened: 1_000_000, ..Totals::default() });
}

#[test]
fn a_file_of_another_boot_or_from_later_is_left_alone() {
    let (_scratch, file) = file("boot");
    let before = History::default();
    run(&before, 100, 140);
    file.save(&before).unwrap();
    let empty = |file: &StateFile, now| {
        let history = History::default();
        file.load(&history, at(now)).unwrap();
        lines(&history, ESTABLISHED, now).is_empty()
    };
    assert!(!empty(&file, 150));
    assert!(empty(&file, 130), "a clock that was set back");
    let other = StateFile { path: file.path.clone(), boot: "another".into(), _lock: None };
    assert!(empty(&other, 150));
}

#[test]
fn what_an_agent_has_counted_itself_is_not_replaced() {
    let (_scratch, file) = file("own");
    let before = History::default();
    run(&before, 100, 140);
    file.save(&before).unwrap();
    let own = History::default();
    run(&own, 150, 151);
    file.load(&own, at(151)).unwrap();
    assert_eq!(lines(&own, ESTABLISHED, 151).concat().len(), 1);
}

#[test]
fn a_file_that_cannot_be_used_is_an_error_and_no_end() {
    let (scratch, file) = file("error");
    let history = History::default();
    assert!(file.load(&history, at(1)).is_ok(), "none is there");
    fs::write(&file.path, vec![b' '; 200 << 10]).unwrap();
    let error = file.load(&history, at(1)).unwrap_err();
    assert!(error.to_string().contains("longer than"), "{error}");
    let gone = StateFile { path: scratch.0.join("gone/x.json"), boot: String::new(), _lock: None };
    assert!(gone.save(&history).is_err());
    let under_a_file = file.path.join("directory");
    assert!(StateFile::in_directory(&under_a_file).is_err());
    let said = |path: &Path| StateFile::in_directory(path).unwrap_err().to_string();
    assert_eq!(said(file.path.parent().unwrap()), "another agent has it");
    assert_eq!(said(Path::new("/tmp")), "others own it, or may write it");
}

#[test]
fn full_rings_fit_into_the_most_that_is_read() {
    let (_scratch, file) = file("full");
    let history = History::default();
    for second in 0..7 * 3600 {
        let mut totals = Totals { opened: u64::MAX, closed: u64::MAX, ..Totals::default() };
        (totals.failed, totals.retransmitted) = (u64::MAX, u64::MAX);
        totals.states = totals.states.map(|_count| u64::MAX);
        totals.time_wait = u64::MAX;
        history.add(at(1_000_000_000 + second), || totals);
    }
    file.save(&history).unwrap();
    let size = fs::metadata(&file.path).unwrap().len();
    assert!((40 << 10..MOST).contains(&size), "{size}");
    let read = History::default();
    file.load(&read, at(1_000_000_000 + 7 * 3600)).unwrap();
    assert_eq!(read.read().coarse.keep(), history.read().coarse.keep());
}

proptest! {
    #[test]
    fn whatever_a_file_says_the_rings_are_bounded_and_what_they_show_is_finite(
        samples in prop::collection::vec((any::<u32>(), any::<bool>(), any::<u64>()), 0..400),
        awake in any::<u64>(),
        all in any::<u64>(),
        now in any::<u32>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let sample = |(after, gap, count): &(u32, bool, u64)| serde_json::json!({
            "after": after, "gap": gap, "states": vec![after; SocketState::COUNT],
            "time_wait": after, "opened": count, "closed": count, "failed": count,
            "retransmitted": count,
        });
        let samples: Vec<_> = samples.iter().map(sample).collect();
        let last = serde_json::json!({"awake": awake, "all": all});
        let fine = serde_json::json!({"last": last, "samples": samples});
        let whole = serde_json::json!({"version": 1, "boot": "b", "fine": fine}).to_string();
        let (_scratch, file) = file("any");
        let file = StateFile { boot: "b".into(), ..file };
        for text in [&whole, &whole[..cut.index(whole.len())]] {
            fs::write(&file.path, text).unwrap();
            let history = History::default();
            // An error leaves it as it was.
            let _ = file.load(&history, at(now.into()));
            history_of_more(&history, u64::from(now) + 1);
            let points = [ESTABLISHED, Quantity::Opened]
                .map(|of| lines(&history, of, u64::from(now) + 2).concat());
            prop_assert!(points[0].len() <= 61, "{}", points[0].len());
            let is_sound = |number: &f64| number.is_finite() && *number >= 0.0;
            let all = points.concat();
            prop_assert!(all.iter().all(|(age, value)| is_sound(age) && is_sound(value)));
        }
    }
}
