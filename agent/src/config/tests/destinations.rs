//! Tests of the destinations that the file names.

use std::collections::BTreeMap;

use super::*;
use crate::conn::Destinations;

fn named(file: &str) -> Destinations {
    load(&RunArgs::default(), &[], Some(("named", file))).unwrap().destinations
}

fn wrong(file: &str) -> String {
    refused(&RunArgs::default(), &[], Some(("misnamed", file)))
}

#[test]
fn a_name_has_a_network_or_a_list_of_them() {
    let expected = BTreeMap::from([
        ("cache".to_owned(), vec!["10.0.4.0/24:6379".to_owned()]),
        ("orders-db".to_owned(), vec!["10.0.3.7:5432".to_owned(), "10.0.3.8:5432".to_owned()]),
    ]);
    let file = "[destinations]\norders-db = [\"10.0.3.7:5432\", \"10.0.3.8:5432\"]\n\
                cache = \"10.0.4.0/24:6379\"";
    assert_eq!(named(file), Destinations::read(&expected).unwrap());
    assert_eq!(named("[destinations]"), Destinations::default());
    assert_eq!(named(""), Destinations::default());
}

#[test]
fn what_is_wrong_is_said_with_its_name_and_file() {
    for (file, part) in [
        ("destinations = 7", "expected names such as db = "),
        ("[destinations]\ndb = 5432", "db is 5432: expected \"ADDRESS[/BITS][:PORT]\""),
        ("[destinations]\ndb = []", "db is []: expected \"ADDRESS"),
        ("[destinations]\ndb = [1]", "db is [1]: expected \"ADDRESS"),
        ("[destinations]\ndb = \"db:5432\"", "db: \"db:5432\" is no destination"),
        ("[destinations]\ndb = \"10.0.0.1:0\"", "is no destination"),
        ("[destinations]\ndb = \"10.0.0.1/40\"", "is no destination"),
        ("[destinations]\n\"~other\" = \"10.0.0.1\"", "\"~other\" is no name"),
    ] {
        let error = wrong(file);
        assert!(error.starts_with("[destinations] in "), "{error}");
        assert!(error.contains(part), "{file}: {error}");
    }
}

#[test]
fn one_name_too_many_and_a_name_that_is_there_twice_are_refused() {
    let names = |count: u8| {
        let lines = (0..count).map(|at| format!("n{at} = \"10.0.0.{at}:5432\"\n"));
        format!("[destinations]\n{}", lines.collect::<String>())
    };
    assert!(!named(&names(50)).is_empty());
    assert!(wrong(&names(51)).contains("51 names: at most 50 are allowed"));
    let twice = "[destinations]\ndb = \"10.0.0.1:1\"\ndb = \"10.0.0.2:1\"";
    assert!(wrong(twice).contains("duplicate key"), "{}", wrong(twice));
    let same = "[destinations]\na = \"10.0.0.1:1\"\nb = \"10.0.0.1/32:1\"";
    assert!(wrong(same).contains("b: \"10.0.0.1/32:1\" is named a already"), "{}", wrong(same));
}

proptest::proptest! {
    #[test]
    fn odd_texts_are_refused_or_taken_and_nothing_worse(
        texts in proptest::collection::vec(
            ("[a-z~/ .\u{e9}\"\n]{0,70}", "[\\[\\]0-9a-f:./+ -]{0,24}|\\PC{0,12}"),
            0..4,
        ),
    ) {
        let given: BTreeMap<_, _> =
            texts.iter().map(|(name, text)| (name.clone(), vec![text.clone()])).collect();
        match Destinations::read(&given) {
            Ok(read) => assert_eq!(read.is_empty(), given.is_empty()),
            Err(why) => assert!(!why.is_empty()),
        }
    }
}
