//! What libFuzzer says: how far it came, and what stopped it.

/// The numbers of one of its lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    /// How often the target ran.
    pub(super) runs: u64,
    /// How many edges were reached; 0 also if none are counted.
    pub(super) edges: u64,
    /// How many features: edges, how often each, and comparisons.
    pub(super) features: u64,
    /// How many inputs it keeps.
    pub(super) corpus: u64,
}

impl Status {
    /// Reads a line such as `#4096 NEW cov: 12 ft: 34 corp: 5/67b ...`.
    fn of_line(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix('#')?.split_whitespace();
        let runs = words.next()?.parse().ok()?;
        let mut status = Self { runs, ..Self::default() };
        while let Some(word) = words.next() {
            let mut number = || {
                let text = words.next()?;
                text.split('/').next()?.parse().ok()
            };
            match word {
                "cov:" => status.edges = number()?,
                "ft:" => status.features = number()?,
                "corp:" => status.corpus = number()?,
                _ => {}
            }
        }
        Some(status)
    }

    /// Returns the last numbers of a log.
    pub(super) fn last(log: &str) -> Option<Self> {
        log.lines().rev().find_map(Self::of_line)
    }

    /// Returns the numbers when all of the corpus was read.
    pub(super) fn first(log: &str) -> Option<Self> {
        log.lines().find(|line| line.contains("\tINITED")).and_then(Self::of_line)
    }
}

/// Returns how many edges the whole program has, as far as they are counted.
pub(super) fn edges_of_all(log: &str) -> u64 {
    let line = log.lines().find_map(|line| line.split_once("inline 8-bit counters): "));
    line.and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// Returns the lines that say what stopped it; empty if none does.
pub(super) fn reason(log: &str) -> Vec<&str> {
    const SIGNS: [&str; 5] =
        ["panicked at", "ERROR: ", "has overflowed its stack", "SUMMARY: ", "no interesting"];
    let mut lines = log.lines().peekable();
    let mut reason = Vec::new();
    while let Some(line) = lines.next() {
        if SIGNS.iter().any(|sign| line.contains(sign)) {
            reason.push(line);
        }
        if line.contains("panicked at") {
            // What the panic said.
            let said = |next: &&str| !(next.is_empty() || next.starts_with("note: "));
            while let Some(next) = lines.next_if(said) {
                reason.push(next);
            }
        }
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "INFO: Loaded 1 modules   (71970 inline 8-bit counters): 71970 [0x5, 0x6), \n\
        INFO: Loaded 1 PC tables (71970 PCs): 71970 [0x58,0x59), \n\
        #10\tINITED cov: 91 ft: 95 corp: 7/500b exec/s: 0 rss: 31Mb\n\
        #4096\tNEW    cov: 168 ft: 178 corp: 18/1379b lim: 4 exec/s: 0 rss: 31Mb L: 1/2 MS: 1\n";

    #[test]
    fn the_numbers_are_those_of_the_last_line_that_has_some() {
        let first = Status { runs: 10, edges: 91, features: 95, corpus: 7 };
        let last = Status { runs: 4096, edges: 168, features: 178, corpus: 18 };
        assert_eq!((Status::first(LOG), Status::last(LOG)), (Some(first), Some(last)));
        assert_eq!(edges_of_all(LOG), 71970);
        let blind = "#2\tINITED exec/s: 0 rss: 28Mb\nWARNING: no interesting inputs were found";
        assert_eq!(Status::last(blind), Some(Status { runs: 2, ..Status::default() }));
        assert_eq!((Status::last("x"), Status::first(""), edges_of_all("")), (None, None, 0));
    }

    #[test]
    fn what_stopped_it_is_the_panic_and_the_error() {
        let log = format!(
            "{LOG}\nthread '<unnamed>' (7) panicked at src/a.rs:1:2:\nindex out of bounds\n  at 1\n\
             note: run with\n==7== ERROR: libFuzzer: deadly signal\n"
        );
        let expected = [
            "thread '<unnamed>' (7) panicked at src/a.rs:1:2:",
            "index out of bounds",
            "  at 1",
            "==7== ERROR: libFuzzer: deadly signal",
        ];
        assert_eq!(reason(&log), expected);
        assert_eq!(reason(LOG), [""; 0]);
    }
}
