//! Panels and their queries.

use serde::Serialize;

use super::DataSource;
use super::field::FieldConfig;
use super::layout::Place;
use super::options::Options;
use super::transform::Transformation;

/// What lies on the grid.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Item {
    /// A heading.
    Row(Row),
    /// A panel.
    Panel(Box<Panel>),
}

/// A heading; where it is closed, it holds its panels.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Fixed, unique in the dashboard.
    pub id: u32,
    r#type: &'static str,
    title: &'static str,
    collapsed: bool,
    grid_pos: Place,
    panels: Vec<Panel>,
}

impl Row {
    /// A heading above panels.
    #[must_use]
    pub const fn open(id: u32, title: &'static str, grid_pos: Place) -> Self {
        Self { id, r#type: "row", title, collapsed: false, grid_pos, panels: Vec::new() }
    }

    /// A heading that opens on a click; until then, its panels ask nothing.
    #[must_use]
    pub const fn closed(id: u32, title: &'static str, grid_pos: Place, panels: Vec<Panel>) -> Self {
        Self { id, r#type: "row", title, collapsed: true, grid_pos, panels }
    }
}

/// A panel.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Panel {
    /// Fixed, unique in the dashboard.
    pub id: u32,
    /// Grafana's id for the kind of panel.
    pub r#type: &'static str,
    /// The heading.
    pub title: &'static str,
    /// What it is, what bad looks like, which alert watches it, what to do.
    pub description: String,
    /// Whom it asks.
    pub datasource: DataSource,
    /// Where it lies.
    pub grid_pos: Place,
    /// What it asks.
    pub targets: Vec<Target>,
    /// How values look.
    pub field_config: FieldConfig,
    /// How the panel looks.
    pub options: Options,
    /// What happens to the answers first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transformations: Vec<Transformation>,
}

/// A query.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// A, B, C …
    pub ref_id: String,
    /// Whom it asks.
    pub datasource: DataSource,
    /// PromQL.
    pub expr: String,
    /// What a series is called.
    pub legend_format: String,
    /// `time_series`, `table` or `heatmap`.
    pub format: &'static str,
    /// One value, now.
    pub instant: bool,
    /// Values over the time range.
    pub range: bool,
    /// How the editor shows it.
    pub editor_mode: &'static str,
}
