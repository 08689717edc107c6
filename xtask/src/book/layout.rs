//! Lays the pages out as mdBook wants them: below one folder, each README.md as index.md, with the
//! files that they link to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::links::{resolve, targets};

/// The pages, in their order.
const SUMMARY: &str = "docs/SUMMARY.md";
/// What mdBook reads.
const CONFIG: &str = "docs/book.toml";
/// The page of a folder.
const README: &str = "README.md";

/// Writes the pages, the files that they link to and the configuration below `to`. Returns how many
/// pages there are.
pub(super) fn write(root: &Path, to: &Path) -> Result<usize> {
    let source = to.join("src");
    let (summary, pages) = summary(root)?;
    put(&source.join("SUMMARY.md"), summary.as_bytes())?;
    put(&to.join("book.toml"), &read(&root.join(CONFIG))?)?;
    for page in &pages {
        let text = String::from_utf8(read(&root.join(page))?).context("a page is no text")?;
        let mut moved = BTreeMap::new();
        for target in targets(&text) {
            let new = linked(root, &source, &pages, page, &target)?;
            moved.extend(new.map(|new| (target, new)));
        }
        let text = moved.iter().fold(text, |text, (old, new)| {
            text.replace(&format!("]({old})"), &format!("]({new})"))
        });
        put(&source.join(as_index(page)), text.as_bytes())?;
    }
    Ok(pages.len())
}

/// Returns the summary as mdBook reads it, and the pages in it. A page that lists those of its
/// folder in `docs` has them below it.
fn summary(root: &Path) -> Result<(String, BTreeSet<PathBuf>)> {
    let text = String::from_utf8(read(&root.join(SUMMARY))?).context("the summary is no text")?;
    let (mut summary, mut pages) = (String::new(), BTreeSet::new());
    for line in text.lines() {
        let Some((before, target)) = line.strip_suffix(')').and_then(|it| it.split_once("]("))
        else {
            writeln!(summary, "{line}")?;
            continue;
        };
        let page = resolve(Path::new(SUMMARY), target);
        writeln!(summary, "{before}]({})", as_index(&page).display())?;
        if page.starts_with("docs") && page.file_name().is_some_and(|name| name == README) {
            let indent = before.len() - before.trim_start().len() + 2;
            for below in siblings(root, &page)? {
                let title = title(root, &below)?;
                writeln!(summary, "{:indent$}- [{title}]({})", "", below.display())?;
                pages.insert(below);
            }
        }
        pages.insert(page);
    }
    Ok((summary, pages))
}

/// Returns the other pages in the folder of a page, in order.
fn siblings(root: &Path, page: &Path) -> Result<Vec<PathBuf>> {
    let folder = page.parent().unwrap_or(page);
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(folder))? {
        let below = folder.join(entry?.file_name());
        if below.extension().is_some_and(|ending| ending == "md") && below != page {
            found.push(below);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Returns the heading of a page.
fn title(root: &Path, page: &Path) -> Result<String> {
    let text = String::from_utf8(read(&root.join(page))?).context("a page is no text")?;
    let heading = text.lines().find_map(|line| line.strip_prefix("# "));
    Ok(heading.with_context(|| format!("{} has no heading", page.display()))?.to_owned())
}

/// Copies what a page links to, unless it is a page itself. Returns the target anew if it is
/// another one in the book.
fn linked(
    root: &Path,
    source: &Path,
    pages: &BTreeSet<PathBuf>,
    page: &Path,
    target: &str,
) -> Result<Option<String>> {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = resolve(page, file);
    if file.is_empty() {
        return Ok(None);
    }
    let anchored = |file: String| if anchor.is_empty() { file } else { format!("{file}#{anchor}") };
    if pages.contains(&path) {
        let renamed = file.strip_suffix(README).map(|folder| anchored(format!("{folder}index.md")));
        return Ok(renamed);
    }
    if pages.contains(&path.join(README)) {
        return Ok(Some(anchored(format!("{}/index.md", file.trim_end_matches('/')))));
    }
    let there = root.join(&path);
    if there.is_dir() {
        put(&source.join(&path).join("index.html"), listing(&there)?.as_bytes())?;
        return Ok(Some(format!("{}/index.html", file.trim_end_matches('/'))));
    }
    if path.extension().is_some_and(|ending| ending == "md") {
        let (page, path) = (page.display(), path.display());
        bail!("{page} links to {path}, which the book does not have: name it in {SUMMARY}");
    }
    put(&source.join(&path), &read(&there)?)?;
    Ok(None)
}

/// Returns a page with the names in a folder of the source.
fn listing(folder: &Path) -> Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    let items = names.iter().fold(String::new(), |items, name| items + "<li>" + name + "</li>\n");
    let name = folder.file_name().unwrap_or_default().display();
    Ok(format!(
        "<!doctype html>\n<title>{name}</title>\n<p>In the source:</p>\n<ul>\n{items}</ul>\n"
    ))
}

/// Returns where a page is in the book: mdBook makes the page of a folder of index.md.
fn as_index(page: &Path) -> PathBuf {
    if page.file_name().is_some_and(|name| name == README) {
        page.with_file_name("index.md")
    } else {
        page.to_owned()
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("read {}", path.display()))
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    fs::write(path, bytes).with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn every_page_of_this_tree_has_its_place_and_its_links_lead_into_the_book() {
        let to = std::env::temp_dir().join(format!("book-{}", std::process::id()));
        let pages = write(workspace::root(), &to).unwrap();
        let summary = fs::read_to_string(to.join("src/SUMMARY.md")).unwrap();
        assert!(pages > 50, "{summary}");
        assert!(summary.contains("\n[tcpwarden](index.md)\n"), "{summary}");
        assert!(summary.contains("\n- [Runbooks](docs/runbooks/index.md)\n  - ["), "{summary}");
        let readme = fs::read_to_string(to.join("src/index.md")).unwrap();
        assert!(readme.contains("](docs/quick-start.md)"), "{readme}");
        assert!(readme.contains("](dashboards/index.md)"), "{readme}");
        assert!(to.join("src/docs/decisions/index.md").is_file());
        fs::remove_dir_all(to).unwrap();
    }
}
