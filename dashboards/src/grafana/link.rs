//! Links from a dashboard or a value to another dashboard.

use std::fmt::Write as _;

use serde::Serialize;

/// A link in the head of a dashboard.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "they are the file's")]
pub struct DashboardLink {
    r#type: &'static str,
    title: &'static str,
    tags: Vec<&'static str>,
    as_dropdown: bool,
    include_vars: bool,
    keep_time: bool,
    target_blank: bool,
    icon: &'static str,
    tooltip: &'static str,
    url: &'static str,
}

impl DashboardLink {
    /// All dashboards with this tag, in a list; variables and time go along.
    #[must_use]
    pub fn tagged(tag: &'static str) -> Self {
        Self {
            r#type: "dashboards",
            title: tag,
            tags: vec![tag],
            as_dropdown: false,
            include_vars: true,
            keep_time: true,
            target_blank: false,
            icon: "external link",
            tooltip: "the other dashboards, with the same time and variables",
            url: "",
        }
    }
}

/// A link behind a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DataLink {
    title: String,
    url: String,
    target_blank: bool,
}

impl DataLink {
    /// To the board `uid`, with its variables set from columns of the same row: (variable, column).
    /// Data source, job and time go along; the instance too, unless a column gives it.
    #[must_use]
    pub fn to_board(title: &str, uid: &str, fields: &[(&str, &str)]) -> Self {
        let mut url = format!(
            "/d/{uid}?${{__url_time_range}}&${{datasource:queryparam}}&${{job:queryparam}}"
        );
        if !fields.iter().any(|(variable, _)| *variable == "instance") {
            url.push_str("&${instance:queryparam}");
        }
        for (variable, field) in fields {
            let _ = write!(url, "&var-{variable}=${{__data.fields[\"{field}\"]:percentencode}}");
        }
        Self { title: title.to_owned(), url, target_blank: false }
    }

    /// The same from a series of a graph: its labels set the variables of the same names.
    #[must_use]
    pub fn from_series(title: &str, uid: &str, labels: &[&str]) -> Self {
        let mut url = format!(
            "/d/{uid}?${{__url_time_range}}&${{datasource:queryparam}}&${{job:queryparam}}\
             &${{instance:queryparam}}"
        );
        for label in labels {
            let _ = write!(url, "&var-{label}=${{__field.labels.{label}:percentencode}}");
        }
        Self { title: title.to_owned(), url, target_blank: false }
    }
}
