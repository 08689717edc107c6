//! The dashboards, one file each; [`all`] lists them.
//!
//! A board is a list of sections of [`draft::Draft`]s; places on the grid are computed here, ids of
//! panels are fixed by hand, because links and annotations of users refer to them.

mod agent;
mod capacity;
mod draft;
mod fleet;
mod leaks;
mod network;
mod overview;
mod promql;
mod services;
mod shared;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::File;
use crate::alert::Alert;
use crate::grafana::dashboard::Dashboard;
use crate::grafana::layout::{COLUMNS, Flow};
use crate::grafana::panel::{Item, Panel, Row};
use crate::grafana::variable::Variable;
use crate::options::Options;
use crate::rules;
use crate::site::Site;
use draft::Draft;

/// A query of a panel, and when it must return something that is not zero.
#[derive(Debug, Clone)]
pub struct Query {
    /// The title of its panel.
    pub panel: &'static str,
    /// PromQL with Grafana's variables in it.
    pub expr: String,
    /// Whether it is asked for now only, not over the time range.
    pub instant: bool,
    /// When the proof on a live agent expects values from it.
    pub shown: Shown,
}

/// When a query has something to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Not zero in every scenario of the lab.
    Always,
    /// Not zero in this scenario of the lab.
    In(&'static str),
    /// It has values in this scenario of the lab, which are zero because the scenario is shorter
    /// than what it counts.
    ValuesIn(&'static str),
    /// It has values after longer than any scenario of the lab lasts: the proof asks for none.
    Seldom,
    /// It has values, which are zero while the agent is healthy.
    ZeroWhenHealthy,
    /// It has values that are not zero while the agent fails in this way, and else none.
    OnlyInFault(&'static str),
    /// As [`Self::ZeroWhenHealthy`], and they are not zero while the agent fails in this way: a test of the live proof
    /// has the name.
    InFault(&'static str),
}

/// One dashboard.
#[derive(Debug, Clone)]
pub struct Board {
    /// Fixed, in links.
    pub uid: &'static str,
    /// Every query of every panel.
    pub queries: Vec<Query>,
    /// The variables with the queries that fill them.
    pub variables: Vec<(&'static str, String)>,
    /// What Grafana imports.
    pub json: Value,
}

/// A board before its panels have places.
struct Plan {
    uid: &'static str,
    title: &'static str,
    description: &'static str,
    /// Besides data source, job and instance.
    variables: Vec<Variable>,
    sections: Vec<Section>,
}

/// A heading and what stands below it.
struct Section {
    id: u32,
    title: &'static str,
    /// Closed ones ask nothing until somebody opens them.
    open: Open,
    panels: Vec<Draft>,
}

/// Whether a section is open when the board is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Yes,
    OnClick,
}

/// Every dashboard, from the general to the specific.
#[must_use]
pub fn all() -> Vec<Board> {
    all_with(&Options::default())
}

/// The same, with what a site sets.
#[must_use]
pub fn all_with(options: &Options) -> Vec<Board> {
    let plans = [
        overview::plan,
        fleet::plan,
        leaks::plan,
        services::plan,
        network::plan,
        capacity::plan,
        agent::plan,
    ];
    plans.iter().map(|plan| plan().board(options)).collect()
}

/// The files to import.
#[must_use]
pub fn files() -> Vec<File> {
    files_with(&Options::default())
}

/// The same, with what a site sets.
#[must_use]
pub fn files_with(options: &Options) -> Vec<File> {
    all_with(options)
        .into_iter()
        .map(|board| File {
            path: format!("dashboards/grafana/{}.json", board.uid),
            text: format!("{:#}\n", board.json),
        })
        .collect()
}

impl Plan {
    fn board(self, options: &Options) -> Board {
        let site = options.site_of_boards();
        let variables: Vec<Variable> =
            shared::variables(options).into_iter().chain(self.variables).collect();
        let filled = variables
            .iter()
            .filter_map(|one| Some((one.name, site.fill(one.filled_by()?))))
            .collect();
        let queries = self
            .sections
            .iter()
            .flat_map(|section| &section.panels)
            .flat_map(Draft::queries)
            .map(|query| Query { expr: site.fill(&query.expr), ..query })
            .collect();
        let alerts = rules::all().iter().filter(|alert| alert.board == self.uid);
        let items = place(self.sections, &alerts.collect::<Vec<_>>());
        let dashboard = Dashboard::new(
            self.uid,
            self.title,
            self.description,
            variables,
            shared::annotations(),
            items,
        );
        // A model of strings, numbers and lists always becomes JSON; were it not so, the comparison
        // with the committed files would fail.
        let json = sorted(serde_json::to_value(dashboard).unwrap_or_default(), &site);
        Board { uid: self.uid, queries, variables: filled, json }
    }
}

/// The same with what the site adds, and with the members of each object by name, whichever order
/// the JSON library keeps: that depends on what else is built with it.
fn sorted(value: Value, site: &Site) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<String, Value> =
                members.into_iter().map(|(name, value)| (name, sorted(value, site))).collect();
            Value::Object(members.into_iter().collect())
        }
        Value::Array(values) => {
            Value::Array(values.into_iter().map(|value| sorted(value, site)).collect())
        }
        Value::String(text) => Value::String(site.fill(&text)),
        other => other,
    }
}

/// Gives every section and panel its place, and each panel the names of its `alerts`.
fn place(sections: Vec<Section>, alerts: &[&Alert]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut flow = Flow::default();
    for section in sections {
        flow.break_line();
        let heading = flow.next(COLUMNS, 1);
        flow.break_line();
        if section.open == Open::Yes {
            items.push(Item::Row(Row::open(section.id, section.title, heading)));
            items.extend(
                panels(section.panels, alerts, &mut flow)
                    .into_iter()
                    .map(|panel| Item::Panel(Box::new(panel))),
            );
        } else {
            let mut inside = Flow::from_line(flow.below());
            let hidden = panels(section.panels, alerts, &mut inside);
            items.push(Item::Row(Row::closed(section.id, section.title, heading, hidden)));
        }
    }
    items
}

fn panels(drafts: Vec<Draft>, alerts: &[&Alert], flow: &mut Flow) -> Vec<Panel> {
    drafts
        .into_iter()
        .map(|draft| {
            let (width, height) = draft.wants();
            draft.watched_by(alerts).place(flow.next(width, height))
        })
        .collect()
}
