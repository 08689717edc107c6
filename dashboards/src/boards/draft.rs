//! A panel before it has its place: what a board says about it.

mod kinds;

use crate::alert::Alert;
use crate::grafana::DataSource;
use crate::grafana::field::{Custom, Defaults, FieldConfig, Mode};
use crate::grafana::layout::Place;
use crate::grafana::link::DataLink;
use crate::grafana::looks::{Mapping, Thresholds};
use crate::grafana::options::{Options, TimeSeries};
use crate::grafana::overrides::Override;
use crate::grafana::panel::{Panel, Target};
use crate::grafana::scale::Distribution;
use crate::grafana::transform::{Nothing, Organize, Transformation};
use crate::grafana::unit::Unit;

use super::{Query, Shown};

/// What a panel's description says, in this order.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    /// What is shown.
    pub(super) what: &'static str,
    /// What bad looks like.
    pub(super) bad: &'static str,
    /// The alerts that it helps with.
    pub(super) alerts: &'static [&'static str],
    /// What to do then.
    pub(super) act: &'static str,
}

impl About {
    /// The description, with the alerts of `watching` that are not in `alerts` before those.
    fn text(self, watching: &[&str]) -> String {
        let first = watching.iter().filter(|name| !self.alerts.contains(name));
        let names: Vec<&str> = first.chain(self.alerts).copied().collect();
        let alerts = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        format!(
            "{}\n\n**Bad:** {}\n\n**Alert:** {alerts}.\n\n**Do:** {}",
            self.what, self.bad, self.act
        )
    }
}

/// A column of a table.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// A label, or `Value` with the letter of its query where there are several.
    pub(super) name: &'static str,
    /// Its heading.
    pub(super) title: &'static str,
    /// How a number in it is written; none for names.
    pub(super) unit: Option<Unit>,
    /// How its cells look.
    pub(super) looks: Override,
}

/// Colours that say neither good nor bad, told apart by most eyes.
const NEUTRAL: [&str; 8] =
    ["#5794f2", "#b877d9", "#5fc9c4", "#fade2a", "#e0399a", "#8e8e8e", "#8ab8ff", "#7c2ea3"];

/// A panel without its place.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    id: u32,
    title: &'static str,
    about: About,
    /// The alerts whose rules name this panel.
    watching: Vec<&'static str>,
    size: (u32, u32),
    defaults: Defaults,
    options: Options,
    overrides: Vec<Override>,
    transformations: Vec<Transformation>,
    asks: Vec<(String, String, Shown)>,
}

