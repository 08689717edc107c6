//! A view and the agent that it asks, without a connection between them: `xtask/cost` counts what a
//! refresh costs either of them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::ask;
use super::model::Model;
use super::tab::Tab;
use super::view;
use crate::conn::{Nanos, Table};
use crate::ingest::lock;
use crate::leaks::Watch;
use crate::metrics::{SelfStats, Writer};
use crate::nat::Nat;
use crate::query::{self, Source};

/// The size of its screen, in columns and lines.
const SIZE: Rect = Rect { x: 0, y: 0, width: 200, height: 50 };

/// A list of the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// The suspects, with which it begins.
    Suspects,
    /// The destinations.
    Destinations,
    /// The sockets towards the destination that has the most.
    Sockets,
}

/// A view, and the table that it shows.
pub struct Whole {
    model: Model,
    source: Source,
    writer: Writer,
    page: Vec<u8>,
    /// What the view asks at each refresh, with the last answers.
    answers: BTreeMap<String, String>,
    start: Instant,
    buffer: Buffer,
}

impl Whole {
    /// Returns the view of a list, drawn once. `clock` returns the time at which the table is
    /// looked at, nanoseconds.
    #[must_use]
    pub fn of(table: Table, clock: fn() -> u64, list: List) -> Self {
        let table = Arc::new(Mutex::new(table));
        let mut whole = Self {
            model: Model::new("nowhere", Duration::from_secs(2), true),
            source: Source { table, leaks: Watch::default(), nat: Nat::default(), clock },
            writer: Writer::new(),
            page: Vec::new(),
            answers: BTreeMap::new(),
            start: Instant::now(),
            buffer: Buffer::empty(SIZE),
        };
        if list != List::Suspects {
            whole.model.go_to(Tab::Destinations);
        }
        if list == List::Sockets {
            whole.ask(false);
            whole.model.enter();
        }
        whole.ask(true);
        // From the second page on there are rates.
        whole.refresh();
        whole.draw();
        whole
    }

    /// Returns how many rows the list has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.model.shown.places.len()
    }

    /// Asks and takes the answers to what the list needs, and those of every list with `base`.
    fn ask(&mut self, base: bool) {
        self.answers.clear();
        let note = |target: &str| {
            self.answers.insert(target.to_owned(), String::new());
            Ok::<_, Infallible>(Err(String::new()))
        };
        let Ok(_) = ask::answers(&self.model.wish(base), self.start, note);
        self.answer();
        self.take(base);
    }

    /// Does the agent's part of a refresh: answers all that the view asks.
    pub fn answer(&mut self) {
        let mut answers = std::mem::take(&mut self.answers);
        for (target, answer) in &mut answers {
            *answer = self.answer_to(target);
        }
        self.answers = answers;
    }

    fn answer_to(&mut self, target: &str) -> String {
        let (path, parameters) = target.split_once('?').unwrap_or((target, ""));
        if let Some(query) = query::ALL.iter().find(|query| query.path() == path) {
            let prepared = query.prepare(parameters).ok();
            return prepared.and_then(|query| query(&self.source).ok()).unwrap_or_default();
        }
        let now = Nanos::new((self.source.clock)());
        let snapshot = lock(&self.source.table).snapshot(now);
        self.page.clear();
        self.writer.write(&snapshot, &SelfStats::default(), 0.0, &mut self.page);
        String::from_utf8_lossy(&self.page).into_owned()
    }

    /// Does the view's part: reads the answers, sorts and measures the rows.
    pub fn refresh(&mut self) {
        self.take(true);
    }

    fn take(&mut self, base: bool) {
        let of = |target: &str| Ok::<_, Infallible>(Ok(self.answers[target].clone()));
        let Ok(answers) = ask::answers(&self.model.wish(base), self.start, of);
        self.model.take(answers);
    }

    /// Draws a frame.
    pub fn draw(&mut self) {
        self.buffer.reset();
        view::draw(&self.model, SIZE, &mut self.buffer);
    }
}

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Whole").field("model", &self.model).finish_non_exhaustive()
    }
}
