//! The state machine, whole: every row with every observation against `state_machine.txt`.

use std::collections::HashMap;

use catalogue::labels::{Role, SocketState};

use super::cases::{ENTERED, Kind, Seen, View};
use super::report::Report;
use super::rules::{Case, Line, Lines, Rules};
use crate::conn::nanos::Nanos;
use crate::conn::socket::observe::observe;
use crate::conn::socket::outcome::Stay;
use crate::conn::socket::row::flag;

/// How many kinds of failure are shown; the rest is counted.
const SHOWN: usize = 12;

/// The tables' lines about one observation.
struct About<'a> {
    relation: Lines<'a>,
    opening: Lines<'a>,
    ending: Lines<'a>,
}

/// Failures, the first of each kind in full: of one observation in one state, by the same rules.
#[derive(Default)]
struct Failures {
    kinds: HashMap<(Option<u8>, Kind, String), usize>,
    /// Those that a kernel makes, then those that none does; with how many more there are.
    shown: [Vec<(String, usize)>; 2],
}

impl Failures {
    fn add(&mut self, view: View, seen: &Seen, kernel: bool, why: Failure) {
        let shown = &mut self.shown[usize::from(!kernel)];
        let key = (view.state, seen.kind, why.lines);
        let at = *self.kinds.entry(key).or_insert(shown.len());
        if let Some((_, more)) = shown.get_mut(at) {
            *more += 1;
        } else {
            shown.push((format!("{}, {}: {}", view.text(), seen.text(), why.text), 0));
        }
    }

    fn text(self) -> String {
        let all: Vec<String> = (self.shown.into_iter().flatten())
            .map(|(text, more)| if more > 0 { format!("{text} (+{more} like it)") } else { text })
            .collect();
        let rest = all.len().saturating_sub(SHOWN);
        let shown: Vec<String> = all.into_iter().take(SHOWN).collect();
        let more = if rest > 0 { format!("\n... and {rest} other kinds") } else { String::new() };
        shown.join("\n") + &more
    }
}

/// Why a case fails, and by which lines.
struct Failure {
    text: String,
    lines: String,
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self { text, lines: String::new() }
    }
}

#[test]
fn every_row_and_observation_comes_to_what_the_kernel_means_by_it() {
    let rules = Rules::read().unwrap_or_else(|why| panic!("{why}"));
    let mut failures = Failures::default();
    let views: Vec<View> = View::all().collect();
    for seen in Seen::all() {
        let about = About {
            relation: rules.relation.about(&seen),
            opening: rules.opening.about(&seen),
            ending: rules.ending.about(&seen),
        };
        let fits = |view: &View| view.state.is_some() || !seen.ports.are_others();
        for view in views.iter().copied().filter(fits) {
            let kernel = rules.is_of_kernel(view, &seen);
            let case = Case { view, seen: &seen, kernel, other_socket: false };
            if let Err(why) = hold(&about, &case) {
                failures.add(view, &seen, kernel, why);
            }
        }
    }
    let text = failures.text();
    assert!(text.is_empty(), "\n{text}\n");
    let unused: Vec<String> = rules.unused().collect();
    assert!(unused.is_empty(), "\n{}\n", unused.join("\n"));
}

/// Holds one case against the tables.
fn hold(about: &About<'_>, case: &Case<'_>) -> Result<(), Failure> {
    let mut row = case.view.row(case.seen.ports);
    let got = case.seen.observation().map(|observation| {
        let outcome = observe(&mut row, &observation);
        Report::of(&row, &outcome)
    });
    let relation = about.relation.find(case)?;
    let mut lines = vec![relation.number];
    let expected = expect(about, case, relation, &mut lines)?;
    if expected == got {
        return Ok(());
    }
    let all = |report: &Report<'_>| report.first().join(", ");
    let text = match (expected, got) {
        (Some(expected), Some(got)) => expected.against(&got),
        (expected, got) => format!(
            "expected {}; got {}",
            expected.as_ref().map_or("ignored".to_owned(), all),
            got.as_ref().map_or("ignored".to_owned(), all)
        ),
    };
    let lines = lines.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    Err(Failure { text: format!("{text} (state_machine.txt:{lines})"), lines })
}

