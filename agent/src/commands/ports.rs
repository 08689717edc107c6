//! `tcpwarden ports`: which destinations have taken most of their local ports.

use std::fmt::Write as _;
use std::io::Write;

use super::ask::{ask, usage};
use super::connections::end;
use crate::cli::PortsArgs;
use crate::exit::Error;
use crate::listing::ports::{PortUse, Ports};
use crate::listing::query::Query;

/// Prints the destinations, the worst first.
///
/// # Errors
/// An option is wrong, no agent answers, the output cannot be written.
pub fn ports(arguments: &PortsArgs, out: &mut impl Write) -> Result<u8, Error> {
    Query::ports(arguments.pairs()).map_err(|refusal| usage(&refusal))?;
    ask(&arguments.from, "/api/v1/ports", &arguments.pairs(), out, report)
}

fn report(answer: &Ports, page: &mut String) {
    // Writing to a String cannot fail.
    if answer.destinations.is_empty() {
        let _ = writeln!(page, "no connection has taken a port of the ephemeral range");
        return;
    }
    let _ = writeln!(
        page,
        "{:>6}  {:>6}  {:>9}  {:>6}  {:>10}  FROM -> TO",
        "USED%", "USED", "TIME_WAIT", "RANGE", "NETNS"
    );
    for PortUse {
        netns,
        local_address,
        peer_address,
        peer_port,
        used,
        time_wait,
        range,
        used_ratio,
        ..
    } in &answer.destinations
    {
        let (percent, to) = (used_ratio * 100.0, end(*peer_address, *peer_port));
        let _ = writeln!(
            page,
            "{percent:>5.1}%  {used:>6}  {time_wait:>9}  {range:>6}  {netns:>10}  {local_address} -> {to}"
        );
    }
    if answer.truncated {
        let _ = writeln!(
            page,
            "{} of {} destinations shown; --limit shows others",
            answer.returned, answer.known
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_destination_is_a_line_with_its_share() {
        let worst = PortUse {
            netns: 77,
            local_address: [10, 0, 0, 1].into(),
            peer_address: [10, 0, 0, 9].into(),
            peer_port: 5432,
            used: 27_000,
            time_wait: 26_000,
            range: 28_232,
            used_ratio: 0.956,
            tw_reuse: Some(2),
        };
        let mut page = String::new();
        report(
            &Ports {
                known: 9,
                returned: 1,
                truncated: true,
                destinations: vec![worst],
                ..Ports::default()
            },
            &mut page,
        );
        assert_eq!(
            page,
            " USED%    USED  TIME_WAIT   RANGE       NETNS  FROM -> TO\n \
             95.6%   27000      26000   28232          77  10.0.0.1 -> 10.0.0.9:5432\n\
             1 of 9 destinations shown; --limit shows others\n"
        );
        page.clear();
        report(&Ports::default(), &mut page);
        assert_eq!(page, "no connection has taken a port of the ephemeral range\n");
    }
}
