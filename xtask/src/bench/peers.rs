//! The peers: what one would use instead of the agent, from Debian's packages; found, installed and
//! seen at work.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::arms::{Arm, Attached, Kind, Lines};
use super::interrupt::Interrupt;
use super::report::Check;
use super::stage::Load;
use crate::packages::{self, Consent};
use crate::{process, workspace};

/// Two of the agent's hooks, a line for each event.
const BPFTRACE: &str = r#"tracepoint:sock:inet_sock_set_state {
    printf("%s %d %d %d %d\n", comm, args->oldstate, args->newstate, args->sport, args->dport);
}
tracepoint:tcp:tcp_retransmit_skb { printf("retransmit %d %d\n", args->sport, args->dport); }"#;
/// Bursts of load until a peer is taken to see nothing, each of this length.
const BURSTS: u32 = 100;
const BURST: Duration = Duration::from_millis(100);
/// Lines by which it is known that a peer sees events: more than any heading has.
const SEEN: u64 = 50;
/// How long the counted load of a check lasts, and how long its last lines may take.
const COUNTED: Duration = Duration::from_millis(300);
const LAST: Duration = Duration::from_secs(1);

/// One peer.
#[derive(Debug)]
pub(super) struct Peer {
    /// How it is called on the command line.
    pub(super) name: &'static str,
    /// Debian's package.
    package: &'static str,
    /// Its program; its path in the package where the package is only unpacked.
    program: &'static str,
    /// Whether the package would start a daemon and is therefore only unpacked.
    borrowed: bool,
    arguments: &'static [&'static str],
    /// Lines for a connection of the storm, both ends: 0 where it prints none.
    lines: u32,
}

/// All of them.
pub(super) const ALL: [Peer; 4] = [
    Peer {
        name: "tcpstates",
        package: "libbpf-tools",
        program: "tcpstates",
        borrowed: false,
        arguments: &[],
        lines: 10,
    },
    Peer {
        name: "tcplife",
        package: "libbpf-tools",
        program: "tcplife",
        borrowed: false,
        arguments: &[],
        lines: 2,
    },
    Peer {
        name: "bpftrace",
        package: "bpftrace",
        program: "bpftrace",
        borrowed: false,
        arguments: &["-e", BPFTRACE],
        lines: 10,
    },
    Peer {
        name: "node-exporter",
        package: "prometheus-node-exporter",
        program: "usr/bin/prometheus-node-exporter",
        borrowed: true,
        arguments: &[],
        lines: 0,
    },
];

/// Which peers are wanted.
#[derive(Debug, Clone)]
pub(super) struct Selection(pub(super) Vec<&'static str>);

impl FromStr for Selection {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let names = || ALL.iter().map(|peer| peer.name);
        match text {
            "all" => Ok(Self(names().collect())),
            "none" => Ok(Self(Vec::new())),
            list => list
                .split(',')
                .map(|wanted| {
                    names().find(|name| *name == wanted).with_context(|| {
                        format!(
                            "there is no peer {wanted:?}: all, none, or of {}",
                            names().collect::<Vec<_>>().join(",")
                        )
                    })
                })
                .collect::<Result<_>>()
                .map(Self),
        }
    }
}

impl Peer {
    /// Its program, installed or unpacked first where it is missing.
    fn binary(&self, consent: Consent) -> Result<PathBuf> {
        let name = self.program.rsplit('/').next().unwrap_or(self.program);
        if !process::on_path(name) {
            if self.borrowed {
                packages::borrow(self.package, &[self.program])?;
            } else {
                packages::install(&[self.package], "to measure beside the agent", consent)?;
            }
        }
        let path = workspace::path()?;
        let found = std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|file| file.is_file());
        found.with_context(|| format!("package {} brought no {name}", self.package))
    }

    /// The arm, once it has been seen at work on a load, with what was seen.
    pub(super) fn arm(
        &self,
        load: &mut Load,
        consent: Consent,
        interrupt: &Interrupt,
    ) -> Result<(Arm, Check)> {
        let binary = self.binary(consent)?;
        let mut arm = Arm { name: self.name.to_owned(), kind: Kind::Exporter(binary.clone()) };
        if self.lines == 0 {
            let attached = arm.attach(load, &Lines::Dropped, interrupt)?;
            let sockets = attached.page()?.value("node_tcp_connection_states", &[]);
            let sockets = sockets.unwrap_or_default();
            attached.detach(interrupt)?;
            anyhow::ensure!(sockets > 0.0, "it shows no sockets where there are some");
            return Ok((arm, Check { sockets_shown: Some(sockets), reported_ratio: None }));
        }
        let words = std::iter::once(binary.to_string_lossy().into_owned())
            .chain(self.arguments.iter().map(|word| (*word).to_owned()));
        let words: Vec<String> = words.collect();
        arm.kind = Kind::Printer { words: words.clone(), objects: Vec::new() };
        let objects = at_work(&arm, load, interrupt)?;
        arm.kind = Kind::Printer { words, objects };
        let reported = self.reported(&arm, load, interrupt)?;
        Ok((arm, Check { sockets_shown: None, reported_ratio: Some(reported) }))
    }

    /// The share of what happened in a short load that it printed.
    fn reported(&self, arm: &Arm, load: &mut Load, interrupt: &Interrupt) -> Result<f64> {
        let attached = arm.attach(load, &Lines::Counted, interrupt)?;
        let sample = load.run(COUNTED, interrupt)?;
        interrupt.sleep(LAST)?;
        let (_, lines) = attached.detach(interrupt)?;
        #[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^53 lines")]
        let share =
            lines as f64 / ((sample.units + sample.warm_units) as f64 * f64::from(self.lines));
        anyhow::ensure!(
            share > 0.01,
            "it printed {lines} lines for {} connections",
            sample.units + sample.warm_units
        );
        Ok(share)
    }
}

/// Starts a printer, makes load until it prints, and says what it then holds of the kernel.
fn at_work(arm: &Arm, load: &mut Load, interrupt: &Interrupt) -> Result<Vec<String>> {
    let mut attached: Attached = arm.attach(load, &Lines::Counted, interrupt)?;
    for _ in 0..BURSTS {
        load.run(BURST, interrupt)?;
        attached.check()?;
        if attached.lines()? >= SEEN {
            let objects = attached.kernel_objects();
            attached.detach(interrupt)?;
            // Nothing to wait for: its slots would begin before it is attached.
            anyhow::ensure!(
                !objects.is_empty(),
                "it prints, but holds nothing of the kernel by which to know that it is attached"
            );
            return Ok(objects);
        }
    }
    bail!("it printed nothing while {BURSTS} bursts of connections were made")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_chosen_by_name_and_an_unknown_one_is_an_error_that_names_all() {
        assert_eq!("all".parse::<Selection>().unwrap().0.len(), ALL.len());
        assert!("none".parse::<Selection>().unwrap().0.is_empty());
        assert_eq!("tcplife,bpftrace".parse::<Selection>().unwrap().0, ["tcplife", "bpftrace"]);
        for wrong in ["", "tcptop", "all,tcplife", "tcplife,"] {
            let error = wrong.parse::<Selection>().unwrap_err().to_string();
            assert!(
                error.contains("tcpstates") && error.contains("node-exporter"),
                "{wrong:?}: {error}"
            );
        }
    }
}
