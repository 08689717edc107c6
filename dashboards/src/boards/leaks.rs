//! Leaks: which process, how many sockets, how old, at which stage, growing how fast, since when?

mod details;
mod quiet;

use catalogue::metrics::connections::{CONNECTIONS, CONNECTIONS_STUCK, OLDEST_STATE_AGE};
use catalogue::metrics::lifecycle::{CONNECTIONS_CLOSED, CONNECTIONS_OPENED};
use catalogue::metrics::pressure::{CLOSE_WAIT, MAX_FDS, OPEN_FDS};

use super::draft::Draft;
use super::promql::{Scope, grown, growth, max, sum, top, where_in};
use super::shared::{self, LEAKS};
use super::{Open, Plan, Section, Shown};
use crate::alerts::tcp_close_wait_growing::LEAK_GROWTH;
use crate::grafana::looks::Thresholds;
use crate::grafana::unit::Unit;
use crate::threshold::{STUCK_CONNECTIONS, USED_RATIO_CRITICAL, USED_RATIO_WARNING};
use crate::timing::{GROWTH, STUCK_AGE};

const SCOPE: Scope = Scope(&["workload", "process"]);

pub(super) fn plan() -> Plan {
    Plan {
        uid: LEAKS,
        title: "Leaks",
        description: "Who does not close: which process, how many sockets, how old, at which \
                      stage, growing how fast, since when.",
        variables: vec![shared::workload(), shared::process()],
        sections: vec![
            Section {
                id: 1,
                title: "Who, and at which stage",
                open: Open::Yes,
                panels: [suspects(), stages()].concat(),
            },
            Section {
                id: 2,
                title: "How many, how old, how fast",
                open: Open::Yes,
                panels: [ages(), growths()].concat(),
            },
            Section {
                id: 3,
                title: "Since when, and what it costs",
                open: Open::Yes,
                panels: cost(),
            },
            Section {
                id: 5,
                title: "Idle, not acknowledged, not accepted",
                open: Open::Yes,
                panels: [quiet::idle(), quiet::unanswered()].concat(),
            },
            Section {
                id: 4,
                title: "Time in state, sockets without a process, long names",
                open: Open::OnClick,
                panels: [details::times_in_state(), details::holders_and_names()].concat(),
            },
        ],
    }
}

/// The growth from which the alert counts, in sockets a minute.
fn growing() -> Thresholds {
    Thresholds::warning(LEAK_GROWTH * 60.0 / GROWTH.as_secs_f64())
}

