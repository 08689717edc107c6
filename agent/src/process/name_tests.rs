//! Tests of the names: real programs, hostile ones, and any bytes.

use proptest::prelude::*;

use super::fixtures::{JVM, NATIVE, PYTHONS, SCRIPTS};
use super::name::{Facts, MAX, Named, Source, name};
use super::rules::Rules;
use super::text::{clean, is_hidden};

fn named(comm: &[u8], executable: &[u8], argv: &[u8], unit: &str) -> Named {
    name(&Facts { comm, executable, argv, unit }, &Rules::builtin())
}

fn python(argv: &[&str]) -> Named {
    named(b"python3", b"/usr/bin/python3.11", argv.join("\0").as_bytes(), "")
}

#[test]
fn real_programs_have_the_names_that_an_operator_knows() {
    for fixture in [JVM, PYTHONS, SCRIPTS, NATIVE].concat_refs() {
        let argv = fixture.argv.replace('\n', "\0");
        let found = named(
            fixture.comm.as_bytes(),
            fixture.executable.as_bytes(),
            argv.as_bytes(),
            fixture.unit,
        );
        let expected = Named { name: fixture.name.to_owned(), source: fixture.source };
        assert_eq!(found, expected, "{:?} in {:?}", argv, fixture.unit);
    }
}

/// Joins lists of fixtures.
trait ConcatRefs<T> {
    /// Returns the entries of all lists.
    fn concat_refs(self) -> impl Iterator<Item = T>;
}

impl<'a, T: 'a, const N: usize> ConcatRefs<&'a T> for [&'a [T]; N] {
    fn concat_refs(self) -> impl Iterator<Item = &'a T> {
        self.into_iter().flatten()
    }
}

#[test]
fn what_could_be_a_secret_is_no_name() {
    let issued = "3f2a9c0d1e4b5a69788796a5b4c3d2e1";
    let words = [
        "A=b",
        "https://u:p@h/x.py",
        "user:pw@host",
        "--x",
        "-x",
        "+x",
        "@f",
        "ghp_0123456789abcdefghij",
        issued,
        "/",
        "...",
        "a b",
        "a\u{202e}b",
        "a\nb",
        "..",
    ];
    for word in words {
        let found = python(&["python3", word]);
        assert_ne!(found.source, Source::Script, "{word:?} became {:?}", found.name);
    }
    assert_eq!(python(&["python3", "--token", "hunter2"]).name, "python3.11");
    assert_eq!(python(&["python3", "/opt/é.py"]).name, "é.py");
}

#[test]
fn a_service_that_starts_programs_of_others_says_nothing() {
    for unit in ["cron.service", "ssh.service", "user@1000.service", "pm2-root.service"] {
        assert_eq!(named(b"python3", b"/p/python3", b"python3\0a.py", unit).name, "a.py");
    }
    assert_eq!(named(b"python3", b"/p/python3", b"", "python.service").name, "python");
    assert_eq!(named(b"python3", b"/p/python3", b"", "\\x1b\\x5b.service").name, "[");
    assert_eq!(named(b"python3", b"/p/python3", b"", "a\\x.service").name, "a\\x");
    assert_eq!(named(b"python3", b"/p/python3", b"", "~other.service").name, "\u{fffd}other");
}

#[test]
fn a_long_class_keeps_its_end_and_a_long_script_its_beginning() {
    let class = format!("com.{}.shop.OrdersMain", "example.".repeat(9));
    let found = named(b"java", b"/bin/java", format!("java\0{class}").as_bytes(), "").name;
    assert!(found.len() <= MAX && class.ends_with(&found) && found.ends_with("shop.OrdersMain"));
    let script = format!("{}.py", "long-".repeat(40));
    assert_eq!(python(&["python3", &script]).name, script[..MAX]);
}

