//! Links: each relative link in Markdown leads to a file, and to a heading where it names one.
use std::path::{Component, Path, PathBuf};

use crate::Place;
use crate::markdown;
use crate::tree::Tree;

pub(crate) fn find(tree: &Tree) -> Vec<Place> {
    let mut places = Vec::new();
    for (path, source) in tree.markdown() {
        for (number, line) in markdown::prose(&source.text) {
            for target in targets(&without_code(line)) {
                if let Some(message) = broken(tree, path, target) {
                    places.push(Place::new(path, number, message));
                }
            }
        }
    }
    places
}

/// Returns why a link leads nowhere.
fn broken(tree: &Tree, from: &Path, target: &str) -> Option<String> {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { from.to_owned() } else { resolve(from, file) };
    if !tree.root.join(&path).exists() {
        return Some(format!("the link to {target} leads to no file: {}", path.display()));
    }
    let text = &tree.get(&path).filter(|_| !anchor.is_empty())?.text;
    let is_markdown = path.extension().is_some_and(|ending| ending == "md");
    let known = !is_markdown
        || markdown::anchors(text).iter().any(|it| it == anchor)
        || text.contains(&format!("id=\"{anchor}\""));
    (!known).then(|| format!("the link to {target} leads to no heading of {}", path.display()))
}

/// Returns the relative targets of a line's links, inline or by reference.
pub(crate) fn targets(line: &str) -> Vec<&str> {
    let reference = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]: "))
        .map(|(_, target)| target.trim());
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    inline.chain(reference).filter(|it| !it.contains(':') && !it.is_empty()).collect()
}

/// Returns a line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("")
}

/// Returns a path relative to the root; a leading slash means the root.
pub(crate) fn resolve(from: &Path, target: &str) -> PathBuf {
    let start = from.parent().unwrap_or(Path::new(""));
    let joined = match target.strip_prefix('/') {
        Some(rest) => PathBuf::from(rest),
        None => start.join(target),
    };
    let mut path = PathBuf::new();
    for part in joined.components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path
}
