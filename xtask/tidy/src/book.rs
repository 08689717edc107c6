//! The book: its summary names every page of `docs`, or the list of pages in the page's folder.
//!
//! The links of the summary are checked with all others. A tree without a summary has no book.
use std::path::{Path, PathBuf};

use crate::Place;
use crate::links;
use crate::markdown;
use crate::tree::Tree;

/// The pages, in the order of the book.
const SUMMARY: &str = "docs/SUMMARY.md";
/// Where pages are.
const FOLDER: &str = "docs";
/// The page of a folder that lists the others.
const INDEX: &str = "README.md";

pub(crate) fn find(tree: &Tree) -> Vec<Place> {
    let summary = Path::new(SUMMARY);
    let Some(source) = tree.get(summary) else { return Vec::new() };
    let mut named: Vec<PathBuf> = Vec::new();
    let mut places = Vec::new();
    for (number, line) in markdown::prose(&source.text) {
        for target in links::targets(line) {
            let page = links::resolve(summary, target);
            if named.contains(&page) {
                places.push(Place::new(summary, number, format!("{target} is named twice")));
            }
            named.push(page);
        }
    }
    let is_listed = |path: &Path| {
        let index = path.with_file_name(INDEX);
        named.iter().any(|page| page == path) || index != path && named.contains(&index)
    };
    let missing = tree
        .markdown()
        .filter(|(path, _)| path.starts_with(FOLDER) && *path != summary)
        .filter(|(path, _)| !is_listed(path));
    places.extend(missing.map(|(path, _)| {
        let name = path.display();
        Place::new(summary, 1, format!("{name} is not in the book: name it where it belongs"))
    }));
    places
}
