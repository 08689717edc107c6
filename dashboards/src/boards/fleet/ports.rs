//! Destination ports that fail, for the board [`fleet`](super).

use catalogue::labels::ConnectFailure;

use crate::boards::Shown;
use crate::boards::draft::Draft;
use crate::boards::promql::{sum, top_of_fleet, where_in};
use crate::boards::shared::{self, ALL};
use crate::grafana::unit::Unit;

/// Machines that fail to connect, by port and named destination.
pub(super) const FAILING: &str = "tcpwarden:port_destination:failing_instances:count";
/// Machines that connect, likewise.
const CONNECTING: &str = "tcpwarden:port_destination:connecting_instances:count";
/// Failed connects a second, by port, named destination and reason.
const FAILURES: &str = "tcpwarden:port_destination_reason:connect_failures:rate";

/// What a line of the table is about.
const BY: &str = "port, destination";

pub(super) fn panels() -> Vec<Draft> {
    let no_port = ConnectFailure::NoLocalPort.as_str();
    let worst = top_of_fleet(&sum(BY, &ALL.recorded(FAILING, "")));
    let connecting = sum(BY, &ALL.recorded(CONNECTING, ""));
    let failures = sum(BY, &ALL.recorded(FAILURES, &format!(r#"reason!="{no_port}""#)));
    vec![
        Draft::table(31, "Destination ports that fail, by machines", "Failing")
            .about(
                "Destination ports, by destination where agents have a name for it, with the \
                 machines that have a process whose connects fail, the machines that connect, and \
                 the failed connects a second.",
                "One port fails for most machines that use it: what listens there is gone, and \
                 not one of them.",
                &["TcpConnectFailures"],
                "The reasons beside it tell a dead host from a dead process; Services names the \
                 clients.",
            )
            .size(14, 9)
            .no_value("none")
            .columns(
                vec![
                    shared::column("port", "Port"),
                    shared::column("destination", "Destination"),
                    shared::number("Value #A", "Failing", Unit::Digits),
                    shared::number("Value #B", "Connecting", Unit::Digits),
                    shared::number("Value #C", "Failures/s", Unit::Count),
                ],
                &["Time"],
            )
            .ask(worst.clone(), "", Shown::In("refused"))
            .ask(where_in(&connecting, BY, &worst), "", Shown::In("refused"))
            .ask(where_in(&failures, BY, &worst), "", Shown::In("refused")),
        Draft::graph(32, "Connect failures by reason", Unit::Failures)
            .about(
                "Connects that fail on all machines, by reason.",
                "A step. refused: nothing listens. timed_out, canceled: packets vanish.",
                &["TcpConnectFailures"],
                "The table beside it has the port.",
            )
            .size(10, 9)
            .ask(sum("reason", &ALL.recorded(FAILURES, "")), "{{reason}}", Shown::In("refused"))
            .colored(&shared::failures()),
    ]
}
