//! Tests that Markdown names by their whole name, `host::…`, `portable::…` or `long::…`, exist.
use crate::Place;
use crate::markdown;
use crate::tree::Tree;

/// How the names of tests on the live kernel begin.
const BEGINNINGS: [&str; 3] = ["host::", "portable::", "long::"];

pub(crate) fn find(tree: &Tree) -> Vec<Place> {
    let mut places = Vec::new();
    for (path, source) in tree.markdown() {
        for (number, line) in markdown::prose(&source.text) {
            for name in line.split('`').skip(1).step_by(2).filter(|span| is_name(span)) {
                let quoted = format!("\"{name}\"");
                if !tree.rust().any(|(_, source, _)| source.text.contains(&quoted)) {
                    let message = format!("no live test is called {name}");
                    places.push(Place::new(path, number, message));
                }
            }
        }
    }
    places
}

/// Whether a code span is the name of one test; `portable::owners::*` is several.
fn is_name(span: &str) -> bool {
    BEGINNINGS.iter().any(|beginning| span.starts_with(beginning)) && !span.contains([' ', '*'])
}
