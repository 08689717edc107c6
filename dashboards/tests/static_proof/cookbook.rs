//! The cookbook: what its queries name exists, and counters stand in rates.

use std::path::Path;

use crate::meaning::wrong_in;
use crate::promql::{parse, selectors};

#[test]
fn every_query_of_the_cookbook_names_what_exists() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cookbook.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("```promql\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let mut wrong = Vec::new();
    for (query, _) in blocks {
        let expression = parse(query).unwrap_or_else(|why| panic!("{query}: {why}"));
        let found = selectors(&expression).iter().flat_map(wrong_in).collect::<Vec<_>>();
        wrong.extend(found.into_iter().map(|what| format!("{query}: {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
