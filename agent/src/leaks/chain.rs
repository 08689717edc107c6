//! Chains of processes on one machine: what a process holds because another holds it.
//!
//! Called once the candidates are found, before they are ranked. A half-closed connection whose
//! other end is in CLOSE_WAIT waits for that end. A proxy opens a connection for each one that it
//! is given, so its own grow because its client's do.

use catalogue::labels::SocketState;

use super::kind::Kind;
use super::suspect::Candidate;

/// What grows at a process follows from its client if it is at most so many times as many.
const AS_MANY: u64 = 2;

/// Marks what follows from another process of this host. `peer` returns state and process at the
/// other end of a candidate's first connection, if that is on this host.
pub(super) fn mark<'a>(
    accused: &mut [Candidate<'a>],
    peer: impl Fn(&Candidate<'a>) -> Option<(SocketState, Option<u32>)>,
) {
    for place in 0..accused.len() {
        let cause = accused[place];
        let Some((state, pid)) = peer(&cause) else { continue };
        match (cause.kind(), pid) {
            (Kind::HalfClosed, _) => accused[place].is_effect = state == SocketState::CloseWait,
            (Kind::EstablishedGrowing, Some(proxy)) if cause.first_pid() != pid => {
                let follows = |other: &&mut Candidate<'_>| {
                    other.kind() == Kind::EstablishedGrowing
                        && other.first_pid() == Some(proxy)
                        && other.connections() <= AS_MANY.saturating_mul(cause.connections())
                };
                let mut exhausts = false;
                for other in accused.iter_mut().filter(follows) {
                    (other.is_effect, other.cause) = (true, Some(cause.owner()));
                    exhausts |= other.grows_to_limit();
                }
                // The cause comes before what it exhausts.
                accused[place].exhausts |= exhausts;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{growing, verdict_on};
    use super::*;

    /// Ranks processes with so many growing connections, each towards another process. Returns
    /// whether each follows, and from which.
    fn ranked(chain: &[(u32, u64, u32)], runs_out: u32) -> Vec<(u32, bool, Option<u32>)> {
        let groups: Vec<_> = chain.iter().map(|(pid, count, _)| growing(*pid, *count)).collect();
        let mut all: Vec<_> =
            groups.iter().map(|of| verdict_on(of, Kind::EstablishedGrowing, true)).collect();
        for one in &mut all {
            one.runs_out = one.first_pid() == Some(runs_out);
        }
        mark(&mut all, |one| {
            let (.., peer) = chain.iter().find(|(pid, ..)| one.first_pid() == Some(*pid))?;
            Some((SocketState::Established, Some(*peer)))
        });
        all.sort_by(Candidate::rank);
        let told = |one: &Candidate<'_>| {
            (one.first_pid().unwrap(), one.is_effect, one.cause.map(|(_, pid)| pid))
        };
        all.iter().map(told).collect()
    }

    #[test]
    fn a_proxy_follows_from_its_client_unless_most_of_what_grows_is_its_own() {
        assert_eq!(ranked(&[(2, 90, 3), (1, 50, 2)], 0), [(1, false, None), (2, true, Some(1))]);
        assert_eq!(ranked(&[(2, 101, 3), (1, 50, 2)], 0), [(2, false, None), (1, false, None)]);
        assert_eq!(ranked(&[(1, 50, 1)], 0), [(1, false, None)], "its own peer is no chain");
    }

    #[test]
    fn a_cause_comes_before_what_it_drives_to_a_limit() {
        let order = ranked(&[(3, 700, 9), (2, 50, 3), (1, 50, 2)], 2);
        assert_eq!(order, [(1, false, None), (2, true, Some(1)), (3, false, None)]);
    }
}
