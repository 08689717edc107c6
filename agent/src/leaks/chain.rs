//! Chains of processes on one machine: what a process holds because another holds it.
//!
//! Called once the candidates are found, before they are ranked. A half-closed connection whose
//! other end is in CLOSE_WAIT waits for that end. A proxy opens a connection for each one that it
//! is given, so its own grow because its client's do. Guarantees: what is in no chain keeps its
//! place, and what goes round in a circle follows from nobody.

use catalogue::labels::{Role, SocketState};

use super::kind::Kind;
use super::suspect::Candidate;

/// What grows at a process follows from its client if it is at most so many times as many.
const AS_MANY: u64 = 2;

/// State and process at the other end of a connection; `None` unless it is on this host.
type End = Option<(SocketState, Option<u32>)>;

/// Marks what follows from another process of this host. `peers` returns the other end of each
/// of a candidate's shown connections.
pub(super) fn mark<'a>(accused: &mut [Candidate<'a>], peers: impl Fn(&Candidate<'a>) -> Vec<End>) {
    let ends: Vec<_> = accused.iter().map(peers).collect();
    for (one, ends) in accused.iter_mut().zip(&ends) {
        let other = ends.first().copied().flatten().map(|(state, _)| state);
        let waits = one.kind() == Kind::HalfClosed && other == Some(SocketState::CloseWait);
        one.follows = u32::from(waits);
    }
    let causes = causes(accused, &ends);
    for place in 0..accused.len() {
        let Some(steps) = steps(&causes, place) else { continue };
        if let Some(cause) = steps.first() {
            accused[place].cause = accused[*cause].owner();
            accused[place].follows = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        }
        // A cause comes before what it drives to a limit.
        if accused[place].grows_to_limit() {
            for cause in steps {
                accused[cause].exhausts = true;
            }
        }
    }
}

/// Returns of each candidate the place of the one from which it follows: of several the one with
/// the most connections.
fn causes(accused: &[Candidate<'_>], ends: &[Vec<End>]) -> Vec<Option<usize>> {
    // The process to which all shown connections of a growing client lead.
    let towards: Vec<Option<u32>> = accused
        .iter()
        .zip(ends)
        .map(|(one, ends)| {
            let first = ends.first().copied().flatten()?.1?;
            let all = ends.iter().all(|end| end.is_some_and(|(_, pid)| pid == Some(first)));
            (grows(one) && one.owner().is_some() && all).then_some(first)
        })
        .collect();
    let of = |one: &Candidate<'_>| {
        let pid = one.first_pid().filter(|_| grows(one))?;
        let leads_here = |place: &usize| {
            towards[*place] == Some(pid)
                && accused[*place].first_pid() != Some(pid)
                && one.connections() <= AS_MANY.saturating_mul(accused[*place].with_first_peer())
        };
        (0..accused.len()).filter(leads_here).max_by_key(|place| accused[*place].connections())
    };
    accused.iter().map(of).collect()
}

/// Whether it is a client whose connections grow: of a server they are the client's doing.
fn grows(one: &Candidate<'_>) -> bool {
    one.kind() == Kind::EstablishedGrowing && one.role() == Role::Client
}

/// Returns the places of the causes, the nearest first; `None` where they go round in a circle.
fn steps(causes: &[Option<usize>], from: usize) -> Option<Vec<usize>> {
    let mut steps = Vec::new();
    let mut at = from;
    while let Some(cause) = causes[at] {
        if cause == from || steps.contains(&cause) {
            return None;
        }
        steps.push(cause);
        at = cause;
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{growing, verdict_on};
    use super::*;

    /// Ranks processes with so many growing connections, each towards another process. Returns
    /// which follows from which.
    fn ranked(chain: &[(u32, Role, u64, u32)], runs_out: u32) -> Vec<(u32, Option<u32>)> {
        let groups: Vec<_> =
            chain.iter().map(|(pid, role, count, _)| growing(*pid, *role, *count)).collect();
        let mut all: Vec<_> =
            groups.iter().map(|of| verdict_on(of, Kind::EstablishedGrowing, true)).collect();
        for one in &mut all {
            one.runs_out = one.first_pid() == Some(runs_out);
        }
        mark(&mut all, |one| {
            let peer = chain.iter().find(|(pid, ..)| one.first_pid() == Some(*pid));
            vec![peer.map(|(.., peer)| (SocketState::Established, Some(*peer)))]
        });
        all.sort_by(Candidate::rank);
        let told = |one: &Candidate<'_>| (one.first_pid().unwrap(), one.cause.map(|(_, pid)| pid));
        all.iter().map(told).collect()
    }

    const C: Role = Role::Client;

    #[test]
    fn a_proxy_follows_from_its_client_unless_most_of_what_grows_is_its_own() {
        assert_eq!(ranked(&[(2, C, 90, 3), (1, C, 50, 2)], 0), [(1, None), (2, Some(1))]);
        assert_eq!(ranked(&[(2, C, 101, 3), (1, C, 50, 2)], 0), [(2, None), (1, None)]);
        assert_eq!(ranked(&[(1, C, 50, 1)], 0), [(1, None)], "its own peer is no chain");
        let two = [(2, C, 90, 9), (1, C, 50, 2), (3, C, 60, 2)];
        assert_eq!(ranked(&two, 0), [(3, None), (1, None), (2, Some(3))], "the larger is named");
    }

    #[test]
    fn causes_come_in_their_order_and_before_what_they_drive_to_a_limit() {
        let chain = [(4, C, 700, 9), (3, C, 52, 9), (2, C, 51, 3), (1, C, 50, 2)];
        let ordered = [(1, None), (2, Some(1)), (3, Some(2))];
        assert_eq!(ranked(&chain, 3), [&ordered[..], &[(4, None)]].concat());
        assert_eq!(ranked(&chain, 0), [&[(4, None)], &ordered[..]].concat().as_slice());
    }

    #[test]
    fn a_server_is_no_cause_and_what_goes_round_follows_from_nobody() {
        let server = [(1, C, 50, 2), (2, Role::Server, 50, 1)];
        assert!(ranked(&server, 0).iter().all(|(_, cause)| cause.is_none()));
        let circle = [(1, C, 50, 2), (2, C, 50, 1)];
        assert_eq!(ranked(&circle, 0), [(1, None), (2, None)]);
    }

    #[test]
    fn what_leads_to_several_processes_is_no_cause() {
        let groups = [growing(1, C, 50), growing(2, C, 50)];
        let mut all = groups.each_ref().map(|of| verdict_on(of, Kind::EstablishedGrowing, true));
        let end = |pid| Some((SocketState::Established, Some(pid)));
        for others in [vec![end(2), end(3)], vec![end(2), None], vec![None]] {
            mark(&mut all, |one| if one.first_pid() == Some(1) { others.clone() } else { vec![] });
            assert!(all.iter().all(|one| one.cause.is_none() && one.follows == 0), "{others:?}");
        }
    }
}
