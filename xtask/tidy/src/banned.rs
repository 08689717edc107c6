//! Banned words: words of our own where the field has a term. `banned.txt` lists them with the word
//! to use instead.
use std::path::Path;

use crate::Place;
use crate::tree::Tree;
use crate::words;

/// `phrase | instead | where`; the last is a path, and empty for the whole tree.
const LIST: &str = include_str!("../banned.txt");

/// One entry of the list.
struct Entry {
    phrase: &'static str,
    instead: &'static str,
    area: &'static Path,
}

pub(crate) fn find(tree: &Tree) -> Vec<Place> {
    let entries: Vec<Entry> = LIST.lines().filter_map(entry).collect();
    let mut places = Vec::new();
    for (path, source) in tree.all() {
        let name = words::split(&path.to_string_lossy());
        let words = words::split(&source.text);
        for Entry { phrase, instead, area } in &entries {
            if !path.starts_with(area) {
                continue;
            }
            let in_name = words::lines_of(phrase, &name);
            let lines = in_name.into_iter().chain(words::lines_of(phrase, &words));
            let message = format!("\"{phrase}\": write \"{instead}\" (banned.txt)");
            places.extend(lines.map(|line| Place::new(path, line, &message)));
        }
    }
    places
}

fn entry(line: &'static str) -> Option<Entry> {
    let mut columns = line.split('|').map(str::trim);
    let phrase = columns.next().filter(|phrase| !phrase.is_empty() && !phrase.starts_with('#'))?;
    let instead = columns.next()?;
    Some(Entry { phrase, instead, area: Path::new(columns.next().unwrap_or_default()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_list_names_what_to_write_instead() {
        let lines = LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in lines {
            assert!(entry(line).is_some_and(|entry| !entry.instead.is_empty()), "{line}");
        }
    }
}