/// A property with this number of cases, or with that of `PROPTEST_CASES`.
pub(super) fn config(cases: u32) -> ProptestConfig {
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|wanted| wanted.parse().ok());
    ProptestConfig { cases: wanted.unwrap_or(cases), ..ProptestConfig::default() }
}

/// Words that the rules treat in different ways, and any others.
pub(super) fn word() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "java",
        "python3",
        "-m",
        "-jar",
        "-cp",
        "-c",
        "-um",
        "--password",
        "-Dx.password=",
        "exec",
        "bundle",
        "php-fpm: pool ",
        "node /x",
        "-sname",
        "a.py",
        "http://",
        "@",
        ":",
        "=",
        "***",
        "mysql",
        "-p",
        "curl -u",
        "Authorization:",
        " ",
        "\\u{a}",
        "\n",
        "'",
        "\"",
        "…",
        "\u{202e}",
        "--key",
        "token",
        "password=",
        "?token=",
        ";",
        ",",
        "/",
        "~",
        "-",
        "--",
        "[",
        "Bearer",
    ]);
    let part = prop_oneof![
        known.prop_map(|text| text.as_bytes().to_vec()),
        "[a-zA-Z0-9._/-]{0,12}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(part, 0..5).prop_map(|parts| parts.concat())
}

pub(super) fn argv() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::collection::vec(word(), 0..9).prop_map(|words| words.join(&0));
    let huge = (word(), 1..2000_usize).prop_map(|(word, times)| word.repeat(times));
    prop_oneof![8 => words, 1 => huge]
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn any_bytes_give_a_bounded_clean_name(
        comm in prop_oneof![word(), Just(b"python3".to_vec()), Just(b"java".to_vec())],
        executable in word(),
        argv in argv(),
        unit in any::<String>(),
    ) {
        let found = named(&comm, &executable, &argv, &format!("{unit}.service"));
        prop_assert!((1..=MAX).contains(&found.name.len()), "{found:?}");
        prop_assert!(!found.name.chars().any(is_hidden), "{found:?}");
        prop_assert!(!found.name.starts_with('~'));
        prop_assert_eq!(clean(found.name.as_bytes(), MAX), found.name.as_str());
        if found.source != Source::Comm {
            prop_assert!(!found.name.contains('=') && !found.name.contains("://"), "{found:?}");
            prop_assert!(!found.name.starts_with('-'), "{found:?}");
        }
    }

    #[test]
    fn a_name_that_was_found_stays_if_a_program_chooses_it(
        before in prop::collection::vec("-[uBEI]{1,3}", 0..3),
        script in "[a-z]{1,4}_[a-z]{1,4}(\\.py)?",
        after in argv(),
    ) {
        let start = format!("python3\0{}\0/opt/{script}\0", before.join("\0"));
        let argv = [start.as_bytes(), &after].concat();
        let first = named(b"python3", b"/usr/bin/python3.11", &argv, "");
        prop_assert_eq!((first.source, &first.name), (Source::Script, &script));
        let again = named(first.name.as_bytes(), b"/usr/bin/python3.11", &argv, "");
        prop_assert_eq!(again.name, first.name);
    }

    #[test]
    fn no_value_of_an_option_becomes_a_name(
        runtime in prop::sample::select(vec!["java", "python3", "node", "ruby", "perl", "php", "sh",
            "deno", "bun", "dotnet", "beam.smp", "lua"]),
        before in prop::collection::vec("-[a-eg-ln-zA-Z]", 0..3),
        option in prop::sample::select(vec!["--password", "--token", "-token", "--unheard-of",
            "--api-key", "-password", "--pw"]),
        secret in "SECRET[a-z0-9]{3,9}",
    ) {
        let argv = [&[runtime.to_owned()], &before[..], &[option.to_owned(), secret.clone()]]
            .concat()
            .join("\0");
        let found = named(runtime.as_bytes(), b"", argv.as_bytes(), "");
        prop_assert!(!found.name.contains(&secret), "{found:?} {argv:?}");
    }
}
