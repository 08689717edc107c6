//! A veth pair between two network namespaces.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::netns::Netns;
use crate::shell::run;
use crate::wait;

/// How long the pair may take to come up: generous, for a guest under emulation.
const PATIENCE: Duration = Duration::from_mins(1);
/// The IPv4 addresses of the two ends, first that of `here`.
pub const IPV4: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 77, 0, 1), Ipv4Addr::new(10, 77, 0, 2)];

/// Joins two namespaces: `10.77.0.1` and `fd77::1` here, `.2` and `::2` there, each on `veth0`.
///
/// # Errors
/// If the kernel has no veth, or the link does not come up.
pub fn join(here: &Netns, there: &Netns) -> Result<()> {
    run(&format!(
        "ip link add veth0 netns {} type veth peer name veth0 netns {}",
        here.pid(),
        there.pid()
    ))?;
    for (netns, (host, ipv4)) in [here, there].into_iter().zip((1..).zip(IPV4)) {
        // Without duplicate address detection the IPv6 address can be used at once.
        for interface in ["all", "veth0"] {
            let path = format!("net/ipv6/conf/{interface}/accept_dad");
            if netns.has_sysctl(&path)? {
                netns.sysctl(&path, "0")?;
            }
        }
        netns.run(&format!("ip addr add {ipv4}/24 dev veth0"))?;
        if netns.has_sysctl("net/ipv6")? {
            netns.run(&format!("ip -6 addr add fd77::{host}/64 dev veth0 nodad"))?;
        }
        netns.run("ip link set veth0 up")?;
    }
    let up = wait::poll(PATIENCE, || match (is_up(here), is_up(there)) {
        (Ok(true), Ok(true)) => Some(Ok(())),
        (Err(error), _) | (_, Err(error)) => Some(Err(error)),
        _ => None,
    });
    ensure!(up.is_some(), "the veth pair did not come up in {PATIENCE:?}");
    up.unwrap_or(Ok(()))
}

/// Returns whether all IPv6 addresses of `veth0` can be used. True where there is no IPv6.
fn is_up(netns: &Netns) -> Result<bool> {
    netns.enter(|| {
        let Ok(list) = fs::read_to_string("/proc/thread-self/net/if_inet6") else {
            return true;
        };
        // The fifth column has the flags; 0x40 is IFA_F_TENTATIVE, not to be used yet.
        let usable = |line: &str| {
            let flags = line.split_whitespace().nth(4);
            let flags = flags.and_then(|flags| u32::from_str_radix(flags, 16).ok());
            flags.is_some_and(|flags| flags & 0x40 == 0)
        };
        let mut own = list.lines().filter(|line| line.ends_with("veth0")).peekable();
        own.peek().is_some() && own.all(usable)
    })
}
