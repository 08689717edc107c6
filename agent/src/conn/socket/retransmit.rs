//! What was retransmitted and why, told from three small numbers of the socket.
//!
//! Used by the connection table to count and by `events` to print, so that both agree.

use agent_common::tcp;
use catalogue::labels::{Phase, RetransmitKind};

/// `TCP_CA_Recovery`: fast retransmit is at work.
const CA_RECOVERY: u8 = 3;
/// `TCP_CA_Loss`: the retransmission timer fired.
const CA_LOSS: u8 = 4;
/// `ICSK_TIME_LOSS_PROBE`: the timer in force is a tail loss probe.
const PENDING_LOSS_PROBE: u8 = 5;

/// Returns phase and kind of a retransmission, from the socket's state, its congestion state
/// (`icsk_ca_state`) and its pending timer (`icsk_pending`).
///
/// The congestion state comes first, because a fast retransmit happens under any pending timer
/// (seen on 6.18 with a pending loss probe).
#[must_use]
pub const fn phase_and_kind(state: u8, ca_state: u8, pending: u8) -> (Phase, RetransmitKind) {
    let phase = match state {
        // In SYN_RECV only a simultaneous open retransmits through this path; the SYN-ACKs of a
        // listener have their own tracepoint.
        tcp::SYN_SENT | tcp::SYN_RECV => return (Phase::Syn, RetransmitKind::Timeout),
        tcp::FIN_WAIT1 | tcp::FIN_WAIT2 | tcp::CLOSING | tcp::LAST_ACK => Phase::Closing,
        _ => Phase::Established,
    };
    let kind = match (ca_state, pending) {
        (CA_RECOVERY, _) => RetransmitKind::Fast,
        (CA_LOSS, _) => RetransmitKind::Timeout,
        (_, PENDING_LOSS_PROBE) => RetransmitKind::Probe,
        _ => RetransmitKind::Other,
    };
    (phase, kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_observed_on_a_live_kernel_is_told_apart() {
        assert_eq!(
            phase_and_kind(tcp::SYN_SENT, CA_LOSS, 0),
            (Phase::Syn, RetransmitKind::Timeout)
        );
        assert_eq!(
            phase_and_kind(tcp::ESTABLISHED, 0, 5),
            (Phase::Established, RetransmitKind::Probe)
        );
        assert_eq!(
            phase_and_kind(tcp::ESTABLISHED, 1, 5),
            (Phase::Established, RetransmitKind::Probe)
        );
        assert_eq!(
            phase_and_kind(tcp::ESTABLISHED, CA_LOSS, 0),
            (Phase::Established, RetransmitKind::Timeout)
        );
        assert_eq!(
            phase_and_kind(tcp::CLOSE_WAIT, CA_LOSS, 1),
            (Phase::Established, RetransmitKind::Timeout)
        );
        assert_eq!(
            phase_and_kind(tcp::FIN_WAIT1, CA_RECOVERY, 1),
            (Phase::Closing, RetransmitKind::Fast)
        );
        assert_eq!(
            phase_and_kind(tcp::LAST_ACK, CA_LOSS, 0),
            (Phase::Closing, RetransmitKind::Timeout)
        );
        assert_eq!(
            phase_and_kind(tcp::ESTABLISHED, 0, 0),
            (Phase::Established, RetransmitKind::Other)
        );
    }

    #[test]
    fn a_fast_retransmit_is_fast_whatever_timer_is_pending() {
        for pending in [1, 5, 6] {
            assert_eq!(
                phase_and_kind(tcp::ESTABLISHED, CA_RECOVERY, pending).1,
                RetransmitKind::Fast
            );
        }
    }
}
