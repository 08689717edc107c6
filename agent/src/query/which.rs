//! The filters as parameters, for every query that lists connections.
//!
//! Each is declared once; a query takes those that make sense for it.

use catalogue::labels::Stage;

use super::parameter::Parameter;
use super::value::{self, Expected};
use crate::conn::Attribution;
use crate::listing::filter::Filter;

/// A query with a filter.
pub(super) trait Which {
    /// Returns the filter.
    fn filter(&mut self) -> &mut Filter;
}

const WHICH: &str = "Which connections";

pub(super) const fn state<Q: Which>() -> Parameter<Q> {
    Parameter::list("state", "STATES", |query: &mut Q, text| value::add_state(query.filter(), text))
        .under(WHICH)
        .help(
            "In one of these states: close_wait, syn_sent, listen ... (also as ss writes them: \
         CLOSE-WAIT)",
        )
}

pub(super) const fn process<Q: Which>() -> Parameter<Q> {
    Parameter::repeated("process", "NAME", |query: &mut Q, text| {
        push(&mut query.filter().processes, value::pattern(text))
    })
    .under(WHICH)
    .help("Of a process with this name; NAME* for names that begin so")
}

pub(super) const fn workload<Q: Which>() -> Parameter<Q> {
    Parameter::repeated("workload", "NAME", |query: &mut Q, text| {
        push(&mut query.filter().workloads, value::pattern(text))
    })
    .under(WHICH)
    .help(
        "Of a workload with this name (nginx.service, a container, a pod, host); NAME* for names \
         that begin so",
    )
}

pub(super) const fn pid<Q: Which>() -> Parameter<Q> {
    Parameter::list("pid", "PIDS", |query: &mut Q, text| {
        push(&mut query.filter().pids, value::number(text, "a process id"))
    })
    .under(WHICH)
    .help("Of the process with this id")
}

pub(super) const fn port<Q: Which>() -> Parameter<Q> {
    Parameter::list("port", "PORTS", |query: &mut Q, text| {
        push(&mut query.filter().ports, value::port(text))
    })
    .under(WHICH)
    .help("With this port at either end")
}

pub(super) const fn service_port<Q: Which>() -> Parameter<Q> {
    Parameter::list("service-port", "PORTS", |query: &mut Q, text| {
        push(&mut query.filter().service_ports, value::port(text))
    })
    .under(WHICH)
    .help("With this service port: the local port of a server, the remote port of a client")
}

pub(super) const fn local<Q: Which>() -> Parameter<Q> {
    Parameter::list("local", "ENDS", |query: &mut Q, text| {
        push(&mut query.filter().local, value::end(text))
    })
    .under(WHICH)
    .help("With a local end in: 10.0.0.1, 10.0.0.0/8, 10.0.0.1:5432, [fd00::1]:5432")
}

pub(super) const fn peer<Q: Which>() -> Parameter<Q> {
    Parameter::list("peer", "ENDS", |query: &mut Q, text| {
        push(&mut query.filter().peer, value::end(text))
    })
    .under(WHICH)
    .help("With a peer in: 10.0.0.1, 10.0.0.0/8, 10.0.0.1:5432, [fd00::1]:5432")
}

pub(super) const fn role<Q: Which>() -> Parameter<Q> {
    Parameter::list("role", "ROLES", |query: &mut Q, text| {
        push(&mut query.filter().roles, value::role(text))
    })
    .under(WHICH)
    .help("With this role: client, server, unknown")
}

pub(super) const fn stage<Q: Which>() -> Parameter<Q> {
    Parameter::list("stage", "STAGES", |query: &mut Q, text| {
        push(&mut query.filter().stages, one_stage(text))
    })
    .under(WHICH)
    .help(
        "In CLOSE_WAIT and at this stage: unaccepted (in the accept queue), unread, read (only \
         the close is missing)",
    )
}

pub(super) const fn mptcp_state<Q: Which>() -> Parameter<Q> {
    Parameter::list("mptcp-state", "STATES", |query: &mut Q, text| {
        push(&mut query.filter().multipath, value::state(text))
    })
    .under(WHICH)
    .help(
        "A subflow of an MPTCP connection in one of these states: close_wait (the peer has closed \
         it), fin_wait2 ...",
    )
}

pub(super) const fn owner<Q: Which>() -> Parameter<Q> {
    Parameter::list("owner", "KINDS", |query: &mut Q, text| {
        push(&mut query.filter().owners, one_owner(text))
    })
    .under(WHICH)
    .help(
        "Whose owner is known like this: exact (a system call of its own), holder (has the \
         descriptor), listener (inherited), gone (no process has it any more), none",
    )
}

pub(super) const fn netns<Q: Which>() -> Parameter<Q> {
    Parameter::list("netns", "INODES", |query: &mut Q, text| {
        let allowed = "the inode of a network namespace, as in /proc/PID/ns/net";
        push(&mut query.filter().netns, value::number(text, allowed))
    })
    .under(WHICH)
    .help("In the network namespace with this inode")
}

pub(super) const fn min_age<Q: Which>() -> Parameter<Q> {
    Parameter::one("min-age", "DURATION", |query: &mut Q, text| {
        query.filter().min_age = value::duration(text)?;
        Ok(())
    })
    .under(WHICH)
    .help("In their state for at least this long: 90s, 5m, 1h30m, 2d")
}

pub(super) const fn min_idle<Q: Which>() -> Parameter<Q> {
    Parameter::one("min-idle", "DURATION", |query: &mut Q, text| {
        query.filter().min_idle = Some(value::duration(text)?);
        Ok(())
    })
    .under(WHICH)
    .help("Without data for at least this long, as of the last reconcile pass")
}

pub(super) const fn keepalive<Q: Which>() -> Parameter<Q> {
    Parameter::one("keepalive", "WHETHER", |query: &mut Q, text| {
        query.filter().keepalive = Some(value::choice(text, &[("yes", true), ("no", false)])?);
        Ok(())
    })
    .under(WHICH)
    .help("With keepalive on (yes) or off (no)")
}

pub(super) const fn unacknowledged<Q: Which>() -> Parameter<Q> {
    Parameter::flag("unacknowledged", |query: &mut Q, text| {
        query.filter().is_unacknowledged = value::flag(text)?;
        Ok(())
    })
    .under(WHICH)
    .help(
        "Whose peer does not acknowledge what was sent: after three time-outs in a row, or \
         without progress for 15 s",
    )
}

fn push<T>(values: &mut Vec<T>, value: Result<T, Expected>) -> Result<(), Expected> {
    values.push(value?);
    Ok(())
}

fn one_stage(text: &str) -> Result<Stage, Expected> {
    let known: Vec<_> = Stage::ALL.iter().map(|stage| (stage.as_str(), *stage)).collect();
    value::choice(text, &known)
}

fn one_owner(text: &str) -> Result<Attribution, Expected> {
    let known = [
        Attribution::FromSyscall,
        Attribution::FromDescriptors,
        Attribution::Inherited,
        Attribution::Elsewhere,
        Attribution::None,
    ];
    value::choice(text, &known.map(|owner| (owner.as_str(), owner)))
}
