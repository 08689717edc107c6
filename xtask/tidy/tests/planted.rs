//! Each check finds the fault that was planted for it, at its line, and nothing in a clean tree.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::fs;

use tempfile::TempDir;
use tidy::{Check, Tree};

/// A header, for files whose fault is elsewhere.
const HEADER: &str = "//! A file with a fault.\n";

/// A small tree without a fault.
struct Planted(TempDir);

impl Planted {
    fn new() -> Self {
        let tree = Self(TempDir::new().unwrap());
        tree.write(
            "src/lib.rs",
            "//! A small crate that keeps all rules.\nmod window;\n\n\
             /// Opens it.\npub fn backlog() {}\n",
        )
        .write("src/window.rs", "//! One file without an import.\n")
        .write("README.md", "# A tree\n\nSee [the words](docs/GLOSSARY.md#the-words).\n")
        .write(
            "docs/GLOSSARY.md",
            "# The words\n\n| word | meaning |\n|---|---|\n| backlog | A limit. |\n",
        );
        tree
    }

    fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Returns all findings as `file:line check`, with their messages.
    fn findings(&self) -> Vec<(String, String)> {
        tidy::check(&Tree::read(self.0.path()).unwrap())
            .into_iter()
            .map(|finding| {
                let place = &finding.place;
                let at = format!("{}:{} {:?}", place.file.display(), place.line, finding.check);
                (at, place.message.clone())
            })
            .collect()
    }

    /// Holds if these places are found, in this order, and no other.
    #[track_caller]
    fn finds(&self, expected: &[(&str, Check)]) -> Vec<String> {
        let expected: Vec<String> =
            expected.iter().map(|(place, check)| format!("{place} {check:?}")).collect();
        let (found, messages): (Vec<_>, Vec<_>) = self.findings().into_iter().unzip();
        assert_eq!(found, expected, "{messages:#?}");
        messages
    }
}

#[test]
fn a_clean_tree_has_no_findings() {
    Planted::new().finds(&[]);
}

#[test]
fn an_import_circle_is_found_with_its_way() {
    let tree = Planted::new();
    tree.write("src/lib.rs", &format!("{HEADER}mod window;\nmod door;\nfn backlog() {{}}\n"))
        .write("src/window.rs", &format!("{HEADER}use crate::door::Door;\n"))
        .write("src/door.rs", &format!("{HEADER}fn f() {{ assert!(super::window::open()) }}\n"));
    let messages = tree.finds(&[("src/door.rs:2", Check::Circles)]);
    assert_eq!(
        messages,
        ["2 files import each other; cut one of: \
          src/door.rs:2 -> src/window.rs, src/window.rs:2 -> src/door.rs"]
    );
}

#[test]
fn a_circle_behind_a_re_export_is_found() {
    let tree = Planted::new();
    tree.write("src/lib.rs", &format!("{HEADER}mod a;\nmod b;\nfn backlog() {{}}\n"))
        .write("src/a/mod.rs", &format!("{HEADER}mod x;\npub use self::x::{{X as Other}};\n"))
        .write("src/a/x.rs", &format!("{HEADER}use crate::b::B;\n"))
        .write("src/b.rs", &format!("{HEADER}use crate::a::Other;\n"));
    tree.finds(&[("src/a/x.rs:2", Check::Circles)]);
}

#[test]
fn a_module_and_its_submodules_and_tests_are_no_circle() {
    let tree = Planted::new();
    tree.write("src/lib.rs", &format!("{HEADER}mod a;\nmod b;\nfn backlog() {{}}\n"))
        .write("src/a/mod.rs", &format!("{HEADER}mod x;\nuse self::x::X;\nstruct A;\n"))
        .write("src/a/x.rs", &format!("{HEADER}use super::A;\nuse crate::b::B;\n"))
        .write("src/b.rs", &format!("{HEADER}#[cfg(test)]\nmod tests {{ use crate::a::x::X; }}\n"));
    tree.finds(&[]);
}

#[test]
fn a_long_file_is_found() {
    let tree = Planted::new();
    tree.write("src/window.rs", &format!("{HEADER}{}", "\n".repeat(299))).finds(&[]);
    tree.write("src/window.rs", &format!("{HEADER}{}", "\n".repeat(300)));
    tree.finds(&[("src/window.rs:301", Check::FileLength)]);
}

