//! What is on the screen: the tab, what is selected, how it is sorted and filtered, and how deep
//! one has gone from a suspect to its sockets and to one of them.

use std::time::Duration;

use super::ask::{Answers, Wish};
use super::data::Data;
use super::fit;
use super::lists::{changes, destinations, life, listeners, processes, sockets, suspects};
use super::tab::{Mode, Tab, View};
use super::table::{Row, Table};
use crate::listing::answer::Connection;
use crate::query::connections::Connections;
use crate::query::text::printable;

/// The sockets of what was selected.
#[derive(Clone, Debug)]
struct Sockets {
    /// What it was.
    title: String,
    /// The parameters of the query.
    query: String,
    view: View,
    answer: Option<Connections>,
    error: Option<String>,
}

/// Two ages of one socket differ from the time between them by less than this, in seconds.
const SLACK: f64 = 0.5;

/// One socket.
#[derive(Clone, Debug)]
struct Life {
    connection: Connection,
    /// When it was created, in seconds of the agent's monotonic clock.
    born: f64,
    /// Since when it is gone, on the agent's clock.
    gone: Option<String>,
    view: View,
}

/// A list as it is shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    /// All its rows.
    pub(crate) table: Table,
    /// The places of those that are shown, in order.
    pub(crate) places: Vec<usize>,
    /// How wide each column is if nothing of these rows is cut.
    pub(crate) widths: Vec<usize>,
}

impl Shown {
    fn new(table: Table, places: Vec<usize>) -> Self {
        // The head has a mark if the list is sorted by it.
        let head = |name| fit::width(name) + usize::from(table.sorts);
        let mut widths: Vec<usize> = table.columns.iter().map(|column| head(column.name)).collect();
        for place in &places {
            for (width, cell) in widths.iter_mut().zip(&table.rows[*place].cells) {
                *width = fit::width(&cell.text).max(*width);
            }
        }
        Self { table, places, widths }
    }
}

/// All that is shown.
#[derive(Debug)]
pub(crate) struct Model {
    /// What the agent has answered.
    pub(crate) data: Data,
    /// The chosen tab.
    pub(crate) tab: Tab,
    views: [View; 5],
    sockets: Option<Sockets>,
    life: Option<Life>,
    /// What keys do.
    pub(crate) mode: Mode,
    /// Whether nothing is refreshed.
    pub(crate) frozen: bool,
    /// Whether colours are used.
    pub(crate) colors: bool,
    /// Where the agent is, as text.
    pub(crate) place: String,
    /// The time between two refreshes.
    pub(crate) interval: Duration,
    /// How long an answer has been waited for, if that is long.
    pub(crate) waiting: Option<Duration>,
    /// The list.
    pub(crate) shown: Shown,
}

impl Model {
    /// Returns a view of nothing yet.
    pub(crate) fn new(place: &str, interval: Duration, colors: bool) -> Self {
        let first = [
            suspects::FIRST,
            processes::FIRST,
            destinations::FIRST,
            listeners::FIRST,
            changes::FIRST,
        ];
        Self {
            data: Data::default(),
            tab: Tab::default(),
            views: first.map(View::sorted_by),
            sockets: None,
            life: None,
            mode: Mode::default(),
            frozen: false,
            colors,
            place: printable(place),
            interval,
            waiting: None,
            shown: Shown::default(),
        }
    }

    /// Returns what a refresh asks for; without `base` only what the list on the screen needs.
    pub(crate) fn wish(&self, base: bool) -> Wish {
        let sockets = self.sockets.as_ref().map(|sockets| sockets.query.clone());
        let destinations = self.tab == Tab::Destinations && sockets.is_none();
        Wish { base, destinations, sockets }
    }

    /// Takes answers.
    pub(crate) fn take(&mut self, mut answers: Answers) {
        let of_sockets = answers.sockets.take();
        self.data.take(answers);
        if let Some((query, answer)) = of_sockets
            && let Some(sockets) = self.sockets.as_mut().filter(|sockets| sockets.query == query)
        {
            match answer {
                Ok(answer) => {
                    sockets.error = None;
                    if let Some(life) = &mut self.life {
                        life.follow(&answer, &self.data.clock());
                    }
                    sockets.answer = Some(answer);
                }
                Err(why) => sockets.error = Some(printable(&why)),
            }
        }
        self.arrange();
    }

    /// Makes the list anew: after answers, and whatever changes what is shown.
    pub(crate) fn arrange(&mut self) {
        let table = self.table();
        let view = self.view();
        let places = table.arranged(view.order, &view.filter);
        let is_kept =
            |place: &usize| view.id.as_ref().is_some_and(|id| table.rows[*place].id == *id);
        let kept = places.iter().position(is_kept);
        let last = places.len().saturating_sub(1);
        let selected = kept.unwrap_or(view.selected).min(last);
        self.shown = Shown::new(table, places);
        self.view_mut().selected = selected;
    }