impl Draft {
    /// The description. `alerts` are those that the panel helps with besides the ones whose rules
    /// name it: [`Self::watched_by`] adds these.
    pub(super) fn about(
        mut self,
        what: &'static str,
        bad: &'static str,
        alerts: &'static [&'static str],
        act: &'static str,
    ) -> Self {
        self.about = About { what, bad, alerts, act };
        self
    }

    /// Takes from the alerts of the board those whose rules name this panel.
    pub(super) fn watched_by(mut self, alerts: &[&Alert]) -> Self {
        let mine = alerts.iter().filter(|alert| alert.panel == self.id);
        self.watching = mine.map(|alert| alert.name).collect();
        self
    }

    /// A query with the name of its series, and when the proof expects values from it.
    pub(super) fn ask(mut self, expr: String, legend: &str, shown: Shown) -> Self {
        self.asks.push((expr, legend.to_owned(), shown));
        self
    }

    /// Columns and lines of the grid.
    pub(super) fn size(mut self, width: u32, height: u32) -> Self {
        self.size = (width, height);
        self
    }

    /// What is shown where there is nothing.
    pub(super) fn no_value(mut self, text: &'static str) -> Self {
        self.defaults.no_value = text;
        self
    }

    /// Limits; a graph draws them as lines.
    pub(super) fn limits(mut self, thresholds: Thresholds) -> Self {
        if let Custom::Lines(lines) = &mut self.defaults.custom {
            lines.thresholds_style = Mode { mode: "dashed" };
            // Where all is well the limit would lie at the bottom of a scale up to a hundred.
            lines.axis_soft_max = thresholds.highest().map(|highest| {
                if highest < 1.0 { (2.0 * highest).min(1.0) } else { 2.0 * highest }
            });
        }
        self.defaults.thresholds = thresholds;
        self
    }

    /// The upper end of the scale.
    pub(super) fn up_to(mut self, max: f64) -> Self {
        self.defaults.max = Some(max);
        self
    }

    /// The scale may go below zero.
    pub(super) fn signed(mut self) -> Self {
        self.defaults.min = None;
        self
    }

    /// Parts of a whole: one upon the other.
    pub(super) fn stacked(mut self) -> Self {
        if let Custom::Lines(lines) = &mut self.defaults.custom {
            lines.stack();
        }
        self
    }

    /// Steps of a factor of ten, of two for bytes.
    pub(super) fn logarithmic(mut self) -> Self {
        if let Custom::Lines(lines) = &mut self.defaults.custom {
            lines.scale_distribution = if self.defaults.unit == Some(Unit::Bytes) {
                Distribution::LOG2
            } else {
                Distribution::LOG10
            };
        }
        self.signed()
    }

    /// The names of the series in a table with the last and the largest value.
    pub(super) fn named(mut self) -> Self {
        self.options = Options::TimeSeries(TimeSeries::with_table());
        self
    }

    /// A line behind the number of a stat.
    pub(super) fn spark(mut self) -> Self {
        if let Options::Stat(stat) = &mut self.options {
            stat.graph_mode = "area";
        }
        self
    }

    /// Words for numbers.
    pub(super) fn words(mut self, mapping: Mapping) -> Self {
        self.defaults.mappings.push(mapping);
        self
    }

    /// Where a click leads.
    pub(super) fn link(mut self, link: DataLink) -> Self {
        self.defaults.links.push(link);
        self
    }

    /// What differs for one series or column.
    pub(super) fn with(mut self, other: Override) -> Self {
        self.overrides.push(other);
        self
    }

    /// Colours for the series of these names, none of which says good or bad.
    pub(super) fn colored(self, names: &[&str]) -> Self {
        names
            .iter()
            .zip(NEUTRAL)
            .fold(self, |draft, (name, color)| draft.with(Override::of(name).color(color)))
    }

    /// The columns of a table in this order; others are hidden by name.
    pub(super) fn columns(mut self, columns: Vec<Column>, hidden: &[&str]) -> Self {
        let titles: Vec<(&str, &str)> =
            columns.iter().map(|column| (column.name, column.title)).collect();
        self.transformations = vec![
            Transformation::Merge(Nothing {}),
            Transformation::Organize(Organize::new(&titles, hidden)),
        ];
        if columns.iter().any(|column| column.unit.is_some()) {
            self.defaults.unit = None;
        }
        self.overrides.extend(
            columns
                .into_iter()
                .map(|column| column.unit.into_iter().fold(column.looks, Override::unit)),
        );
        self
    }

    /// Columns and lines that it takes.
    pub(super) const fn wants(&self) -> (u32, u32) {
        self.size
    }

    /// What the proof asks.
    pub(super) fn queries(&self) -> impl Iterator<Item = Query> {
        let instant = self.is_instant();
        self.asks.iter().map(move |(expr, _, shown)| Query {
            panel: self.title,
            expr: expr.clone(),
            instant,
            shown: *shown,
        })
    }

    fn is_instant(&self) -> bool {
        match &self.options {
            Options::Stat(stat) => stat.graph_mode == "none",
            Options::Table(_) => true,
            Options::TimeSeries(_) | Options::Heatmap(_) | Options::StateTimeline(_) => false,
        }
    }

    /// The panel at its place.
    pub(super) fn place(self, grid_pos: Place) -> Panel {
        let instant = self.is_instant();
        let format = match &self.options {
            Options::Table(_) => "table",
            Options::Heatmap(_) => "heatmap",
            _ => "time_series",
        };
        let target = |((expr, legend, _), letter): ((String, String, Shown), char)| Target {
            ref_id: letter.to_string(),
            datasource: DataSource::PROMETHEUS,
            expr,
            legend_format: legend,
            format,
            instant,
            range: !instant,
            editor_mode: "code",
        };
        Panel {
            id: self.id,
            r#type: self.options.kind(),
            title: self.title,
            description: self.about.text(&self.watching),
            datasource: DataSource::PROMETHEUS,
            grid_pos,
            targets: self.asks.into_iter().zip('A'..='Z').map(target).collect(),
            field_config: FieldConfig { defaults: self.defaults, overrides: self.overrides },
            options: self.options,
            transformations: self.transformations,
        }
    }
}
