//! Counts in prose: a sentence that says how many alerts there are is wrong as soon as there is
//! another one. Generated files may count, since their program counts anew.
use crate::Place;
use crate::markdown;
use crate::tree::Tree;
use crate::words::{self, Word};

/// What the project has more of with time.
const THINGS: [&str; 15] = [
    "alerts",
    "boards",
    "crates",
    "dashboards",
    "decisions",
    "endpoints",
    "flags",
    "guests",
    "metrics",
    "panels",
    "probes",
    "queries",
    "runbooks",
    "scenarios",
    "tests",
];
/// Small numbers stay: "the two dashboards" are named beside it.
const NUMBERS: [&str; 21] = [
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
];

pub(crate) fn find(tree: &Tree) -> Vec<Place> {
    let mut places = Vec::new();
    for (path, source) in tree.markdown().filter(|(_, source)| !source.generated) {
        // Lines keep their numbers: what is no prose stands as an empty line.
        let mut text = vec![""; source.text.lines().count()];
        for (number, line) in markdown::prose(&source.text) {
            text[number - 1] = line;
        }
        places.extend(counted(&text.join("\n")).map(|(line, what)| Place::new(path, line, what)));
    }
    for (path, source, _) in tree.rust() {
        let comment = |line: &'_ str| line.trim_start().starts_with("//");
        let lines = source.text.lines().map(|line| if comment(line) { line } else { "" });
        let text = lines.collect::<Vec<_>>().join("\n");
        places.extend(counted(&text).map(|(line, what)| Place::new(path, line, what)));
    }
    places
}

fn counted(text: &str) -> impl Iterator<Item = (usize, String)> {
    let words = words::split(text);
    let found: Vec<_> = words
        .windows(2)
        .filter(|pair| {
            pair[1].follows && is_number(&pair[0]) && THINGS.contains(&pair[1].text.as_str())
        })
        .map(|pair| {
            let what = format!(
                "\"{} {}\" goes stale: say it without the number",
                pair[0].text, pair[1].text
            );
            (pair[0].line, what)
        })
        .collect();
    found.into_iter()
}

fn is_number(word: &Word) -> bool {
    // What is greater is a measured value or a port, not a count of the project's own things.
    let in_digits = word.text.parse::<u32>().is_ok_and(|number| (3..100).contains(&number));
    in_digits || NUMBERS.contains(&word.text.as_str())
}
