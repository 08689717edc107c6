//! `tcpwarden check`: attaches every probe, prints the result of each, detaches.

use std::io::{self, Write};

use super::load;
use crate::exit::{self, Error};
use crate::kernel::load::{Kernel, Sizes};
use crate::kernel::namespaces::{self, Home, Search};
use crate::kernel::probe::{DESCRIPTOR_LIST, Probe, ProbeState, SOCKET_LIST};
use crate::kernel::sight;
use crate::table::{Look, Rule, Table};

/// Rings of one page each, because nothing is read from them.
const SIZES: Sizes = Sizes { state_ring: 4096, retransmit_ring: 4096 };

/// Attaches, prints and detaches. Returns the exit code: [`exit::OK`] if everything works,
/// [`exit::DEGRADED`] otherwise.
///
/// # Errors
/// The agent could not run at all.
pub fn check(out: &mut impl Write) -> Result<u8, Error> {
    let (mut kernel, _maps) = load(SIZES)?;
    let remarks = remarks(&mut kernel);
    match print(out, &kernel, &remarks) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(Error::Other(
                anyhow::Error::new(error).context("cannot print the probe table"),
            ));
        }
        _ => {}
    }
    let complete =
        remarks.is_empty() && kernel.probes().iter().all(|(_, state)| state.is_attached());
    Ok(if complete { exit::OK } else { exit::DEGRADED })
}

fn print(out: &mut impl Write, kernel: &Kernel, remarks: &[String]) -> io::Result<()> {
    let columns = [("PROBE", 28), ("STATE", 12), ("NOTE", 0)];
    let columns = columns.map(|(title, least)| (title.to_owned(), Rule::LEFT.least(least)));
    let mut table = Table::new(columns, 1);
    for (probe, state) in kernel.probes() {
        table.row(vec![probe.name.into(), state.as_str().into(), note(probe, state).into()]);
    }
    let mut page = String::new();
    let _ = table.write(Look::default(), &mut page);
    out.write_all(page.as_bytes())?;
    remarks.iter().try_for_each(|remark| writeln!(out, "{remark}"))?;
    // The agent is whole without it.
    sight::lacking().into_iter().try_for_each(|lacking| writeln!(out, "{lacking}"))?;
    kernel.silences().iter().try_for_each(|silence| writeln!(out, "on this kernel {silence}"))
}

fn note(probe: &Probe, state: &ProbeState) -> String {
    if state.is_attached() {
        String::new()
    } else {
        format!("{}: {}", probe.without, state.reason())
    }
}

/// Returns what does not work although its probe is attached.
fn remarks(kernel: &mut Kernel) -> Vec<String> {
    let mut remarks: Vec<_> = sight::sentences(&sight::limits()).map(str::to_owned).collect();
    let attached = |kernel: &Kernel, name: &str| {
        kernel.probes().iter().any(|(probe, state)| probe.name == name && state.is_attached())
    };
    for name in [SOCKET_LIST, DESCRIPTOR_LIST] {
        if attached(kernel, name)
            && let Err(error) = kernel.iterate(name)
        {
            remarks.push(error.to_string());
        }
    }
    match Home::own() {
        Ok(home) => remarks.extend(unread_namespaces(&home)),
        Err(error) => remarks.push(format!("cannot tell the own network namespace: {error}")),
    }
    remarks
}

/// Returns a remark if there are network namespaces that the agent cannot look into.
fn unread_namespaces(home: &Home) -> Option<String> {
    let mut found = namespaces::find(home, Search::Threads);
    let mut shut = 0;
    for other in std::mem::take(&mut found.namespaces) {
        match other.enter(home, || Ok(namespaces::own_mark())) {
            Ok(mark) => found.meet(mark),
            Err(error) => shut += usize::from(error.kind() == io::ErrorKind::PermissionDenied),
        }
    }
    let unread = shut + found.hidden.len();
    let limit = sight::namespaces(unread);
    limit.hides.then(|| format!("{unread} network namespaces are not read: {}", limit.sentence))
}
