//! Who could use connections again, for the board [`services`](super).

use catalogue::metrics::lifecycle::{CONNECTION_DURATION, CONNECTIONS_OPENED};

use super::{BY, SCOPE};
use crate::alerts::tcp_connection_churn::{CHURN_RATE, CHURN_RATIO, CHURN_SECONDS};
use crate::boards::Shown;
use crate::boards::draft::Draft;
use crate::boards::promql::{sum, top, where_in};
use crate::boards::shared;
use crate::grafana::looks::Thresholds;
use crate::grafana::unit::Unit;

pub(super) fn short_lived() -> Vec<Draft> {
    let opened = sum(BY, &SCOPE.rate(&CONNECTIONS_OPENED, r#"role="client""#));
    let busiest = top(&opened);
    // A process whose connections all last has no share, and NaN in a cell would look like a fault.
    let short = format!(
        "({} / {}) >= 0",
        sum(
            BY,
            &SCOPE
                .buckets(&CONNECTION_DURATION, &format!(r#"role="client", le="{CHURN_SECONDS}""#))
        ),
        sum(BY, &SCOPE.count(&CONNECTION_DURATION, r#"role="client""#))
    );
    let mut columns = shared::who();
    columns.push(shared::column("port", "To port"));
    columns.push(shared::judged(
        "Value #A",
        "Connects/s",
        Unit::Count,
        &Thresholds::warning(CHURN_RATE),
    ));
    columns.push(shared::judged(
        "Value #B",
        "Short-lived",
        Unit::Share,
        &Thresholds::warning(CHURN_RATIO),
    ));
    vec![
        Draft::table(31, "Who could use connections again", "Connects/s")
            .about(
                "The processes that connect most, by port of the peer, and the share of their \
                 connections that lived no longer than half a second.",
                "Many connects, nearly all short: one handshake for each request, and a TIME_WAIT \
                 that holds a local port for a minute.",
                &[],
                "Turn on keep-alive or a pool in that client; a proxy towards many clients may be \
                 right as it is.",
            )
            .size(24, 7)
            .no_value("none")
            .columns(columns, &["Time"])
            .ask(busiest.clone(), "", Shown::In("no-pool"))
            .ask(where_in(&short, BY, &busiest), "", Shown::In("no-pool")),
    ]
}

pub(super) fn churn() -> Vec<Draft> {
    vec![
        Draft::graph(32, "Connects a second", Unit::Connections)
            .about(
                "Connections that clients opened, by process and port of the peer.",
                "Above the line with short lives beside.",
                &["TcpConnectionChurn"],
                "See the table above.",
            )
            .named()
            .limits(Thresholds::warning(CHURN_RATE))
            .link(shared::to_leaks())
            .ask(
                top(&sum(BY, &SCOPE.rate(&CONNECTIONS_OPENED, r#"role="client""#))),
                "{{process}} to :{{port}} {{instance}}",
                Shown::In("no-pool"),
            ),
        Draft::heatmap(33, "How long connections live", Unit::Seconds)
            .about(
                "Time from ESTABLISHED to the end, by bucket.",
                "All of it below a second: nothing is used again.",
                &["TcpConnectionChurn"],
                "Choose the process and port above to see whose.",
            )
            .no_value("none ended")
            .ask(
                sum("le", &SCOPE.buckets(&CONNECTION_DURATION, "")),
                "{{le}}",
                Shown::In("no-pool"),
            ),
    ]
}
