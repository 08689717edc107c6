//! Capacity: how much is left of ports, descriptors, queues and memory, and which setting says so.

mod ports;
mod time_left;

use catalogue::metrics::connections::{
    FIN_WAIT2_ORPHAN_SOCKETS, SYN_RECV_SOCKETS, TIME_WAIT_SOCKETS,
};
use catalogue::metrics::pressure::{
    EPHEMERAL_PORTS_USED, LISTEN_BACKLOG_LIMIT, LISTEN_SOCKETS, MAX_FDS, OPEN_FDS, ORPHANS,
    PROCESS_SOCKETS, SYSCTL, TCP_MEMORY,
};

use super::draft::Draft;
use super::promql::{Scope, max, top, where_in};
use super::shared::{self, ALL, CAPACITY};
use super::{Open, Plan, Section, Shown};
use crate::grafana::looks::Thresholds;
use crate::grafana::overrides::Override;
use crate::grafana::unit::Unit;
use crate::grafana::variable::Variable;
use crate::threshold::{USED_RATIO_CRITICAL, USED_RATIO_WARNING};

const SCOPE: Scope = Scope(&["netns", "workload", "process"]);

pub(super) fn plan() -> Plan {
    let names = shared::values(ALL, &EPHEMERAL_PORTS_USED, "netns");
    Plan {
        uid: CAPACITY,
        title: "Capacity",
        description: "How much is left of local ports, descriptors, accept queues and TCP memory, \
                      beside the setting that limits it.",
        variables: vec![
            Variable::label(
                "netns",
                "Network namespace",
                "host is the agent's own, the others by inode.",
                names,
            ),
            shared::workload(),
            shared::process(),
        ],
        sections: vec![
            Section { id: 1, title: "Now", open: Open::Yes, panels: now() },
            Section {
                id: 2,
                title: "Local ports",
                open: Open::Yes,
                panels: [ports::port_use(), ports::port_shortage()].concat(),
            },
            Section { id: 3, title: "Descriptors", open: Open::Yes, panels: descriptors() },
            Section { id: 4, title: "Memory and settings", open: Open::Yes, panels: memory() },
            Section {
                id: 5,
                title: "Time left, orphans, half-open connections, queues",
                open: Open::OnClick,
                panels: [time_left::panels(), more()].concat(),
            },
        ],
    }
}

fn used() -> Thresholds {
    Thresholds::both(USED_RATIO_WARNING, USED_RATIO_CRITICAL)
}

