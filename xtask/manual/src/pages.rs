//! A man page for the program and for each of its commands, those that are hidden left out.

use anyhow::{Context as _, Result};
use clap::Command;
use clap_mangen::Man;

/// The section with the notes of a command: examples and exit codes.
const NOTES: &str = ".SH EXTRA\n";

/// Returns the path below the folder and the text of each page.
pub(crate) fn all() -> Result<Vec<(String, String)>> {
    let mut program = tcpwarden::cli::command().disable_help_subcommand(true);
    program.build();
    let mut pages = vec![page(&program)?];
    for command in program.get_subcommands().filter(|command| !command.is_hide_set()) {
        pages.push(page(command)?);
    }
    Ok(pages)
}

fn page(command: &Command) -> Result<(String, String)> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut text = Vec::new();
    Man::new(command.clone())
        .manual("tcpwarden")
        .render(&mut text)
        .with_context(|| format!("write the page of {name}"))?;
    let text = String::from_utf8(text).context("the page is no text")?;
    Ok((format!("man/{name}.1"), as_it_stands(&text)))
}

/// Keeps the lines of the notes apart: they are tables and examples.
fn as_it_stands(page: &str) -> String {
    let Some((before, notes)) = page.split_once(NOTES) else { return page.to_owned() };
    let (notes, after) = match notes.split_once("\n.SH ") {
        Some((notes, after)) => (notes, format!(".SH {after}")),
        None => (notes.trim_end(), String::new()),
    };
    format!("{before}.SH NOTES\n.nf\n{}\n.fi\n{after}", notes.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_is_shown_has_a_page_with_its_options() {
        let pages = all().unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for name in ["tcpwarden", "tcpwarden-run", "tcpwarden-check", "tcpwarden-leaks"] {
            assert!(names.contains(&format!("man/{name}.1").as_str()), "{name}: {names:?}");
        }
        for hidden in ["lister", "http"] {
            assert!(!names.iter().any(|name| name.contains(hidden)), "{names:?}");
        }
        let text = |name: &str| &pages.iter().find(|(it, _)| it == name).unwrap().1;
        let run = text("man/tcpwarden-run.1");
        for word in ["max\\-series", "TCPWARDEN_RING_BYTES", ".nf\n", "Exit codes:"] {
            assert!(run.contains(word), "{word}: {run}");
        }
        assert!(run.starts_with(".ie \\n(.g"), "{run}");
        assert!(text("man/tcpwarden.1").contains("tcpwarden\\-run(1)"));
    }

    #[test]
    fn the_notes_keep_their_lines_and_what_follows_them() {
        let page = ".SH OPTIONS\nx\n.SH EXTRA\none\n  two\n.SH VERSION\nv1\n";
        assert_eq!(
            as_it_stands(page),
            ".SH OPTIONS\nx\n.SH NOTES\n.nf\none\n  two\n.fi\n.SH VERSION\nv1\n"
        );
        assert_eq!(as_it_stands(".SH EXTRA\none\n\n"), ".SH NOTES\n.nf\none\n.fi\n");
        assert_eq!(as_it_stands("x"), "x");
    }
}
