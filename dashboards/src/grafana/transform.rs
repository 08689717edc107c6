//! What happens to the answers of a table's queries before they are shown.

use std::collections::BTreeMap;

use serde::Serialize;

/// One step.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "id", content = "options", rename_all = "camelCase")]
pub enum Transformation {
    /// Joins tables on all columns that they share.
    Merge(Nothing),
    /// Hides columns and puts the others in order.
    Organize(Organize),
}

/// No options.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Nothing {}

/// Columns by name.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "Grafana's names")]
pub struct Organize {
    exclude_by_name: BTreeMap<String, bool>,
    index_by_name: BTreeMap<String, usize>,
    rename_by_name: BTreeMap<String, String>,
}

impl Organize {
    /// These columns (name, title) in this order; `hidden` ones not at all. Overrides and links go
    /// on using the names.
    #[must_use]
    pub fn new(columns: &[(&str, &str)], hidden: &[&str]) -> Self {
        Self {
            exclude_by_name: hidden.iter().map(|name| ((*name).to_owned(), true)).collect(),
            index_by_name: columns
                .iter()
                .enumerate()
                .map(|(index, (name, _))| ((*name).to_owned(), index))
                .collect(),
            rename_by_name: columns
                .iter()
                .map(|(name, title)| ((*name).to_owned(), (*title).to_owned()))
                .collect(),
        }
    }
}
