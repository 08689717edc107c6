//! Import circles: files of one crate that import each other, directly or through others.
//!
//! A module and its own submodules may import each other. A re-export is followed to the file that
//! it leads to, so that no circle hides behind a `mod.rs`. Test modules do not count.
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use crate::Place;
use crate::rust::{Facts, Module, Reference};
use crate::tree::Tree;

/// How many re-exports in a row are followed.
const HOPS: usize = 16;

/// A module's path below the crate's root, which is empty.
type Name = Vec<String>;

/// Which file imports which, with the first line that does so.
type Edges = BTreeMap<PathBuf, BTreeMap<PathBuf, usize>>;

pub(crate) fn find(tree: &Tree) -> Vec<Place> {
    let roots = tree.rust().map(|(path, ..)| path).filter(|path| is_root(path));
    let mut places: Vec<Place> = Vec::new();
    for root in roots {
        for place in of_crate(&Crate::read(tree, root)) {
            // A library and a program of one package may share files.
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    places
}

/// Whether a file is the root of a library, a program, a test, a benchmark or an example.
fn is_root(path: &Path) -> bool {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let (Some(file), Some(folder)) = (name(path), path.parent().and_then(name)) else {
        return false;
    };
    let above = path.parent().and_then(Path::parent).and_then(name).unwrap_or_default();
    let holds_roots = |folder: &str| matches!(folder, "bin" | "tests" | "benches" | "examples");
    match (folder.as_str(), file.as_str()) {
        ("src", "lib.rs" | "main.rs") | (_, "build.rs") => true,
        (_, "main.rs") => holds_roots(&above),
        // `src/conn/tests/x.rs` is a module, `tests/x.rs` beside `src` is a root.
        (folder, _) => {
            holds_roots(folder) && (folder == "bin" || !path.iter().any(|part| part == "src"))
        }
    }
}

/// The modules of one crate.
struct Crate<'a> {
    files: BTreeMap<Name, (&'a Path, &'a Facts)>,
}

impl<'a> Crate<'a> {
    /// Follows the `mod` declarations from the root.
    fn read(tree: &'a Tree, root: &Path) -> Self {
        let mut files = BTreeMap::new();
        let mut open = vec![(Name::new(), root.to_owned())];
        while let Some((name, path)) = open.pop() {
            let Some((path, _, facts)) = tree.rust().find(|(file, ..)| *file == path) else {
                continue;
            };
            for module in &facts.modules {
                let below = [&name[..], &module.inside, std::slice::from_ref(&module.name)];
                let file = candidates(path, name.is_empty(), module)
                    .into_iter()
                    .find(|file| tree.get(file).is_some());
                open.extend(file.map(|file| (below.concat(), file)));
            }
            files.insert(name, (path, facts));
        }
        Self { files }
    }

    /// Returns the file that a path leads to, seen from the module `name`.
    fn target(&self, name: &[String], reference: &Reference) -> Option<Name> {
        let mut here = [name, &reference.inside].concat();
        let mut path = reference.segments.clone();
        for _ in 0..HOPS {
            let full = absolute(self, &here, &path)?;
            let length =
                (0..=full.len()).rev().find(|end| self.files.contains_key(&full[..*end]))?;
            let (module, rest) = full.split_at(length);
            let facts = self.files.get(module)?.1;
            // The module in the file, and the name that it may only pass on.
            let import = (0..rest.len()).rev().find_map(|at| {
                let mut imports = facts.imports.iter();
                imports
                    .find(|import| import.name == rest[at] && import.target.inside == rest[..at])
                    .map(|import| (at, import))
            });
            let Some((at, import)) = import else { return Some(module.to_vec()) };
            here = [module, &import.target.inside].concat();
            path = [&import.target.segments[..], &rest[at + 1..]].concat();
        }
        None
    }
}

/// Returns a path from the crate's root; nothing when it leads to another crate.
fn absolute(modules: &Crate<'_>, here: &[String], path: &[String]) -> Option<Name> {
    let mut base = here.to_vec();
    let mut rest = path;
    match rest.first()?.as_str() {
        "crate" => {
            base.clear();
            rest = &rest[1..];
        }
        "self" | "super" => {
            while let Some(first) = rest.first().filter(|it| *it == "self" || *it == "super") {
                if first == "super" {
                    base.pop()?;
                }
                rest = &rest[1..];
            }
        }
        first => {
            let child = [here, &[first.to_owned()]].concat();
            if !modules.files.contains_key(&child) {
                return None;
            }
        }
    }
    base.extend_from_slice(rest);
    Some(base)
}

/// Returns where the content of `mod name;` may be.
fn candidates(file: &Path, is_root: bool, module: &Module) -> Vec<PathBuf> {
    let folder = file.parent().unwrap_or(Path::new(""));
    if let Some(path) = &module.path {
        return vec![folder.join(path)];
    }
    let mut base = folder.to_owned();
    if !is_root && file.file_name().is_some_and(|name| name != "mod.rs") {
        base.push(file.file_stem().unwrap_or_default());
    }
    base.extend(&module.inside);
    vec![base.join(format!("{}.rs", module.name)), base.join(&module.name).join("mod.rs")]
}

fn of_crate(modules: &Crate<'_>) -> Vec<Place> {
    let edges = edges(modules);
    let reach: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> =
        edges.keys().map(|file| (file, reachable(&edges, file))).collect();
    let mut seen = BTreeSet::new();
    let mut places = Vec::new();
    for (file, reached) in &reach {
        if !reached.contains(file) || seen.contains(file) {
            continue;
        }
        let members: Vec<&PathBuf> = reached
            .iter()
            .copied()
            .filter(|other| reach.get(*other).is_some_and(|back| back.contains(*file)))
            .collect();
        seen.extend(members.iter().copied());
        let (line, circle) = shortest(&edges, file);
        places.push(Place::new(
            file,
            line,
            format!("{} files import each other; cut one of: {circle}", members.len()),
        ));
    }
    places
}

fn edges(modules: &Crate<'_>) -> Edges {
    let mut edges = Edges::new();
    for (name, (file, facts)) in &modules.files {
        let from = edges.entry((*file).to_owned()).or_default();
        for reference in &facts.paths {
            let Some(target) = modules.target(name, reference) else { continue };
            let related = target.starts_with(name) || name.starts_with(&target);
            if let Some((to, _)) = modules.files.get(&target).filter(|_| !related) {
                from.entry((*to).to_owned()).or_insert(reference.line);
            }
        }
    }
    edges
}

/// Returns the files that a file imports, directly or through others.
fn reachable<'a>(edges: &'a Edges, from: &PathBuf) -> BTreeSet<&'a PathBuf> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for next in edges.get(file).into_iter().flat_map(BTreeMap::keys) {
            if found.insert(next) {
                open.push(next);
            }
        }
    }
    found
}

/// Returns the shortest circle through a file as text, and the line where it begins.
fn shortest(edges: &Edges, start: &PathBuf) -> (usize, String) {
    let mut before: BTreeMap<&PathBuf, &PathBuf> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(file) = open.pop_front() {
        for next in edges.get(file).into_iter().flat_map(BTreeMap::keys) {
            if before.contains_key(next) {
                continue;
            }
            before.insert(next, file);
            open.push_back(next);
        }
    }
    let mut circle = vec![start];
    let mut at = before.get(start).copied();
    while let Some(file) = at {
        circle.push(file);
        at = before.get(file).copied().filter(|_| file != start);
    }
    circle.reverse();
    let line_of = |pair: &[&PathBuf]| edges.get(pair[0])?.get(pair[1]).copied();
    let steps = circle.windows(2).map(|pair| {
        let line = line_of(pair).unwrap_or_default();
        format!("{}:{line} -> {}", pair[0].display(), pair[1].display())
    });
    let line = circle.windows(2).next().and_then(line_of).unwrap_or(1);
    (line, steps.collect::<Vec<_>>().join(", "))
}
