//! What may not occur in Rust: `unsafe` without a complete note, `static mut`, ignored tests.
//!
//! Clippy asks for notes too, but it never sees the kernel side.
use crate::Place;
use crate::rust::Facts;
use crate::tree::Tree;

/// How far above `unsafe` its note may stand: a statement may begin some lines before.
const ABOVE: usize = 6;

pub(crate) fn notes(tree: &Tree) -> Vec<Place> {
    let mut places = Vec::new();
    for (path, source, facts) in tree.rust() {
        let lines: Vec<&str> = source.text.lines().collect();
        for number in &facts.unsafes {
            let message = match note(&lines, *number) {
                None => "unsafe without a note: write `// SAFETY: …` above it",
                Some(note) if note.contains("as above") => {
                    "the SAFETY note refers to another one: write the reason itself"
                }
                Some(_) => continue,
            };
            places.push(Place::new(path, *number, message));
        }
    }
    places
}

/// Returns the note of an `unsafe` on a line.
fn note(lines: &[&str], number: usize) -> Option<String> {
    let is_comment = |line: &&&str| line.trim_start().starts_with("//");
    let above = lines.get(..number - 1)?;
    let code = above.iter().rev().take_while(|line| !is_comment(line)).count();
    let blank = above.iter().rev().take(code).any(|line| line.trim().is_empty());
    if code > ABOVE || blank {
        return None;
    }
    let mut note: Vec<&str> =
        above.iter().rev().skip(code).take_while(is_comment).copied().collect();
    note.reverse();
    let note = note.join("\n");
    note.contains("SAFETY:").then_some(note)
}

pub(crate) fn mutable_statics(tree: &Tree) -> Vec<Place> {
    at(tree, |facts| &facts.mutable_statics, "static mut: use a map, an atomic or a lock")
}

pub(crate) fn ignored_tests(tree: &Tree) -> Vec<Place> {
    at(tree, |facts| &facts.ignored, "an ignored test proves nothing: mend it or remove it")
}

fn at(tree: &Tree, lines: fn(&Facts) -> &Vec<usize>, message: &str) -> Vec<Place> {
    let places =
        |(path, _, facts)| lines(facts).iter().map(move |line| Place::new(path, *line, message));
    tree.rust().flat_map(places).collect()
}