fn suspects() -> Vec<Draft> {
    let by = "instance, workload, process, role, state";
    let states = grown(&shared::passing_states());
    let suspects = top(&sum(by, &SCOPE.of(&CONNECTIONS, &states)));
    let oldest = max(by, &SCOPE.of(&OLDEST_STATE_AGE, ""));
    let per_minute = sum(by, &growth(&SCOPE.of(&CONNECTIONS, &states)));
    // An age that nobody has reached has no series.
    let old = format!(
        "({}) or 0 * ({suspects})",
        sum(by, &SCOPE.of(&CONNECTIONS_STUCK, &format!(r#"min_age="{}""#, STUCK_AGE.as_secs())))
    );
    let mut columns = shared::who_waits();
    columns.push(shared::judged("Value #C", "Growth/min", Unit::Count, &growing()));
    columns.push(shared::number("Value #D", "Over 5 min", Unit::Digits));
    vec![
        Draft::table(11, "Suspects", "Sockets")
            .about(
                "Processes by sockets in transient states: how many, the age of the oldest, how \
                 many more each minute, and how many have been so for more than five minutes.",
                "Many, old, and growing. A few young ones are traffic.",
                &["TcpCloseWaitStuck", "TcpCloseWaitGrowing", "TcpFinWait2Stuck"],
                "`tcpwarden leaks` on the host gives the sentence; `tcpwarden connections --state \
                 close_wait --sort age` the sockets with peer and descriptor.",
            )
            .no_value("none")
            .columns(columns, &["Time"])
            .ask(suspects.clone(), "", Shown::In("half-close"))
            .ask(where_in(&oldest, by, &suspects), "", Shown::In("half-close"))
            .ask(where_in(&per_minute, by, &suspects), "", Shown::In("fd-leak"))
            .ask(where_in(&old, by, &suspects), "", Shown::ValuesIn("half-close")),
    ]
}

fn stages() -> Vec<Draft> {
    let by = "instance, workload, process, role, stage";
    let mut columns = shared::who();
    columns.push(shared::column("role", "Side"));
    columns.push(shared::column("stage", "Stage"));
    columns.push(shared::judged(
        "Value",
        "Sockets",
        Unit::Digits,
        &Thresholds::warning(STUCK_CONNECTIONS),
    ));
    vec![
        Draft::table(12, "CLOSE_WAIT by stage", "Sockets")
            .about(
                "How far the application came with connections that the peer has closed. \
                 unaccepted: the listener is stuck. unread: the reader is stuck. read: it saw the \
                 end and forgot to close.",
                "read that grows is a missing close(); unaccepted is a server that hangs.",
                &["TcpCloseWaitStuck", "TcpCloseWaitUnaccepted"],
                "read: find the path that returns without close. unread: take a stack of the \
                 reader. unaccepted: see Services, accept queue.",
            )
            .size(15, 8)
            .no_value("none")
            .columns(columns, &["Time"])
            .ask(top(&sum(by, &SCOPE.of(&CLOSE_WAIT, &grown("")))), "", Shown::In("fd-leak")),
        Draft::graph(13, "CLOSE_WAIT by stage, over time", Unit::Count)
            .about(
                "Connections that wait for this side's close, by how far the application came.",
                "A band that only grows.",
                &["TcpCloseWaitGrowing", "TcpCloseWaitUnaccepted"],
                "The stage says where to look: see the table beside.",
            )
            .size(9, 8)
            .stacked()
            .colored(&["read", "unread", "unaccepted"])
            .ask(sum("stage", &SCOPE.of(&CLOSE_WAIT, "")), "{{stage}}", Shown::In("fd-leak")),
    ]
}

fn ages() -> Vec<Draft> {
    let states = shared::passing_states();
    let passing = Draft::graph(21, "Sockets in transient states", Unit::Count)
        .about(
            "Sockets in transient states, which a healthy program leaves within moments.",
            "CLOSE_WAIT: this side does not close. FIN_WAIT2: the peer does not. SYN_SENT: no \
             answer comes.",
            &["TcpCloseWaitStuck", "TcpFinWait2Stuck"],
            "Choose the process above to see its share.",
        )
        .ask(sum("state", &SCOPE.of(&CONNECTIONS, &states)), "{{state}}", Shown::In("half-close"));
    vec![
        shared::state_colors().into_iter().fold(passing, Draft::with),
        Draft::graph(22, "Age of the oldest", Unit::Seconds)
            .about(
                "For how long the oldest socket of a process has been in its state.",
                "A line that rises with the clock: it will never be closed. Where it begins, the \
                 leak began.",
                &[],
                "Compare the beginning with deployments.",
            )
            .named()
            .limits(Thresholds::warning(STUCK_AGE.as_secs_f64()))
            .link(shared::to_leaks())
            .ask(
                top(&max("workload, process, state", &SCOPE.of(&OLDEST_STATE_AGE, ""))),
                "{{process}} ({{workload}}) {{state}}",
                Shown::In("half-close"),
            ),
    ]
}

fn growths() -> Vec<Draft> {
    let states = grown(&shared::passing_states());
    vec![
        Draft::graph(23, "CLOSE_WAIT by process", Unit::Count)
            .about(
                "The processes with the most connections in CLOSE_WAIT; the line is where the \
                 alert begins to count.",
                "A line that only grows.",
                &["TcpCloseWaitStuck", "TcpCloseWaitGrowing"],
                "Click the series for this process alone.",
            )
            .named()
            .limits(Thresholds::warning(STUCK_CONNECTIONS))
            .link(shared::to_leaks())
            .ask(
                top(&sum(
                    "instance, workload, process, role",
                    &SCOPE.of(&CONNECTIONS, &grown(r#"state="close_wait""#)),
                )),
                "{{process}} ({{workload}}) {{role}} {{instance}}",
                Shown::In("fd-leak"),
            ),
        Draft::graph(24, "Growth a minute", Unit::Count)
            .about(
                "By how many sockets in such states a process grows each minute; below zero it \
                 shrinks.",
                "Above zero all the time.",
                &[],
                "Descriptors left, divided by this, is the time until the process fails.",
            )
            .named()
            .signed()
            .limits(growing())
            .link(shared::to_leaks())
            .ask(
                format!(
                    "topk(10, {} != 0)",
                    sum(
                        "instance, workload, process, role, state",
                        &growth(&SCOPE.of(&CONNECTIONS, &states))
                    )
                ),
                "{{process}} ({{workload}}) {{role}} {{state}} {{instance}}",
                Shown::In("fd-leak"),
            ),
    ]
}

fn cost() -> Vec<Draft> {
    let by = "workload, process";
    let kept = format!(
        "{} - {}",
        sum(by, &SCOPE.rate(&CONNECTIONS_OPENED, &grown(""))),
        sum(by, &SCOPE.rate(&CONNECTIONS_CLOSED, &grown("")))
    );
    let used = format!("{} / {}", SCOPE.of(&OPEN_FDS, ""), SCOPE.of(&MAX_FDS, ""));
    vec![
        Draft::graph(31, "Opened less closed", Unit::Connections)
            .about(
                "Connections that a process opened and did not end; a pool that warms up is above \
                 zero for a while.",
                "Above zero all the time under steady traffic.",
                &["TcpCloseWaitGrowing"],
                "If no state above grows with it, the connections stay ESTABLISHED: idle ones that \
                 nobody reaps. `tcpwarden leaks` names them.",
            )
            .size(8, 8)
            .named()
            .signed()
            .link(shared::to_leaks())
            .ask(
                format!("topk(10, {kept} != 0)"),
                "{{process}} ({{workload}})",
                Shown::In("fd-leak"),
            ),
        Draft::graph(32, "Descriptors used", Unit::Share)
            .about(
                "Open descriptors by limit, of the process of each name that is nearest to it.",
                "A line towards 100 %: then accept, connect and open fail with EMFILE.",
                &["TcpDescriptorsNearLimit"],
                "A restart buys time; the leak is in the panels above.",
            )
            .size(8, 8)
            .named()
            .up_to(1.0)
            .limits(Thresholds::both(USED_RATIO_WARNING, USED_RATIO_CRITICAL))
            .link(shared::to_leaks())
            .ask(top(&max(by, &used)), "{{process}} ({{workload}})", Shown::Always),
        Draft::graph(33, "Stuck by age", Unit::Count)
            .about(
                "Sockets that have been in such a state for longer than a minute, five minutes, an \
                 hour; each line counts the older ones too.",
                "The line of an hour above zero: no timeout will end them.",
                &["TcpCloseWaitStuck", "TcpFinWait2Stuck"],
                "`tcpwarden connections --state close_wait --sort age` lists them.",
            )
            .size(8, 8)
            .ask(
                sum("min_age", &SCOPE.of(&CONNECTIONS_STUCK, "")),
                "over {{min_age}} s",
                Shown::In("half-close"),
            ),
    ]
}