    fn table(&self) -> Table {
        let data = &self.data;
        match (&self.life, &self.sockets, self.tab) {
            (Some(life), ..) => life::table(&life.connection, life.gone.as_deref()),
            (None, Some(one), _) => sockets::table(one.answer.as_ref()),
            (None, None, Tab::Suspects) => {
                data.leaks.as_ref().map_or_else(Table::default, suspects::table)
            }
            (None, None, Tab::Processes) => processes::table(&data.readings),
            (None, None, Tab::Destinations) => {
                destinations::table(data.troubles.as_ref(), data.peers.as_ref())
            }
            (None, None, Tab::Listeners) => listeners::table(&data.readings),
            (None, None, Tab::Events) => changes::table(&data.history),
        }
    }

    /// Returns how the list on the screen is looked at.
    pub(crate) fn view(&self) -> &View {
        match (&self.life, &self.sockets) {
            (Some(life), _) => &life.view,
            (None, Some(sockets)) => &sockets.view,
            (None, None) => &self.views[self.tab.place()],
        }
    }

    /// Returns the same, to be changed. [`Self::arrange`] follows.
    pub(crate) fn view_mut(&mut self) -> &mut View {
        match (&mut self.life, &mut self.sockets) {
            (Some(life), _) => &mut life.view,
            (None, Some(sockets)) => &mut sockets.view,
            (None, None) => &mut self.views[self.tab.place()],
        }
    }

    /// Selects a row by its place among those that are shown. It stays selected wherever it goes,
    /// but for the first: then it is whichever row comes first.
    pub(crate) fn select(&mut self, selected: usize) {
        let selected = selected.min(self.shown.places.len().saturating_sub(1));
        let row = self.shown.places.get(selected).map(|place| &self.shown.table.rows[*place]);
        let id = row.filter(|_| selected > 0).map(|row| row.id.clone());
        let view = self.view_mut();
        (view.selected, view.id) = (selected, id);
    }

    /// Returns the selected row.
    fn selected(&self) -> Option<&Row> {
        let place = self.shown.places.get(self.view().selected)?;
        self.shown.table.rows.get(*place)
    }

    /// Returns what is said about the selected row.
    pub(crate) fn detail(&self) -> &str {
        self.selected().map_or("", |row| &row.detail)
    }

    /// Returns what one has gone into, the outer first.
    pub(crate) fn path(&self) -> Vec<String> {
        let sockets = self.sockets.iter().map(|sockets| format!("sockets of {}", sockets.title));
        sockets.chain(self.life.iter().map(|life| sockets::id(&life.connection))).collect()
    }

    /// Returns why the list on the screen is not up to date, if that is so.
    pub(crate) fn error(&self) -> Option<String> {
        self.sockets
            .as_ref()
            .and_then(|sockets| sockets.error.clone())
            .or_else(|| self.data.error())
    }

    /// Goes into the selected row. Returns whether there was something to go into.
    pub(crate) fn enter(&mut self) -> bool {
        if self.life.is_some() {
            return false;
        }
        let Some(row) = self.selected().cloned() else { return false };
        if let Some(sockets) = &self.sockets {
            let of = |connection: &&Connection| sockets::id(connection) == row.id;
            self.life = sockets.answer.as_ref().and_then(|answer| {
                let connection = answer.connections.iter().find(of)?.clone();
                let born = born(answer, &connection);
                Some(Life { connection, born, gone: None, view: View::default() })
            });
        } else {
            let title = row.cells.first().map_or_else(String::new, |cell| cell.text.clone());
            self.sockets = row.sockets.map(|query| Sockets {
                title,
                query,
                view: View::sorted_by(sockets::FIRST),
                answer: None,
                error: None,
            });
        }
        self.arrange();
        self.life.is_some() || self.sockets.is_some()
    }

    /// Goes back by one. Returns whether there was something to go back from.
    pub(crate) fn back(&mut self) -> bool {
        let was_in = self.life.take().is_some() || self.sockets.take().is_some();
        self.arrange();
        was_in
    }

    /// Goes to a tab, out of everything.
    pub(crate) fn go_to(&mut self, tab: Tab) {
        (self.life, self.sockets, self.tab) = (None, None, tab);
        self.arrange();
    }
}

impl Life {
    /// Takes the socket as it is now.
    fn follow(&mut self, answer: &Connections, clock: &str) {
        let id = sockets::id(&self.connection);
        let before = self.born + SLACK;
        // A younger one is another at the same ends. A lower bound begins anew with the agent.
        let is_it = |one: &&Connection| {
            sockets::id(one) == id && (one.connection_age_at_least || born(answer, one) < before)
        };
        match answer.connections.iter().find(is_it) {
            Some(now) => {
                self.born = born(answer, now);
                (self.connection, self.gone) = (now.clone(), None);
            }
            None => _ = self.gone.get_or_insert_with(|| clock.to_owned()),
        }
    }
}

/// Returns when a socket of an answer was created, in seconds of the agent's monotonic clock.
fn born(answer: &Connections, connection: &Connection) -> f64 {
    let taken = Duration::from_nanos(answer.taken.taken_at_monotonic_ns);
    taken.as_secs_f64() - connection.connection_age_seconds
}
