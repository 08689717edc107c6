//! The help of every command against `help/NAME.txt`, and its examples against the parser.
//!
//! `TCPWARDEN_BLESS=1 cargo test -p tcpwarden --lib cli::` writes the files anew, and removes those
//! of commands that are gone.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::*;

/// Where the files are.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/cli/help")
}

/// The help of the program and of each command that is shown, by the name of its file.
fn pages() -> BTreeMap<String, String> {
    let mut program = command().term_width(100).disable_help_subcommand(true);
    program.build();
    let mut pages = BTreeMap::new();
    pages.insert("tcpwarden.txt".to_owned(), program.render_long_help().to_string());
    pages.insert("short.txt".to_owned(), program.render_help().to_string());
    for command in program.get_subcommands_mut().filter(|command| !command.is_hide_set()) {
        let help = command.render_long_help().to_string();
        pages.insert(format!("{}.txt", command.get_name()), help);
    }
    // An editor takes the blanks at the end of a line away.
    let trimmed = |text: String| -> String {
        text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
    };
    pages.into_iter().map(|(name, text)| (name, trimmed(text))).collect()
}

/// The files as they are committed.
fn committed() -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder()).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn the_help_of_every_command_is_as_it_is_committed() {
    let pages = pages();
    if std::env::var_os("TCPWARDEN_BLESS").is_some() {
        for name in committed().keys().filter(|name| !pages.contains_key(*name)) {
            fs::remove_file(folder().join(name)).unwrap();
        }
        fs::create_dir_all(folder()).unwrap();
        for (name, text) in &pages {
            fs::write(folder().join(name), text).unwrap();
        }
    }
    let committed = committed();
    let names: Vec<&String> = pages.keys().collect();
    assert_eq!(committed.keys().collect::<Vec<_>>(), names);
    for (name, text) in &pages {
        assert_eq!(&committed[name], text, "{name}: TCPWARDEN_BLESS=1 writes it anew");
    }
}

/// The commands of the agent among the examples of a page, up to what a shell takes or a remark.
fn examples(page: &str) -> Vec<&str> {
    let (_, behind) = page.split_once("\nExamples:\n").unwrap_or_default();
    let lines = behind.lines().take_while(|line| line.starts_with("  "));
    lines
        .filter_map(|line| {
            let line = line.trim_start();
            let line = line.strip_prefix("sudo ").unwrap_or(line);
            ["  ", " | ", " || "]
                .iter()
                .try_fold(line, |line, end| line.split(end).next())
                .filter(|line| line.starts_with("tcpwarden "))
        })
        .collect()
}

#[test]
fn every_command_has_examples_and_all_of_them_parse() {
    for (name, page) in pages().iter().filter(|(name, _)| *name != "short.txt") {
        let examples = examples(page);
        assert!(examples.len() >= 2, "{name}: {page}");
        for example in examples {
            let cli = parse(example.split_whitespace())
                .unwrap_or_else(|error| panic!("{name}: {example}: {error}"));
            if let Command::Query(request) = &cli.command {
                request.check().unwrap_or_else(|refusal| panic!("{name}: {example}: {refusal}"));
            }
            let of_itself = example.contains(&format!("tcpwarden {}", name.replace(".txt", "")));
            assert!(of_itself || name == "tcpwarden.txt", "{name}: {example}");
        }
    }
}

#[test]
fn what_a_shell_takes_is_no_part_of_an_example() {
    let page = "x\nExamples:\n  sudo tcpwarden check || echo 1\n  tcpwarden leaks -n 5 | jq .\n  \
                tcpwarden run  a remark\n\nExit codes:\n  tcpwarden no\n";
    assert_eq!(examples(page), ["tcpwarden check", "tcpwarden leaks -n 5", "tcpwarden run"]);
}
