//! Links: those of a page in Markdown, and those of the book that lead nowhere.

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result};

/// What mdBook writes itself: all pages in one, whose links are those of the pages, and what a
/// server shows for a page that there is not.
const WITHOUT_LINKS: [&str; 2] = ["print.html", "404.html"];

/// Returns the relative targets of a page's links, code left out.
pub(super) fn targets(text: &str) -> Vec<String> {
    let prose = text.split("\n```").step_by(2);
    let plain = prose.flat_map(|piece| piece.split('`').step_by(2).collect::<Vec<_>>());
    let links = plain.flat_map(|piece| piece.split("](").skip(1).collect::<Vec<_>>());
    let targets = links.filter_map(|rest| rest.split([')', ' ']).next());
    targets.filter(|it| !it.contains(':') && !it.is_empty()).map(str::to_owned).collect()
}

/// Returns where a link leads, as the page that has it is.
pub(super) fn resolve(from: &Path, target: &str) -> PathBuf {
    let joined = from.parent().unwrap_or(Path::new("")).join(target);
    joined.components().fold(PathBuf::new(), |mut path, part| {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            _ => {}
        }
        path
    })
}

/// Returns the links of the pages below a folder that lead to no file there.
pub(super) fn dead(html: &Path) -> Result<Vec<String>> {
    let mut dead = Vec::new();
    let mut open = vec![html.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
            let path = entry?.path();
            let is_page = path.extension().is_some_and(|ending| ending == "html");
            if path.is_dir() {
                open.push(path);
            } else if is_page && !WITHOUT_LINKS.iter().any(|name| path.ends_with(name)) {
                let text = fs::read_to_string(&path)?;
                let page = path.strip_prefix(html).unwrap_or(&path);
                let gone = hrefs(&text).filter(|target| !leads(html, page, target));
                dead.extend(gone.map(|target| format!("{}: {target}", page.display())));
            }
        }
    }
    dead.sort_unstable();
    Ok(dead)
}

/// Returns the targets in the attributes of a page.
fn hrefs(text: &str) -> impl Iterator<Item = &str> {
    let attributes = [" href=\"", " src=\""];
    attributes
        .into_iter()
        .flat_map(move |attribute| text.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .filter(|target| !target.contains(':') && !target.is_empty())
}

/// Whether a link leads to a file, or to a folder with a page.
fn leads(html: &Path, page: &Path, target: &str) -> bool {
    let file = target.split(['#', '?']).next().unwrap_or_default();
    let path = html.join(if file.is_empty() { page.to_owned() } else { resolve(page, file) });
    path.is_file() || path.join("index.html").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_in_prose_and_not_in_code() {
        let text =
            "[a](b.md) `[c](d.md)` [e](f.md#g)\n```\n[h](i.md)\n```\n[j](https://k) ![l](m.png)";
        assert_eq!(targets(text), ["b.md", "f.md#g", "m.png"]);
        assert_eq!(resolve(Path::new("docs/a.md"), "../x/./y.md"), Path::new("x/y.md"));
    }

    #[test]
    fn a_link_that_leads_nowhere_is_named_with_its_page() {
        let html = std::env::temp_dir().join(format!("links-{}", std::process::id()));
        fs::create_dir_all(html.join("sub")).unwrap();
        fs::write(html.join("sub/index.html"), "<a href=\"../a.html#x\">").unwrap();
        let text = "<a href=\"sub/\"> <a href=\"#y\"> <a href=\"http://z\"> <img src=\"no.png\">";
        fs::write(html.join("a.html"), text).unwrap();
        assert_eq!(dead(&html).unwrap(), ["a.html: no.png"]);
        fs::remove_dir_all(html).unwrap();
    }
}