#[test]
fn a_long_function_is_found() {
    let tree = Planted::new();
    let body = |lines| format!("{HEADER}impl A {{\nfn long() {{{}}}\n}}\n", "\n".repeat(lines));
    tree.write("src/window.rs", &body(59)).finds(&[]);
    tree.write("src/window.rs", &body(60)).finds(&[("src/window.rs:3", Check::FunctionLength)]);
}

#[test]
fn a_wide_line_is_found_but_not_where_it_cannot_be_broken() {
    let tree = Planted::new();
    let wide = "wörd ".repeat(20) + "x";
    tree.write("src/window.rs", &format!("{HEADER}// {wide}\n"))
        .write("a.md", &format!("{wide}\n| {wide} |\n```\n{wide}\n```\nhttp://x {wide}\n"))
        .write("b.md", &format!("<!-- figures: x -->\n{wide}\n<!-- end -->\n{wide}\n"));
    tree.finds(&[
        ("src/window.rs:2", Check::LineWidth),
        ("a.md:1", Check::LineWidth),
        ("b.md:4", Check::LineWidth),
    ]);
}

#[test]
fn a_missing_header_is_found_and_so_is_one_that_says_nothing() {
    let tree = Planted::new();
    tree.write("src/window.rs", "fn f() {}\n").finds(&[("src/window.rs:1", Check::Header)]);
    tree.write("src/window.rs", "//! Tests\n").finds(&[("src/window.rs:1", Check::Header)]);
}

#[test]
fn banned_words_are_found_in_code_comments_docs_and_file_names() {
    let tree = Planted::new();
    let phrase = concat!("sent", " again");
    let (first, second) = phrase.split_once(' ').unwrap();
    tree.write(
        "src/window.rs",
        &format!("{HEADER}/// It was {first}\n/// {second}.\nfn f() {{}}\n"),
    )
    .write("a.md", &format!("All are {phrase}.\n"))
    .write(&format!("{first}_{second}.yml"), "")
    .write("b.rs", &format!("{HEADER}fn {first}_{second}() {{}}\n"));
    let messages = tree.finds(&[
        ("a.md:1", Check::BannedWords),
        ("b.rs:2", Check::BannedWords),
        (&format!("{first}_{second}.yml:1"), Check::BannedWords),
        ("src/window.rs:2", Check::BannedWords),
    ]);
    assert!(messages.iter().all(|message| message.contains("retransmitted")), "{messages:?}");
}

#[test]
fn links_that_lead_nowhere_are_found() {
    let tree = Planted::new();
    tree.write(
        "docs/a.md",
        "# One\n[a](#one) [b](../README.md) [c](GLOSSARY.md#the-words) [d](http://x/y) `[e](f)`\n\
         [g](b.md)\n[h](#two)\n[i](../README.md#no-such)\n[j]: c.md\n",
    );
    tree.finds(&[
        ("docs/a.md:3", Check::Links),
        ("docs/a.md:4", Check::Links),
        ("docs/a.md:5", Check::Links),
        ("docs/a.md:6", Check::Links),
    ]);
}

#[test]
fn a_page_that_the_book_does_not_name_is_found_and_so_is_one_that_it_names_twice() {
    let tree = Planted::new();
    tree.write("docs/list/README.md", "# A list\n")
        .write("docs/list/a.md", "# One of the list\n")
        .write("docs/alone.md", "# Alone\n")
        .write("other/README.md", "# No page of the book\n")
        .write(
            "docs/SUMMARY.md",
            "# Summary\n\n- [Words](GLOSSARY.md)\n- [A list](list/README.md)\n\
             - [The tree](../README.md)\n- [Words again](GLOSSARY.md)\n",
        );
    let messages =
        tree.finds(&[("docs/SUMMARY.md:6", Check::Book), ("docs/SUMMARY.md:1", Check::Book)]);
    assert!(messages[1].starts_with("docs/alone.md is not in the book"), "{messages:?}");
}

#[test]
fn counts_in_prose_are_found_but_not_in_generated_files_or_code() {
    let tree = Planted::new();
    let number = "thirteen";
    tree.write("a.md", &format!("There are\n{number} alerts and 26 metrics on port 80.\n"))
        .write("b.md", &format!("<!-- Written by a program. -->\nThere are {number} alerts.\n"))
        .write(
            "src/window.rs",
            &format!("{HEADER}// It has {number} alerts.\nfn {number}_alerts() {{}}\n"),
        );
    tree.finds(&[
        ("a.md:2", Check::Counts),
        ("a.md:2", Check::Counts),
        ("src/window.rs:2", Check::Counts),
    ]);
}

