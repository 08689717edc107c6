//! What a key does to the model.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::model::Model;
use super::tab::{Mode, Tab};

/// The rows that a page key moves by.
const PAGE: usize = 10;
/// The most letters of a filter.
const LONGEST: usize = 100;

/// Every key with what it does, as the help has them.
pub(crate) const HELP: [(&str, &str); 13] = [
    ("1 to 5", "Suspects, Processes, Destinations, Listeners, Events"),
    ("Tab, Shift-Tab", "the next tab, the one before"),
    ("Up, Down, j, k", "select a row"),
    ("PgUp, PgDn", "ten rows"),
    ("Home, End, g, G", "the first row, the last"),
    ("Enter", "the sockets of the selected row; then all of one socket"),
    ("Esc", "back; a filter first"),
    ("<, >", "sort by the column before, by the next"),
    ("r", "the other way round"),
    ("/", "show the rows that contain a text; Enter keeps it, Esc drops it"),
    ("Space", "freeze: nothing is refreshed until it is pressed once more"),
    ("?", "these keys"),
    ("q, Ctrl-C", "quit"),
];

/// What is to be done beyond the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    None,
    /// Ask the agent for what the list needs.
    Ask,
    /// Ask it for everything: the freeze is over.
    AskAll,
    /// End.
    Quit,
}

/// Does what a key asks for.
pub(crate) fn press(model: &mut Model, key: KeyEvent) -> Effect {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return if key.code == KeyCode::Char('c') { Effect::Quit } else { Effect::None };
    }
    if model.mode == Mode::Help {
        model.mode = Mode::List;
        return if key.code == KeyCode::Char('q') { Effect::Quit } else { Effect::None };
    }
    if model.mode == Mode::Filter {
        type_into_filter(model, key.code);
        return Effect::None;
    }
    if let Some(selected) = moved(model, key.code) {
        model.select(selected);
        return Effect::None;
    }
    match key.code {
        KeyCode::Char('q') => return Effect::Quit,
        KeyCode::Char('?') => model.mode = Mode::Help,
        KeyCode::Char('/') => model.mode = Mode::Filter,
        KeyCode::Char(' ') => {
            model.frozen = !model.frozen;
            return if model.frozen { Effect::None } else { Effect::AskAll };
        }
        KeyCode::Char('<' | ',') => sort(model, false),
        KeyCode::Char('>' | '.') => sort(model, true),
        KeyCode::Char('r') => {
            let order = &mut model.view_mut().order;
            order.reversed = !order.reversed;
            model.arrange();
        }
        KeyCode::Enter => {
            return if model.enter() { Effect::Ask } else { Effect::None };
        }
        KeyCode::Esc => return back(model),
        KeyCode::Tab => return go_by(model, 1),
        KeyCode::BackTab => return go_by(model, Tab::ALL.len() - 1),
        KeyCode::Char(digit @ '1'..='5') => {
            let place = usize::try_from(u32::from(digit) - u32::from('1')).unwrap_or_default();
            return go(model, place);
        }
        _ => {}
    }
    Effect::None
}

/// Returns the row that a key moves to; `None` if it does not move.
fn moved(model: &Model, key: KeyCode) -> Option<usize> {
    let selected = model.view().selected;
    Some(match key {
        KeyCode::Up | KeyCode::Char('k') => selected.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => selected.saturating_add(1),
        KeyCode::PageUp => selected.saturating_sub(PAGE),
        KeyCode::PageDown => selected.saturating_add(PAGE),
        KeyCode::Home | KeyCode::Char('g') => 0,
        KeyCode::End | KeyCode::Char('G') => usize::MAX,
        _ => return None,
    })
}

fn type_into_filter(model: &mut Model, key: KeyCode) {
    let filter = &mut model.view_mut().filter;
    match key {
        KeyCode::Char(letter) if filter.chars().count() < LONGEST => filter.push(letter),
        KeyCode::Backspace => _ = filter.pop(),
        KeyCode::Enter => model.mode = Mode::List,
        KeyCode::Esc => {
            filter.clear();
            model.mode = Mode::List;
        }
        _ => {}
    }
    model.arrange();
}

fn sort(model: &mut Model, forward: bool) {
    let count = model.shown.table.columns.len();
    if !model.shown.table.sorts || count == 0 {
        return;
    }
    let order = &mut model.view_mut().order;
    let step = if forward { 1 } else { count - 1 };
    (order.column, order.reversed) = ((order.column + step) % count, false);
    model.arrange();
}

fn back(model: &mut Model) -> Effect {
    if !model.view().filter.is_empty() {
        model.view_mut().filter.clear();
        model.arrange();
    } else if model.back() {
        return Effect::Ask;
    }
    Effect::None
}

fn go_by(model: &mut Model, step: usize) -> Effect {
    let place = (model.tab.place() + step) % Tab::ALL.len();
    go(model, place)
}

fn go(model: &mut Model, place: usize) -> Effect {
    if let Some((tab, _)) = Tab::ALL.get(place) {
        model.go_to(*tab);
    }
    Effect::Ask
}
