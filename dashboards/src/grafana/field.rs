//! How values look: unit, colour, limits.

use serde::Serialize;

use super::link::DataLink;
use super::looks::{Color, Mapping, Thresholds};
use super::overrides::Override;
use super::scale::Distribution;
use super::unit::Unit;

/// The looks of a panel's values.
#[derive(Debug, Clone, Serialize)]
pub struct FieldConfig {
    /// Of all of them.
    pub defaults: Defaults,
    /// Of some of them.
    pub overrides: Vec<Override>,
}

/// The looks of all values of a panel.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Defaults {
    /// How a number is written; in a table that has units by column none, since it would be
    /// applied to ports too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// Digits after the point; Grafana chooses where none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u8>,
    /// The lower end of the axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The upper end of the axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// What is shown where there is nothing.
    pub no_value: &'static str,
    /// Where the colour comes from.
    pub color: Color,
    /// The limits that the colours tell apart.
    pub thresholds: Thresholds,
    /// Words for numbers.
    pub mappings: Vec<Mapping>,
    /// Where a click leads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<DataLink>,
    /// What the kind of panel adds.
    pub custom: Custom,
}

/// What a kind of panel adds to the looks of values.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Custom {
    /// Lines over time.
    Lines(Lines),
    /// Cells of a table.
    Cells(Cells),
    /// Bands of a state timeline.
    Bands(Bands),
    /// A heatmap's scale.
    Scale(Scale),
    /// Nothing.
    Nothing {},
}

/// Lines over time.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lines {
    draw_style: &'static str,
    line_interpolation: &'static str,
    line_width: u8,
    fill_opacity: u8,
    gradient_mode: &'static str,
    show_points: &'static str,
    point_size: u8,
    span_nulls: bool,
    axis_placement: &'static str,
    axis_label: &'static str,
    /// Up to where the scale reaches at least, however small the values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub axis_soft_max: Option<f64>,
    /// Linear or logarithmic.
    pub scale_distribution: Distribution,
    stacking: Stacking,
    /// How the limits are drawn.
    pub thresholds_style: Mode,
    hide_from: HideFrom,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            draw_style: "line",
            line_interpolation: "linear",
            line_width: 1,
            fill_opacity: 10,
            gradient_mode: "none",
            show_points: "never",
            point_size: 5,
            span_nulls: false,
            axis_placement: "auto",
            axis_label: "",
            axis_soft_max: None,
            scale_distribution: Distribution::LINEAR,
            stacking: Stacking { mode: "none", group: "A" },
            thresholds_style: Mode { mode: "off" },
            hide_from: HideFrom::default(),
        }
    }
}

impl Lines {
    /// Parts of a whole, one upon the other.
    pub fn stack(&mut self) {
        self.stacking.mode = "normal";
        self.fill_opacity = 30;
    }
}

#[derive(Debug, Clone, Serialize)]
struct Stacking {
    mode: &'static str,
    group: &'static str,
}

/// A way of drawing, by its name.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Mode {
    /// Grafana's name for it.
    pub mode: &'static str,
}

/// Where a series is not shown.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct HideFrom {
    legend: bool,
    tooltip: bool,
    viz: bool,
}

/// Cells of a table.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cells {
    align: &'static str,
    filterable: bool,
    inspect: bool,
    cell_options: CellOptions,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct CellOptions {
    r#type: &'static str,
}

impl Default for Cells {
    fn default() -> Self {
        Self {
            align: "auto",
            filterable: false,
            inspect: false,
            cell_options: CellOptions { r#type: "auto" },
        }
    }
}

/// Bands of a state timeline.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bands {
    line_width: u8,
    fill_opacity: u8,
    hide_from: HideFrom,
}

impl Default for Bands {
    fn default() -> Self {
        Self { line_width: 0, fill_opacity: 70, hide_from: HideFrom::default() }
    }
}

/// A heatmap's scale.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scale {
    hide_from: HideFrom,
    scale_distribution: Distribution,
}

impl Default for Scale {
    fn default() -> Self {
        Self { hide_from: HideFrom::default(), scale_distribution: Distribution::LINEAR }
    }
}
