//! Every target on its corpus, and on a fixed number of inputs near it; the same ones each time.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::Target;

/// Where the corpora are, a folder for each target.
const CORPORA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus");
/// How many inputs near the corpus each target gets; fewer where one takes a millisecond.
const NEAR: usize = 12_000;
const NEAR_OF_SLOW: usize = 1500;
const SLOW: &str = "types";
/// The longest of them, bytes.
const LONGEST: usize = 4096;
/// The most files of a corpus, and the longest one, bytes: it is to be read and replayed in no
/// time.
const MOST_FILES: usize = 100;
const LONGEST_FILE: u64 = 4096;
/// Bytes that parsers look for, and numbers at the ends of their ranges.
const PIECES: [&[u8]; 16] = [
    b"\0",
    b"\n",
    b" ",
    b"=",
    b"/",
    b"%00",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"-1",
    b"~",
    b"18446744073709551616",
    b"\xe2\x80\xae",
    b"\xc3\x28",
    b"\x1b[2J",
    b"\x7f\xff",
    b"1e400",
];

/// A generator of numbers that are the same each time (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.throw() % (most.max(1) as u64)).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.throw().to_le_bytes()[0]
    }

    /// A part of `bytes` that is not long.
    fn part(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.below(bytes.len() + 1);
        start..(start + self.below(17)).min(bytes.len())
    }

    /// Changes one thing.
    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len());
        match self.below(8) {
            0 | 1 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            2 if !bytes.is_empty() => bytes[at] = self.byte(),
            3 => drop(bytes.drain(self.part(bytes))),
            4 => {
                let piece = bytes[self.part(bytes)].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => drop(bytes.splice(self.part(bytes), other[self.part(other)].iter().copied())),
            6 => bytes.truncate(at),
            _ => drop(bytes.splice(at..at, PIECES[self.below(PIECES.len())].iter().copied())),
        }
    }
}

fn files(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(CORPORA).join(target);
    let entries = folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort_unstable();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Runs a target and says on which input it failed.
fn run(target: &Target, what: &str, bytes: &[u8]) {
    let ran = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
    assert!(ran.is_ok(), "{} fails on {what}: b\"{}\"", target.name, bytes.escape_ascii());
}

fn replay(name: &str) {
    let target = Target::ALL.iter().find(|target| target.name == name).unwrap();
    let files = files(name);
    assert!((1..=MOST_FILES).contains(&files.len()), "{} files", files.len());
    run(target, "nothing", b"");
    for (path, bytes) in &files {
        assert!(bytes.len() as u64 <= LONGEST_FILE, "{} is long", path.display());
        run(target, &path.display().to_string(), bytes);
    }
    let mut dice = Dice(1);
    let near = if name == SLOW { NEAR_OF_SLOW } else { NEAR };
    for number in 0..near {
        let (path, bytes) = &files[dice.below(files.len())];
        let mut bytes = bytes.clone();
        for _ in 0..=dice.below(6) {
            let (_, other) = &files[dice.below(files.len())];
            dice.change(&mut bytes, other);
        }
        bytes.truncate(LONGEST);
        run(target, &format!("input {number}, near {}", path.display()), &bytes);
    }
}

/// A test for each target, so that they run beside each other and each is named by its result.
macro_rules! replays {
    ($($test:ident: $name:literal),+ $(,)?) => {
        $(
            #[test]
            fn $test() {
                replay($name);
            }
        )+

        #[test]
        fn every_target_has_a_test_and_a_corpus_and_no_corpus_is_without_a_target() {
            let mut names: Vec<&str> = Target::ALL.iter().map(|target| target.name).collect();
            names.sort_unstable();
            let mut tested = [$($name),+];
            tested.sort_unstable();
            assert_eq!(names, tested);
            let entries = Path::new(CORPORA).read_dir().unwrap();
            let mut folders: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            folders.sort_unstable();
            assert_eq!(folders, names);
        }
    };
}

replays! {
    no_bytes_are_a_record_that_they_do_not_spell: "records",
    no_types_stop_the_reading_of_the_table: "types",
    no_object_gets_more_than_its_placeholders_changed: "object",
    no_stat_or_limits_give_a_number_that_they_do_not_have: "stat",
    no_arguments_are_shown_unbounded_or_hidden: "command-line",
    no_process_has_a_name_that_is_not_fit_to_be_one: "name",
    no_text_of_proc_gives_a_number_that_it_does_not_have: "pressure",
    no_path_of_a_cgroup_makes_a_name_that_is_not_fit_to_be_a_label: "cgroup",
    no_file_of_a_runtime_gives_a_name_that_none_can_have: "names",
    no_file_makes_a_configuration_out_of_its_bounds: "config",
    no_query_is_without_an_answer_or_a_reason: "query",
    no_answer_controls_the_terminal: "answer",
    no_bytes_are_a_question_that_is_another_one_again: "question",
    no_headers_choose_a_form_that_they_do_not_name: "accept",
    no_bytes_are_a_frame_that_is_another_one_again: "frame",
    no_bytes_are_a_connection_that_is_another_one_again: "conntrack",
}

#[test]
fn a_fault_is_found_near_the_corpus_and_its_input_is_said() {
    let faulty = Target { name: "faulty", run: |bytes| assert!(bytes.get(1) != Some(&b'=')) };
    let mut dice = Dice(1);
    let found = (0..NEAR).find_map(|number| {
        let mut bytes = b"a b".to_vec();
        dice.change(&mut bytes, b"c=d");
        catch_unwind(|| run(&faulty, &number.to_string(), &bytes)).err()
    });
    let said = found.unwrap().downcast::<String>().unwrap();
    assert!(said.starts_with("faulty fails on ") && said.contains('='), "{said}");
}
