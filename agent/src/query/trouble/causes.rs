//! Listeners of this machine whose accept queue is full: the kernel drops every SYN to them, which
//! the client cannot tell from a firewall or a host that is down (`tcp_conn_request`, 5.10 to
//! 6.18).

use catalogue::labels::{Role, SocketState};

use crate::conn::trouble::{Trouble, TroubleKind};
use crate::conn::{RowView, States};
use crate::ingest::SharedTable;
use crate::listing::walk;

/// The most listeners with a full queue that are kept.
const MOST: usize = 1024;

/// The listeners whose queue is full now.
pub(super) struct FullQueues(Vec<RowView>);

impl FullQueues {
    /// Walks over the listeners, if a connect among `troubles` may have met one.
    pub(super) fn of(table: &SharedTable, troubles: &[Trouble]) -> Self {
        let mut full = Vec::new();
        if troubles.iter().any(can_be) {
            walk::rows(table, States::NONE.with(SocketState::Listen), |row| {
                // The kernel admits one more than the limit (`sk_acceptq_is_full`).
                let is_full = row.waiting.receive_queue > row.waiting.send_queue;
                if is_full && full.len() < MOST {
                    full.push(row);
                }
            });
        }
        Self(full)
    }

    /// Returns the sentence that names the full queue which a destination leads to.
    pub(super) fn cause(&self, one: &Trouble) -> Option<String> {
        let listener = self.0.iter().find(|listener| can_be(one) && leads_to(one, listener))?;
        let (waiting, limit) = (listener.waiting.receive_queue, listener.waiting.send_queue);
        let pid = listener.pid().map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        Some(format!(
            "the accept queue of process {} (pid {pid}, {}) on this host is full ({waiting} of \
             {limit}), so the kernel drops the SYN: find out why it does not accept",
            listener.process, listener.workload
        ))
    }
}

/// Returns whether a full queue can be the cause: the SYN was not answered, or late.
fn can_be(one: &Trouble) -> bool {
    let is_refused = matches!(one.reason, "refused" | "reset" | "no_local_port");
    let is_connect = match one.kind {
        TroubleKind::Failures => !is_refused,
        TroubleKind::Slow => true,
        TroubleKind::Resets | TroubleKind::Retransmits => false,
    };
    is_connect && one.role == Role::Client
}

fn leads_to(one: &Trouble, listener: &RowView) -> bool {
    let address = listener.local_address.to_canonical();
    let is_here = listener.netns == one.netns;
    // A loopback address of another namespace is another machine's, as it were; a listener on any
    // address is only known to have the peer's address in the client's own namespace.
    let is_address = if address.is_unspecified() {
        is_here
    } else {
        address == one.peer.to_canonical() && (is_here || !address.is_loopback())
    };
    is_address && listener.local_port == one.port
}