/// A setting of the kernel, by host.
fn setting(name: &str) -> String {
    max("instance", &ALL.of(&SYSCTL, &format!(r#"name="{name}""#)))
}

fn descriptors_used() -> String {
    format!("{} / {}", SCOPE.of(&OPEN_FDS, ""), SCOPE.of(&MAX_FDS, ""))
}

fn now() -> Vec<Draft> {
    let memory = format!(
        "{} / {}",
        max("instance", &shared::tcp_memory("used")),
        max("instance", &shared::tcp_memory("limit"))
    );
    let waiting = format!(
        "{} / {}",
        max("instance", &SCOPE.of(&TIME_WAIT_SOCKETS, "")),
        setting("tcp_max_tw_buckets")
    );
    vec![
        Draft::stat(11, "Local ports used", Unit::Share)
            .about(
                "Local ports that connections to the busiest destination have taken, in the \
                 fullest network namespace.",
                "At 100 % connects to it fail with EADDRNOTAVAIL.",
                &["TcpEphemeralPortsNearExhaustion"],
                "`tcpwarden ports` names the destination and who connects to it.",
            )
            .size(6, 4)
            .limits(used())
            .ask(max("", &SCOPE.of(&EPHEMERAL_PORTS_USED, "")), "", Shown::In("time-wait-bomb")),
        Draft::stat(12, "Descriptors used", Unit::Share)
            .about(
                "Open descriptors of the process that is nearest to its limit.",
                "At 100 % accept, connect and open fail with EMFILE.",
                &["TcpDescriptorsNearLimit"],
                "The table below names it; Leaks tells whether sockets are the reason.",
            )
            .size(6, 4)
            .limits(used())
            .ask(max("", &descriptors_used()), "", Shown::Always),
        Draft::stat(13, "TCP memory used", Unit::Share)
            .about(
                "Memory in TCP's buffers by the kernel's limit (tcp_mem), of the fullest host.",
                "Near 100 %: the kernel shrinks windows, then drops connections.",
                &["TcpMemoryNearLimit"],
                "Network quality names who does not read.",
            )
            .size(6, 4)
            .limits(used())
            .ask(max("", &memory), "", Shown::In("slow-reader")),
        Draft::stat(14, "TIME_WAIT used", Unit::Share)
            .about(
                "Sockets in TIME_WAIT in the fullest network namespace by tcp_max_tw_buckets.",
                "At 100 % the kernel ends TIME_WAIT early: late segments can hit a new connection.",
                &["TcpEphemeralPortsNearExhaustion"],
                "Use connections again: see Services, pooling.",
            )
            .size(6, 4)
            .limits(used())
            .ask(max("", &waiting), "", Shown::In("time-wait-bomb")),
    ]
}

fn descriptors() -> Vec<Draft> {
    let by = "instance, workload, process";
    let nearest = top(&max(by, &descriptors_used()));
    let of = |metric| where_in(&max(by, &SCOPE.of(metric, "")), by, &nearest);
    let mut columns = shared::who();
    columns.push(shared::judged("Value #A", "Used", Unit::Share, &used()));
    columns.push(shared::number("Value #B", "Open", Unit::Digits));
    columns.push(shared::number("Value #C", "Limit", Unit::Digits));
    columns.push(shared::number("Value #D", "TCP sockets", Unit::Digits));
    vec![
        Draft::table(31, "Processes by use of their descriptors", "Used")
            .about(
                "The processes that own TCP sockets and are nearest to their limit of descriptors; \
                 of several of a name, the nearest.",
                "Near 100 %. Sockets nearly as many as descriptors: sockets are what leaks.",
                &[],
                "Click the process: Leaks tells which sockets. A higher LimitNOFILE only buys \
                 time.",
            )
            .size(17, 8)
            .columns(columns, &["Time"])
            .ask(nearest.clone(), "", Shown::Always)
            .ask(of(&OPEN_FDS), "", Shown::Always)
            .ask(of(&MAX_FDS), "", Shown::Always)
            .ask(of(&PROCESS_SOCKETS), "", Shown::Always),
        Draft::graph(32, "Descriptors used", Unit::Share)
            .about(
                "The same over time.",
                "A line towards 100 %.",
                &["TcpDescriptorsNearLimit"],
                "Where it began to rise, the leak began.",
            )
            .size(7, 8)
            .named()
            .up_to(1.0)
            .limits(used())
            .link(shared::to_leaks())
            .ask(nearest.clone(), "{{process}} ({{workload}}) {{instance}}", Shown::Always),
    ]
}

fn memory() -> Vec<Draft> {
    let kinds = |matcher: &str| max("instance, kind", &ALL.of(&TCP_MEMORY, matcher));
    let columns = vec![
        shared::column("instance", "Instance"),
        shared::column("name", "Setting"),
        shared::number("Value", "Value", Unit::Digits),
    ];
    vec![
        Draft::graph(41, "TCP memory and its limits", Unit::Bytes)
            .about(
                "Memory in TCP's buffers, and the thresholds of tcp_mem: from pressure on the \
                 kernel shrinks buffers, above limit it drops. On a logarithmic scale.",
                "used above pressure.",
                &[],
                "Network quality names who does not read; those queues are this memory.",
            )
            .size(14, 10)
            .logarithmic()
            .with(Override::matching("^(low|pressure|limit) .*").limit_line("text"))
            .ask(kinds(r#"kind="used""#), "{{kind}} {{instance}}", Shown::In("slow-reader"))
            .ask(kinds(r#"kind!="used""#), "{{kind}} {{instance}}", Shown::Always),
        Draft::table(42, "Settings", "Value")
            .about(
                "Settings of the kernel that decide when TCP gives out, in the agent's network \
                 namespace; containers can have others.",
                "A value that somebody lowered.",
                &[
                    "TcpEphemeralPortsNearExhaustion",
                    "TcpListenBacklogNearLimit",
                    "TcpMemoryNearLimit",
                ],
                "Change them with sysctl, after the program that needs it was mended.",
            )
            .size(10, 10)
            .columns(columns, &["Time"])
            .ask(max("instance, name", &ALL.of(&SYSCTL, "")), "", Shown::Always),
    ]
}

fn more() -> Vec<Draft> {
    let backlog =
        format!("{} / {}", SCOPE.of(&LISTEN_BACKLOG_LIMIT, ""), SCOPE.of(&LISTEN_SOCKETS, ""));
    let limit = |pattern| Override::matching(pattern).limit_line("text");
    vec![
        orphans(),
        Draft::graph(52, "Half-open connections and their limit", Unit::Count)
            .about(
                "Handshakes that are not finished, and tcp_max_syn_backlog, which holds for each \
                 listener; on a logarithmic scale.",
                "The two meet: SYN cookies, or drops.",
                &["TcpAcceptQueueOverflowing"],
                "Services, handshakes under way, names the listener.",
            )
            .size(8, 8)
            .logarithmic()
            .with(limit("^tcp_max_syn_backlog .*"))
            .ask(
                max("instance, netns", &SCOPE.of(&SYN_RECV_SOCKETS, "")),
                "{{instance}} {{netns}}",
                Shown::ZeroWhenHealthy,
            )
            .ask(setting("tcp_max_syn_backlog"), "tcp_max_syn_backlog {{instance}}", Shown::Always),
        Draft::graph(53, "Accept queues and somaxconn", Unit::Count)
            .about(
                "The limit of a listener's accept queue, and somaxconn, which caps what a program \
                 asks for; on a logarithmic scale.",
                "A busy service with a limit of 5 or 128.",
                &["TcpListenBacklogNearLimit"],
                "Raise the backlog in the program, then somaxconn.",
            )
            .size(8, 8)
            .logarithmic()
            .with(limit("^somaxconn .*"))
            .ask(
                format!("topk(10, {})", max("workload, process, port", &backlog)),
                "{{process}} :{{port}}",
                Shown::Always,
            )
            .ask(setting("somaxconn"), "somaxconn {{instance}}", Shown::Always),
    ]
}

fn orphans() -> Draft {
    Draft::graph(51, "Orphans and their limit", Unit::Count)
        .about(
            "Sockets that no descriptor refers to, of the machine and in FIN_WAIT2 by \
             namespace, and tcp_max_orphans, on a logarithmic scale. The kernel ends those in \
             FIN_WAIT2 after tcp_fin_timeout.",
            "The two meet: the kernel resets orphans.",
            &["TcpFinWait2Stuck"],
            "Peers do not close: lower tcp_fin_timeout, find the peer.",
        )
        .size(8, 8)
        .logarithmic()
        .with(Override::matching("^tcp_max_orphans .*").limit_line("text"))
        .ask(
            max("instance, netns", &SCOPE.of(&FIN_WAIT2_ORPHAN_SOCKETS, "")),
            "in FIN_WAIT2 {{instance}} {{netns}}",
            Shown::InFault(shared::NEAR_LIMITS),
        )
        .ask(
            max("instance", &ALL.of(&ORPHANS, "")),
            "all {{instance}}",
            Shown::InFault(shared::NEAR_LIMITS),
        )
        .ask(setting("tcp_max_orphans"), "tcp_max_orphans {{instance}}", Shown::Always)
}
