//! Tests of the destinations that the file names.

use std::collections::BTreeMap;

use super::*;
use crate::conn::Destinations;

fn named(file: &str) -> Destinations {
    load(&RunArgs::default(), &[], Some(("destinations", file))).unwrap().destinations
}

fn wrong(file: &str) -> String {
    refused(&RunArgs::default(), &[], Some(("destinations", file)))
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
        ("[destinations]\n\"~other\" = \"10.0.0.1\"", "\"~other\" is no name"),
    ] {
        let error = wrong(file);
        assert!(error.starts_with("[destinations] in "), "{error}");
        assert!(error.contains(part), "{file}: {error}");
    }
}
