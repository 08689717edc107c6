//! The kinds of panels, each with its usual size and looks.

use super::{About, Draft};
use crate::grafana::field::{Bands, Cells, Custom, Defaults, Lines, Scale};
use crate::grafana::heatmap::Heatmap;
use crate::grafana::looks::{Color, Thresholds};
use crate::grafana::options::{Options, Stat, StateTimeline, Table, TimeSeries};
use crate::grafana::unit::Unit;

impl Draft {
    fn new(
        id: u32,
        title: &'static str,
        unit: Unit,
        size: (u32, u32),
        options: Options,
        custom: Custom,
    ) -> Self {
        let defaults = Defaults {
            unit: Some(unit),
            decimals: None,
            min: None,
            max: None,
            no_value: "no data",
            color: Color::THRESHOLDS,
            thresholds: Thresholds::none(),
            mappings: Vec::new(),
            links: Vec::new(),
            custom,
        };
        let about = About { what: "", bad: "", alerts: &[], act: "" };
        Self {
            id,
            title,
            about,
            watching: Vec::new(),
            size,
            defaults,
            options,
            overrides: Vec::new(),
            transformations: Vec::new(),
            asks: Vec::new(),
        }
    }

    /// One big number.
    pub(in crate::boards) fn stat(id: u32, title: &'static str, unit: Unit) -> Self {
        let mut draft =
            Self::new(id, title, unit, (3, 4), Options::Stat(Stat::default()), Custom::Nothing {});
        draft.defaults.decimals = (unit == Unit::Share).then_some(1);
        draft
    }

    /// Lines over time.
    pub(in crate::boards) fn graph(id: u32, title: &'static str, unit: Unit) -> Self {
        let mut draft = Self::new(
            id,
            title,
            unit,
            (12, 8),
            Options::TimeSeries(TimeSeries::default()),
            Custom::Lines(Lines::default()),
        );
        draft.defaults.color = Color::PALETTE;
        draft.defaults.min = Some(0.0);
        draft
    }

    /// Rows and columns, the largest of the column with the title `sorted` first.
    pub(in crate::boards) fn table(id: u32, title: &'static str, sorted: &str) -> Self {
        let options = Options::Table(Table::largest_first(sorted));
        Self::new(id, title, Unit::Count, (24, 9), options, Custom::Cells(Cells::default()))
    }

    /// Buckets over time.
    pub(in crate::boards) fn heatmap(id: u32, title: &'static str, unit: Unit) -> Self {
        Self::new(
            id,
            title,
            unit,
            (12, 8),
            Options::Heatmap(Box::new(Heatmap::of(unit))),
            Custom::Scale(Scale::default()),
        )
    }

    /// Bands of states over time.
    pub(in crate::boards) fn timeline(id: u32, title: &'static str, unit: Unit) -> Self {
        Self::new(
            id,
            title,
            unit,
            (12, 8),
            Options::StateTimeline(StateTimeline::default()),
            Custom::Bands(Bands::default()),
        )
    }
}