/// What the tables expect of a case, and the lines of the openings and endings that say so; no
/// report where the observation is to be ignored.
fn expect<'a>(
    about: &About<'a>,
    case: &Case<'a>,
    line: &'a Line,
    lines: &mut Vec<usize>,
) -> Result<Option<Report<'a>>, String> {
    let (view, seen) = (case.view, case.seen);
    let (relation, side) = line.expected.split_once(' ').unwrap_or((&line.expected, ""));
    let (moves, correction) = match relation {
        "ignored" => return Ok(None),
        "birth" | "in_order" => (true, "no"),
        "unseen" => (true, "missed_open"),
        "skipped" => (true, "wrong_state"),
        "confirmed" | "outdated" => (false, "no"),
        "other_socket" => (false, "missed_close"),
        _ => return Err(format!("{relation} is no relation")),
    };
    let named = Role::ALL.iter().find(|role| role.as_str() == side).copied();
    let mut now = View { role: named.unwrap_or(view.role), ..view };
    now.flags |= if relation == "unseen" { flag::BORN_BEFORE } else { 0 };
    let opening = (moves || relation == "confirmed")
        .then(|| about.opening.find(&Case { view: now, ..*case }))
        .transpose()?;
    let code = if moves { Some(seen.state()) } else { view.state };
    let state = code.and_then(SocketState::from_code).ok_or("no row is in this state")?;
    let opens = opening.is_some_and(|line| line.expected != "nothing");
    now.flags |= if opens { flag::CONNECTED } else { 0 };
    now.flags |= if moves { fins(state) } else { 0 };
    let other_socket = relation == "other_socket";
    let ending = (other_socket || (moves && seen.closes()))
        .then(|| about.ending.find(&Case { view: now, other_socket, ..*case }))
        .transpose()?;
    lines.extend(opening.iter().chain(&ending).map(|line| line.number));
    let ending = ending.map_or("alive", |line| &line.expected);
    let report = Report {
        relation,
        state,
        correction,
        opening: opening.map_or("nothing", |line| &line.expected),
        ending: ending.split_once(' ').unwrap_or((ending, "")),
        side: now.role,
        flags: now.flags,
        entered: Nanos::new(ENTERED),
        stay: None,
        lasted: None,
    };
    Ok(Some(with_times(report, case, moves)))
}

/// Adds what follows for the times of a row, whatever its state.
fn with_times<'a>(report: Report<'a>, case: &Case<'_>, moves: bool) -> Report<'a> {
    let (view, seen) = (case.view, case.seen);
    let (seen_at, entered) = (Nanos::new(seen.time()), Nanos::new(ENTERED));
    let row = view.row(seen.ports);
    let enters = moves && !seen.closes();
    let bound = match seen.kind {
        Kind::Record { .. } if enters => 0,
        Kind::Listed { .. } if enters => flag::ENTERED_BEFORE,
        _ => report.flags & flag::ENTERED_BEFORE,
    };
    let stayed = report.relation == "in_order" && !row.has(flag::ENTERED_BEFORE);
    let since = |moment: Nanos| seen_at.saturating_sub(moment);
    Report {
        flags: report.flags & !flag::ENTERED_BEFORE | bound,
        entered: if enters || view.state.is_none() { seen_at } else { entered },
        stay: stayed.then(|| Stay { role: view.role, state: row.state, lasted: since(entered) }),
        lasted: row.opened().filter(|_| moves && seen.closes()).map(since),
        ..report
    }
}

/// The FINs that a state shows.
fn fins(state: SocketState) -> u8 {
    match state {
        SocketState::FinWait1 | SocketState::FinWait2 => flag::FIN_LOCAL,
        SocketState::CloseWait | SocketState::LastAck => flag::FIN_REMOTE,
        SocketState::Closing => flag::FIN_LOCAL | flag::FIN_REMOTE,
        _ => 0,
    }
}
