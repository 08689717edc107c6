//! The options of a heatmap.

use serde::Serialize;

use super::unit::Unit;

/// Buckets over time.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Heatmap {
    calculate: bool,
    cell_gap: u8,
    cell_values: CellValues,
    color: HeatColor,
    exemplars: Exemplars,
    filter_values: FilterValues,
    legend: ShowLegend,
    rows_frame: RowsFrame,
    show_value: &'static str,
    tooltip: HeatTooltip,
    y_axis: YAxis,
}

#[derive(Debug, Clone, Serialize)]
struct CellValues {
    unit: Unit,
}

#[derive(Debug, Clone, Serialize)]
struct HeatColor {
    mode: &'static str,
    scheme: &'static str,
    scale: &'static str,
    exponent: f64,
    steps: u8,
    reverse: bool,
    fill: &'static str,
}

#[derive(Debug, Clone, Serialize)]
struct Exemplars {
    color: &'static str,
}

#[derive(Debug, Clone, Serialize)]
struct FilterValues {
    le: f64,
}

#[derive(Debug, Clone, Serialize)]
struct ShowLegend {
    show: bool,
}

#[derive(Debug, Clone, Serialize)]
struct RowsFrame {
    layout: &'static str,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct HeatTooltip {
    mode: &'static str,
    y_histogram: bool,
    show_color_scale: bool,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct YAxis {
    axis_placement: &'static str,
    reverse: bool,
    unit: Unit,
}

impl Heatmap {
    /// Buckets of this unit; the colour tells how many observations a second.
    #[must_use]
    pub fn of(unit: Unit) -> Self {
        Self {
            calculate: false,
            cell_gap: 1,
            cell_values: CellValues { unit: Unit::Connections },
            color: HeatColor {
                mode: "scheme",
                scheme: "Turbo",
                scale: "exponential",
                exponent: 0.5,
                steps: 64,
                reverse: false,
                fill: "dark-blue",
            },
            exemplars: Exemplars { color: "rgba(255,0,255,0.7)" },
            filter_values: FilterValues { le: 1e-9 },
            legend: ShowLegend { show: true },
            rows_frame: RowsFrame { layout: "auto" },
            show_value: "never",
            tooltip: HeatTooltip { mode: "single", y_histogram: false, show_color_scale: true },
            y_axis: YAxis { axis_placement: "left", reverse: false, unit },
        }
    }
}
