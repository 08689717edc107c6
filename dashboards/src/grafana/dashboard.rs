//! A whole dashboard: what [`boards`](crate::boards) serializes for Grafana to import.

use serde::Serialize;

use super::DataSource;
use super::link::DashboardLink;
use super::panel::Item;
use super::variable::Variable;

/// What Grafana imports.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dashboard {
    uid: &'static str,
    title: String,
    description: &'static str,
    tags: [&'static str; 1],
    schema_version: u8,
    version: u8,
    editable: bool,
    refresh: &'static str,
    graph_tooltip: u8,
    timezone: &'static str,
    fiscal_year_start_month: u8,
    time: TimeRange,
    timepicker: Nothing,
    live_now: bool,
    preload: bool,
    links: [DashboardLink; 1],
    templating: List<Variable>,
    annotations: List<Annotation>,
    panels: Vec<Item>,
}

/// The tag by which the dashboards find each other.
const TAG: &str = "tcpwarden";

impl Dashboard {
    /// A dashboard with what all have in common.
    #[must_use]
    pub fn new(
        uid: &'static str,
        title: &str,
        description: &'static str,
        variables: Vec<Variable>,
        annotations: Vec<Annotation>,
        panels: Vec<Item>,
    ) -> Self {
        Self {
            uid,
            title: format!("tcpwarden / {title}"),
            description,
            tags: [TAG],
            schema_version: 42,
            version: 1,
            editable: false,
            refresh: "30s",
            graph_tooltip: 1,
            timezone: "browser",
            fiscal_year_start_month: 0,
            time: TimeRange { from: "now-1h", to: "now" },
            timepicker: Nothing {},
            live_now: false,
            preload: false,
            links: [DashboardLink::tagged(TAG)],
            templating: List { list: variables },
            annotations: List { list: annotations },
            panels,
        }
    }
}

#[derive(Debug, Clone, Serialize)]
struct TimeRange {
    from: &'static str,
    to: &'static str,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Nothing {}

#[derive(Debug, Clone, Serialize)]
struct List<T> {
    list: Vec<T>,
}

/// Moments that are marked in every graph.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Annotation {
    name: &'static str,
    datasource: DataSource,
    enable: bool,
    hide: bool,
    icon_color: &'static str,
    /// PromQL: marked where it has values.
    pub expr: String,
    title_format: &'static str,
    text_format: &'static str,
    tag_keys: &'static str,
    step: &'static str,
}

impl Annotation {
    /// Marks where `expr` has values; `title` and `text` may name labels.
    #[must_use]
    pub fn new(
        name: &'static str,
        color: &'static str,
        expr: String,
        title: &'static str,
        text: &'static str,
    ) -> Self {
        Self {
            name,
            datasource: DataSource::PROMETHEUS,
            enable: true,
            hide: false,
            icon_color: color,
            expr,
            title_format: title,
            text_format: text,
            tag_keys: "instance",
            step: "30s",
        }
    }
}
