//! Which clients `/api` answers, by the address that they ask and by who they are.
//!
//! `/metrics` shows no single connection, so a Prometheus on another machine may read it. `/api`
//! shows which process talks to which address, so it answers programs of this machine, on a socket
//! file or from loopback, and clients that the web configuration knows; others only with
//! `--expose-connections`.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header};
use clap::ValueEnum;

use super::places::Peer;

/// Which clients of a listener `/api` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Access {
    /// Every client that can reach the listener: it is a socket file, which has its mode, or
    /// `--expose-connections` was given.
    Anyone,
    /// Programs on this machine: the listener has a loopback address.
    Local,
    /// Clients that ask from loopback, and clients that have shown a password or a certificate:
    /// other machines can reach the listener's address.
    Known,
    /// No client: other machines can reach every address of the agent, and it has no socket file.
    Nobody,
}

/// The reason why a request is refused.
pub(super) const NOT_EXPOSED: &str = "\
    this address can be reached from other machines, and /api shows addresses and process names: \
    ask on the socket file, from 127.0.0.1 or [::1], or with a password or certificate of the web \
    configuration, or start the agent with --expose-connections";
pub(super) const FOREIGN_HOST: &str = "\
    the request names a host that is not this machine's loopback (a web page may have been made \
    to ask in its place): ask for 127.0.0.1, [::1] or localhost, or start the agent with \
    --expose-connections";
pub(super) const FOR_OTHERS: &str = "\
    the request was forwarded by a proxy, and /api shows addresses and process names: ask \
    directly, or start the agent with --expose-connections";

/// Headers in which a proxy names the client that it asks for.
const FORWARDED: [&str; 5] =
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];

/// Who asks, as far as it matters to `/api`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    /// What it may ask.
    pub(super) access: Access,
    /// Whether it has opened a socket file, so that it may see arguments of processes.
    pub(super) has_file: bool,
}

impl Access {
    /// Returns which clients may ask on a TCP address; `alone` says that nobody can ask elsewhere.
    #[must_use]
    pub(crate) fn of(address: IpAddr, exposed: bool, alone: bool) -> Self {
        match address.to_canonical() {
            _ if exposed => Self::Anyone,
            address if address.is_loopback() => Self::Local,
            _ if alone => Self::Nobody,
            _ => Self::Known,
        }
    }

    /// Returns what holds for one client; `is_known` says that it has shown a password or a
    /// certificate that the web configuration verifies.
    pub(super) fn for_one(self, peer: Peer, is_known: bool) -> Asker {
        let access = match self {
            Self::Known if is_known => Self::Anyone,
            Self::Known if peer.is_some_and(|address| address.is_loopback()) => Self::Local,
            Self::Known => Self::Nobody,
            access => access,
        };
        Asker { access, has_file: peer.is_none() }
    }

    /// Returns its name, as the HTTP process takes it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Local => "local",
            Self::Known => "known",
            Self::Nobody => "nobody",
        }
    }

    /// Returns why a request with these headers is refused; `None` if it is allowed.
    ///
    /// A browser sends the name it looked up as Host. A web page can have its own name resolve to
    /// 127.0.0.1 and then read the answers (DNS rebinding), but it cannot choose the Host. A proxy
    /// on this machine asks for other machines.
    pub(super) fn refusal(self, headers: &HeaderMap) -> Option<&'static str> {
        let mut hosts = headers.get_all(header::HOST).iter().peekable();
        match self {
            Self::Anyone => None,
            // One who is known has another access by then.
            Self::Nobody | Self::Known => Some(NOT_EXPOSED),
            Self::Local if FORWARDED.iter().any(|name| headers.contains_key(*name)) => {
                Some(FOR_OTHERS)
            }
            Self::Local
                if hosts.peek().is_some()
                    && hosts.all(|host| host.to_str().is_ok_and(is_loopback)) =>
            {
                None
            }
            Self::Local => Some(FOREIGN_HOST),
        }
    }
}

/// Returns whether a Host header names loopback, with or without a port.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|digit| digit.is_ascii_digit()) && !name.ends_with(':') =>
        {
            name
        }
        _ => host,
    };
    let address = host.parse::<SocketAddr>().map(|address| address.ip());
    let address =
        address.or_else(|_| name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>());
    name.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_told_from_what_only_looks_like_it() {
        for yes in [
            "127.0.0.1",
            "127.0.0.1:10793",
            "127.8.8.8:1",
            "[::1]:10793",
            "[::1]",
            "localhost",
            "LocalHost:80",
        ] {
            assert!(is_loopback(yes), "{yes}");
        }
        for no in [
            "",
            ":80",
            "example.com",
            "127.0.0.1.example.com",
            "localhost.example.com:80",
            "10.0.0.1:80",
            "0.0.0.0",
            "[::]",
            "::",
        ] {
            assert!(!is_loopback(no), "{no}");
        }
    }

    #[test]
    fn a_request_that_a_proxy_forwards_is_not_this_machines() {
        let mut headers = HeaderMap::from_iter([(header::HOST, "127.0.0.1".parse().unwrap())]);
        assert_eq!(Access::Local.refusal(&headers), None);
        headers.insert("x-forwarded-for", "203.0.113.7".parse().unwrap());
        assert_eq!(
            (Access::Local.refusal(&headers), Access::Anyone.refusal(&headers)),
            (Some(FOR_OTHERS), None)
        );
    }

    #[test]
    fn only_loopback_and_socket_files_answer_unless_told_otherwise() {
        for (address, exposed, alone, access) in [
            ("127.0.0.1", false, false, Access::Local),
            ("::1", false, true, Access::Local),
            ("::ffff:127.0.0.1", false, false, Access::Local),
            ("0.0.0.0", false, false, Access::Known),
            ("::", false, false, Access::Known),
            ("192.168.1.1", false, false, Access::Known),
            ("192.168.1.1", false, true, Access::Nobody),
            ("0.0.0.0", true, true, Access::Anyone),
            ("0.0.0.0", true, false, Access::Anyone),
        ] {
            assert_eq!(Access::of(address.parse().unwrap(), exposed, alone), access, "{address}");
        }
    }

    #[test]
    fn on_an_address_that_others_can_reach_it_matters_who_asks() {
        let far: Peer = Some([10, 0, 0, 1].into());
        let near: Peer = Some([127, 0, 0, 1].into());
        let of = |access: Access, peer, is_known| access.for_one(peer, is_known).access;
        assert_eq!(of(Access::Known, far, false), Access::Nobody);
        assert_eq!(of(Access::Known, near, false), Access::Local);
        assert_eq!(of(Access::Known, far, true), Access::Anyone);
        for access in [Access::Anyone, Access::Local, Access::Nobody] {
            for (peer, is_known) in [(far, false), (near, true), (None, false)] {
                assert_eq!(of(access, peer, is_known), access, "it does not matter");
            }
        }
        let has_file = |peer| Access::Anyone.for_one(peer, true).has_file;
        assert_eq!([has_file(None), has_file(near), has_file(far)], [true, false, false]);
    }
}
