//! The variables at the head of a dashboard.

use serde::Serialize;
use serde_json::{Value, json};

use super::DataSource;

/// A choice at the head of a dashboard.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Variable {
    /// Its name in queries, without the dollar.
    pub name: &'static str,
    label: &'static str,
    description: &'static str,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    datasource: Option<DataSource>,
    query: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    definition: Option<String>,
    multi: bool,
    include_all: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    all_value: Option<&'static str>,
    current: Value,
    options: [Value; 0],
    refresh: u8,
    regex: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort: Option<u8>,
    hide: u8,
    skip_url_sync: bool,
}

impl Variable {
    /// Which Prometheus to ask.
    #[must_use]
    pub fn data_source() -> Self {
        Self {
            name: "datasource",
            label: "Data source",
            description: "The Prometheus that scrapes the agents.",
            r#type: "datasource",
            datasource: None,
            query: json!("prometheus"),
            definition: None,
            multi: false,
            include_all: false,
            all_value: None,
            current: json!({}),
            options: [],
            refresh: 1,
            regex: "",
            sort: None,
            hide: 0,
            skip_url_sync: false,
        }
    }

    /// Values of a label, several at a time or all; asked again when the time range changes.
    #[must_use]
    pub fn label(
        name: &'static str,
        label: &'static str,
        description: &'static str,
        query: String,
    ) -> Self {
        Self {
            name,
            label,
            description,
            r#type: "query",
            datasource: Some(DataSource::PROMETHEUS),
            query: json!({ "query": query, "refId": "StandardVariableQuery" }),
            definition: Some(query),
            multi: true,
            include_all: true,
            all_value: Some(".+"),
            current: json!({ "selected": true, "text": ["All"], "value": ["$__all"] }),
            refresh: 2,
            sort: Some(1),
            ..Self::data_source()
        }
    }

    /// The same, where all values include the series without that label.
    #[must_use]
    pub fn or_none(self) -> Self {
        Self { all_value: Some(".*"), ..self }
    }

    /// The query that fills it; none for the data source.
    #[must_use]
    pub fn filled_by(&self) -> Option<&str> {
        self.definition.as_deref()
    }
}
