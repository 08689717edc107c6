//! Renders docs/metrics.md from the catalogue. `cargo xtask dashboards` writes the file; a test of
//! the package `dashboards` fails if the committed file differs.

mod bounds;
mod formats;

use std::fmt::Write as _;

use crate::labels::{
    CloseReason, ConnectFailure, Correction, Phase, RetransmitKind, Role, SocketState, Stage,
};
use crate::metrics::{Metric, SECTIONS};

/// Returns the whole document, its paragraphs not yet filled.
#[must_use]
pub fn render() -> String {
    let mut text = String::from(INTRODUCTION);
    for section in SECTIONS {
        push(&mut text, format_args!("\n## {}\n", section.title));
        for metric in section.metrics {
            describe(&mut text, metric);
        }
    }
    text.push_str(&label_values());
    text.push_str(TRUTHS);
    text.push_str(&bounds::bounds());
    text.push_str(formats::FORMATS);
    text
}

fn describe(text: &mut String, metric: &Metric) {
    let labels = if metric.labels.is_empty() {
        String::from("no labels")
    } else {
        metric.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ")
    };
    let kind = metric.kind.as_str();
    push(
        text,
        format_args!(
            "\n### `{}`\n\n{kind} · {} · {labels}\n\n{}\n\n",
            metric.name, metric.unit, metric.help
        ),
    );
    push(text, format_args!("*In the kernel:* {}\n", metric.note));
}

fn label_values() -> String {
    let list = |values: &mut dyn Iterator<Item = &'static str>| {
        values.map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ")
    };
    let leaking = list(
        &mut SocketState::ALL.iter().filter(|state| state.can_leak()).map(|state| state.as_str()),
    );
    let mut text = String::from("\n## Labels\n\n| label | values |\n|---|---|\n");
    text.push_str(
        "| `process` | command name of the owner; `unknown` where none is known, \
        `~young` until the name is old enough for series, `~other` beyond the budget |\n",
    );
    text.push_str(
        "| `workload` | systemd unit (`nginx.service`), the first twelve digits of a \
        container's id or, with `--workload-label name`, its name without what a rollout changes, \
        `pod-` and eight digits for what runs in a pod outside its containers, \
        `host` for none of these; `unknown` where its cgroup was gone before its path could be \
        read, `~young` and `~other` as in `process` |\n",
    );
    text.push_str(
        "| `port` | the service port: local for servers, remote for clients; `~other` \
        beyond the budget |\n",
    );
    text.push_str(
        "| `destination` | the name that `[destinations]` of the configuration file gives to where \
        a client connects to; what goes to none of them has no such label |\n",
    );
    text.push_str(
        "| `netns` | `host` for the agent's own network namespace, else its inode; \
        `~other` beyond the bound |\n",
    );
    let rows = [
        ("`role`", list(&mut Role::ALL.iter().map(|role| role.as_str()))),
        ("`state`", list(&mut SocketState::ALL.iter().map(|state| state.as_str()))),
        ("`state` of `oldest_state_age` and `stuck`", leaking),
        (
            "`reason` of `connections_closed_total`",
            list(&mut CloseReason::ALL.iter().map(|reason| reason.as_str())),
        ),
        (
            "`reason` of `connect_failures_total`",
            list(&mut ConnectFailure::ALL.iter().map(|reason| reason.as_str())),
        ),
        ("`phase`", list(&mut Phase::ALL.iter().map(|phase| phase.as_str()))),
        (
            "`kind` of `retransmitted_segments_total`",
            list(&mut RetransmitKind::ALL.iter().map(|kind| kind.as_str())),
        ),
        ("`stage`", list(&mut Stage::ALL.iter().map(|stage| stage.as_str()))),
        (
            "`kind` of `reconcile_corrections_total`",
            list(&mut Correction::ALL.iter().map(|kind| kind.as_str())),
        ),
    ];
    for (label, values) in rows {
        push(&mut text, format_args!("| {label} | {values} |\n"));
    }
    text
}

/// Appends to a text. Writing to a `String` cannot fail.
fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(arguments);
}

const INTRODUCTION: &str = "\
# Metrics

<!-- Written from agent/catalogue by `cargo xtask dashboards`; do not edit. -->

Everything that `tcpwarden run` exports at `/metrics`, in the Prometheus text format 0.0.4.
Counters start at 0 when the agent starts and never go down; counters with a fixed set of labels
are there from the start. Gauges of sockets follow each transition and are corrected by a reconcile
pass over the kernel's own socket list.

