//! The tabs, and how the list of one is looked at.

use super::table::Order;

/// A list that one key leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tab {
    /// Who leaks.
    #[default]
    Suspects,
    /// Sums by process.
    Processes,
    /// Connections and trouble by peer.
    Destinations,
    /// Accept queues.
    Listeners,
    /// What changed between refreshes.
    Events,
}

impl Tab {
    /// Every tab with its name, in the order of their keys.
    pub(crate) const ALL: [(Self, &'static str); 5] = [
        (Self::Suspects, "Suspects"),
        (Self::Processes, "Processes"),
        (Self::Destinations, "Destinations"),
        (Self::Listeners, "Listeners"),
        (Self::Events, "Events"),
    ];

    /// Returns its place among them.
    pub(crate) fn place(self) -> usize {
        Self::ALL.iter().position(|(tab, _)| *tab == self).unwrap_or_default()
    }
}

/// What keys do at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They move in the list.
    #[default]
    List,
    /// They are the letters of a filter.
    Filter,
    /// They are explained on the screen.
    Help,
}

/// How a list is looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct View {
    /// What it is sorted by.
    pub(crate) order: Order,
    /// The text that its rows contain.
    pub(crate) filter: String,
    /// The place of the selected row among those that are shown.
    pub(crate) selected: usize,
    /// What that row is about, if it is to stay selected.
    pub(crate) id: Option<String>,
}

impl View {
    /// Returns the view of a list that is sorted by a column.
    pub(crate) fn sorted_by(column: usize) -> Self {
        Self { order: Order { column, reversed: false }, ..Self::default() }
    }
}