#[test]
fn a_glossary_that_is_missing_long_or_unused_is_found() {
    let tree = Planted::new();
    let head = "# The words\n\n| word | meaning |\n|---|---|\n";
    tree.write("docs/GLOSSARY.md", &format!("{head}| backlog, nowhere | x |\n"));
    tree.finds(&[("docs/GLOSSARY.md:5", Check::Glossary)]);
    tree.write("docs/GLOSSARY.md", &format!("{head}{}", "| backlog | x |\n".repeat(41)));
    tree.finds(&[("docs/GLOSSARY.md:1", Check::Glossary)]);
    fs::remove_file(tree.0.path().join("docs/GLOSSARY.md")).unwrap();
    tree.write("README.md", "# A tree\n").finds(&[("docs/GLOSSARY.md:1", Check::Glossary)]);
}

#[test]
fn ignored_tests_are_found() {
    let tree = Planted::new();
    tree.write(
        "src/window.rs",
        &format!(
            "{HEADER}#[cfg(test)]\nmod tests {{\n#[test]\n#[ignore = \"slow\"]\nfn a() {{}}\n\
             #[cfg_attr(miri, ignore)]\nfn b() {{ trial().with_ignored_flag(true); }}\n}}\n"
        ),
    );
    tree.finds(&[
        ("src/window.rs:5", Check::IgnoredTests),
        ("src/window.rs:7", Check::IgnoredTests),
        ("src/window.rs:8", Check::IgnoredTests),
    ]);
}

#[test]
fn unsafe_without_a_note_of_its_own_is_found() {
    let tree = Planted::new();
    tree.write(
        "src/window.rs",
        &format!(
            "{HEADER}fn f() {{\n    // SAFETY: it is\n    // fine.\n\
             let a =\n        unsafe {{ g() }};\n\
             \n    unsafe {{ g() }};\n    // SAFETY: as above.\n    unsafe {{ g() }};\n\
             \n    m!(unsafe {{ g() }});\n}}\n"
        ),
    );
    tree.finds(&[
        ("src/window.rs:8", Check::SafetyNotes),
        ("src/window.rs:10", Check::SafetyNotes),
        ("src/window.rs:12", Check::SafetyNotes),
    ]);
}

#[test]
fn a_mutable_static_is_found() {
    let tree = Planted::new();
    tree.write("src/window.rs", &format!("{HEADER}static mut A: u8 = 0;\nstatic B: u8 = 0;\n"));
    tree.finds(&[("src/window.rs:2", Check::MutableStatics)]);
}

#[test]
fn rust_that_does_not_parse_is_an_error_that_names_the_file() {
    let tree = Planted::new();
    tree.write("src/window.rs", "//! A file with a fault.\nfn {");
    let error = Tree::read(tree.0.path()).err().map(|error| format!("{error:#}"));
    assert!(error.as_ref().is_some_and(|text| text.contains("src/window.rs")), "{error:?}");
}

#[test]
fn a_decision_without_a_test_and_with_one_that_is_gone_is_found() {
    let tree = Planted::new();
    tree.write("docs/decisions/README.md", "# Decisions\n")
        .write("docs/decisions/01-a.md", "# A\n\n## Held by\n\n- `queues::backlog`\n- `gone`\n")
        .write("docs/decisions/02-b.md", "# B\n\n## Held by\n\n- `xtask bench --check`\n")
        .write("docs/decisions/03-c.md", "# C\n");
    tree.finds(&[
        ("docs/decisions/01-a.md:6", Check::Decisions),
        ("docs/decisions/03-c.md:1", Check::Decisions),
    ]);
}

#[test]
fn a_page_that_names_a_live_test_that_is_gone_is_found() {
    let tree = Planted::new();
    let test = concat!("host", "::full");
    tree.write("src/window.rs", &format!("{HEADER}const TEST: &str = \"{test}\";\n"))
        .write("a.md", &format!("`{test}` and `{test}::*` hold,\n`{test}_disk` does not.\n"));
    tree.finds(&[("a.md:2", Check::NamedTests)]);
}