Prometheus gets the same page in OpenMetrics 1.0, because it asks for that by itself
([below](#the-formats)).
";

const TRUTHS: &str = "
## What equals what

The kernel keeps its own books, per network namespace, in /proc/net/snmp and /proc/net/netstat; the
agent counts over all namespaces. Between two moments at rest, with `tcpwarden_events_lost_total`
unchanged and no `tcpwarden_bpf_misses_total` of the retransmit and reset probes, the *changes* of
the two sides stand in these relations. Skipped runs of the state probes lose nothing as long as
`tcpwarden_events_lost_total` stands still. `T{a,b}` is
`tcpwarden_transitions_total{old=\"a\",new=\"b\"}`.

| kernel | agent | exact? |
|---|---|---|
| ActiveOpens | `connections_opened_total{role=\"client\"}` + `connect_failures_total` without \
`no_local_port` + the sockets now in `syn_sent` | exact but for connects with TCP Fast Open that \
wait for their first write: they are in `syn_sent`, or failed, without a SYN; a connect that finds \
no local port never sends one either and is not an active open |
| PassiveOpens | `T{listen,syn_recv}` | exact |
| AttemptFails | `T{syn_sent,close}` with an error (`connect_failures_total` without `canceled` \
and `no_local_port`) + `T{syn_recv,close}` + request sockets that were reset | exact but for the \
last, which has no event (a handshake that a reset ends before the socket exists), and for \
connects that the program closes after an ICMP error that the kernel only noted: they are no \
AttemptFails |
| EstabResets | `T{established,close}` + `T{close_wait,close}` | exact |
| RetransSegs | `retransmitted_segments_total` + `synack_retransmits_total` + \
`retransmitted_segments_unseen_total` + TCPRetransFail | exact; RetransSegs includes attempts that \
failed, whose segments TCPRetransFail counts |
| OutRsts | `resets_sent_total` | exact since Linux 6.10; before, resets that answer a segment \
of no socket or of a TIME_WAIT socket are not reported |
| CurrEstab | the sum of `connections{state=\"established\"}`, and of `close_wait` since the \
kernel's correction of 2024 | exact at rest |
| `ss -tan` by state | `connections`, `time_wait_sockets`, `fin_wait2_orphan_sockets`, \
`syn_recv_sockets` | exact at rest; the last three as of the last reconcile pass |

Sockets that were open before the agent started are in the gauges from the first pass on, and in no
counter of opens. What is read from the kernel's books, such as `tcpwarden_listen_overflows_total`,
is as of the last reconcile pass; transitions and resets are counted in the kernel and read four
times a second; all else is as of the scrape. The numbers agree at rest. A socket that a checkpoint
restores (`TCP_REPAIR`) counts as opened, though the kernel counts no open.

## What the numbers cannot tell

- A connection that this side shut down in both directions and that then receives data is reset by
  this side, but the kernel notes the error as if the peer had (`tcp_reset`): it counts as
  `rst_after_fin`, and in `resets_received_total`.
- An ICMP error that comes while the program is inside a call with the socket, as that of a firewall
  rule of this host does, ends no connect: the kernel notes it for `SO_ERROR` and goes on
  (`tcp_v4_err`, `tcp_v6_err`, 5.10 to 6.18). If the program then closes the socket, the connect has
  failed for that reason, whether the program asked or not. But over IPv6 nothing is left of an
  error that the program took by `SO_ERROR` before `poll` reported one, and over IPv4 of one that it
  also took from the queue of errors (`MSG_ERRQUEUE`): such a connect counts as `canceled`.
- The owner of a socket is who connected, listened or closed on it, until the descriptor tables of
  all processes are read: with every reconcile pass, and after `--verify-after` in a leak state.
  From then on it is who holds a descriptor. Until then a process that accepted a connection, took
  it over by exec or got it over a unix socket is not named; accepted sockets have their listener's
  name until then.
- Of several processes that hold a connection one is named: the owner so far, else the one with the
  lowest process id. How many hold it stands with the row; `connections_shared` counts such rows.
- A network namespace that only a descriptor holds is not visited, and one that only a thread is in
  not before a socket in it has changed its state. Their sockets are followed from their birth;
  those older than the agent are not seen before. Rows of such namespaces count in
  `connections_unverified`.
- Some hardened kernels run no BPF program, of any tool, while a protected process is the current
  one, and count no skip: a packet or timer that interrupts such a process is seen by no probe
  (found on a 6.18 with process 1, by comparing the runs of the programs with the kernel's trace
  buffer). The gauges are corrected by the next pass, counted in `reconcile_corrections_total`;
  counters stay short, those of retransmitted segments by `retransmitted_segments_unseen_total`.
- Queues, windows, listeners and ports are those of the last reconcile pass; what fills and empties
  between two passes is not seen. What a listener drops between the last pass that saw it and its
  end is in the counters of its namespace only.
- A network namespace that is found after the agent's first pass counts its refusals from its own
  birth, because the agent cannot tell whether it was born before.
- Sockets that the kernel itself holds, such as the subflows of MPTCP, may count as unaccepted in
  CLOSE_WAIT.
- Of MPTCP each subflow counts as a connection, in the state that TCP has. A peer that closes the
  MPTCP connection (DATA_FIN) leaves the subflows in `established` (`mptcp_check_data_fin`, 5.10 to
  6.18), so no metric shows that this side never closes it. `tcpwarden leaks` does, as
  `mptcp_close_wait`, for as long as the subflows are there: a Linux peer that closed resets them
  after a minute, and the descriptor of this side stays open without a socket of TCP.
- A port that a client bound by name without listening on it is passed over by the kernel for every
  destination; it is not taken off the range.
- Where the birth of a connection was not seen, the side is told by a listener, by how the local
  port was chosen, or by whether the peer has acknowledged a SYN of this side. Where none tells, as
  while data is under way, a port below those of clients counts as the service port, else none.
- A name in a workload has series of its own once it has held a socket for `--young-age` (30 s), or
  opened in two of three windows of a third of that. Until then it counts under `~young`, by role
  and port, and what it has counted there stays there, so that each sum is exact at each scrape and
  no counter goes down. Its gauges move to its name. What the first pass finds is not young, if it
  finds the workload too. `tcpwarden connections`, `tcpwarden leaks` and the answers of `/api` name
  a young process as any other. A port at which young names have done nothing for five minutes gives
  its place back to others; `~other` takes its counts ([cardinality.md](cardinality.md)).
- Budgets go to the first that come, those of services and listeners too: what comes later than
  `--max-series` stands under `~other` until a place is free. A process that has had no socket in a
  workload for five minutes, or for one while others wait, gives its place back; its series end, and
  what they had counted is from then on in those of `~other`, so that the sum over a metric never
  goes down. Of the places for processes a workload takes at most three quarters, and where there is
  none, a user. What is stuck for a minute has 32 more, the most connections first.
  `tcpwarden connections` and `tcpwarden leaks` know 4096 names besides.
- The last sixteenth of the rows (`--max-connections`) is for who has less than a quarter of them:
  a workload, or a user where there is none. What is open when the agent starts comes first, first
  served. Workloads of one name share, and so do processes of one name of several users in no
  workload.
- A socket's workload is that of the process that made it: a socket that systemd opens for a
  service, or that another process hands over, keeps the maker's. A user who may create cgroups (a
  user's own systemd, a container that has its cgroups to itself) may name them like a unit or a
  container of somebody else; `tcpwarden_workload_info` has the whole path of the first that bore
  the name.
- The name of a cgroup is read a tenth of a second after its first socket was seen, where there are
  many thousands of cgroups up to five seconds. A cgroup that is gone by then is `unknown`.
  Meanwhile its sockets stand under `unknown`, and what they counted appears with the name.
- What people call a container comes from files of its runtime, which are read a tenth of a second
  after its first socket was seen: those of containerd (of k3s, RKE2, k0s and MicroK8s too), CRI-O,
  Docker and podman in their usual places, and the kubelet's links in /var/log/containers. Where
  the agent runs in a container, it reads them below /proc/1/root if it does not have them itself.
  Not read are another data root of Docker, `userns-remap`, the containers of a user (rootless), and
  labels of podman, which are in its database. The names of at most 4096 containers are kept. What
  is not found is looked for again, after ten seconds and then less and less often.
- With `--workload-label name`, containers of one name share a label, also those of two pods of one
  controller; `tcpwarden_workload_info` shows the one that came last. The controller is told by the
  form of the pod's name: a DaemonSet whose own name ends like the hash of a template loses that end
  too. A container whose name is not known when its first socket is seen keeps its id, and so does
  one whose name is that of something else (`host`, `x.service`).
- Where the unified hierarchy of cgroups is not used (cgroup v1) or not in sight, the workload is
  looked up by the owner's process id instead, in /proc; an owner that ended first is `unknown`,
  and one whose process id is used again is taken for the former one for up to ten seconds.
";
