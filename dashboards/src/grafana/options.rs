//! The options of each kind of panel.

use serde::Serialize;

use super::heatmap::Heatmap;

/// The options of a panel, by its kind.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Options {
    /// Big numbers.
    Stat(Stat),
    /// Lines over time.
    TimeSeries(TimeSeries),
    /// Rows and columns.
    Table(Table),
    /// Buckets over time.
    Heatmap(Box<Heatmap>),
    /// Bands of states over time.
    StateTimeline(StateTimeline),
}

impl Options {
    /// Grafana's id for this kind of panel.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Stat(_) => "stat",
            Self::TimeSeries(_) => "timeseries",
            Self::Table(_) => "table",
            Self::Heatmap(_) => "heatmap",
            Self::StateTimeline(_) => "state-timeline",
        }
    }
}

/// How many values become one.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reduce {
    calcs: [&'static str; 1],
    fields: &'static str,
    values: bool,
}

const LAST: Reduce = Reduce { calcs: ["lastNotNull"], fields: "", values: false };

/// Big numbers.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stat {
    color_mode: &'static str,
    /// `area` for the line behind the number, `none` without.
    pub graph_mode: &'static str,
    justify_mode: &'static str,
    orientation: &'static str,
    text_mode: &'static str,
    wide_layout: bool,
    show_percent_change: bool,
    percent_change_color_mode: &'static str,
    reduce_options: Reduce,
}

impl Default for Stat {
    fn default() -> Self {
        Self {
            color_mode: "value",
            graph_mode: "none",
            justify_mode: "auto",
            orientation: "auto",
            text_mode: "auto",
            wide_layout: true,
            show_percent_change: false,
            percent_change_color_mode: "standard",
            reduce_options: LAST,
        }
    }
}

/// Lines over time.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TimeSeries {
    legend: Legend,
    tooltip: Tooltip,
}

/// The names of the series.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "Grafana's names")]
pub struct Legend {
    show_legend: bool,
    display_mode: &'static str,
    placement: &'static str,
    calcs: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort_desc: Option<bool>,
}

impl Default for Legend {
    fn default() -> Self {
        Self {
            show_legend: true,
            display_mode: "list",
            placement: "bottom",
            calcs: Vec::new(),
            sort_by: None,
            sort_desc: None,
        }
    }
}

impl TimeSeries {
    /// The names in a table with the last and the largest value, for panels that name culprits.
    #[must_use]
    pub fn with_table() -> Self {
        let legend = Legend {
            display_mode: "table",
            calcs: vec!["lastNotNull", "max"],
            sort_by: Some("Last *"),
            sort_desc: Some(true),
            ..Legend::default()
        };
        Self { legend, ..Self::default() }
    }
}

/// What is told under the pointer.
#[derive(Debug, Clone, Serialize)]
pub struct Tooltip {
    mode: &'static str,
    sort: &'static str,
}

impl Default for Tooltip {
    fn default() -> Self {
        Self { mode: "multi", sort: "desc" }
    }
}

/// Rows and columns.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    show_header: bool,
    cell_height: &'static str,
    frame_index: u8,
    /// The column by which rows are sorted.
    pub sort_by: Vec<SortBy>,
}

/// A column to sort by.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SortBy {
    display_name: String,
    desc: bool,
}

impl Table {
    /// The largest of the column with this title first.
    #[must_use]
    pub fn largest_first(title: &str) -> Self {
        Self {
            show_header: true,
            cell_height: "sm",
            frame_index: 0,
            sort_by: vec![SortBy { display_name: title.to_owned(), desc: true }],
        }
    }
}

/// Bands of states over time.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StateTimeline {
    show_value: &'static str,
    row_height: f64,
    merge_values: bool,
    align_value: &'static str,
    legend: Legend,
    tooltip: Tooltip,
}

impl Default for StateTimeline {
    fn default() -> Self {
        Self {
            show_value: "auto",
            row_height: 0.8,
            merge_values: true,
            align_value: "left",
            legend: Legend { show_legend: false, ..Legend::default() },
            tooltip: Tooltip { mode: "single", sort: "none" },
        }
    }
}
