//! Which clients `/api` answers, by the address that they ask and by who they are.
//!
//! `/metrics` shows no single connection, so a Prometheus on another machine may read it. `/api`
//! shows which process talks to which address, so it answers programs of this machine, on a socket
//! file or over loopback, and clients that the web configuration knows; others only with
//! `--expose-connections`. A connection is over loopback if both of its ends have such an address:
//! a proxy beside the agent may come from 127.0.0.6 for a client of another machine, and a rule of
//! the firewall may lead another machine to 127.0.0.1.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header};
use clap::ValueEnum;

/// Which clients of a listener `/api` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Access {
    /// Every client: it is a socket file, which has its mode. They see arguments of processes too.
    File,
    /// Every client that can reach the listener: `--expose-connections` was given, or it is a
    /// socket file that any user may use.
    Anyone,
    /// Programs on this machine: the listener has a loopback address.
    Local,
    /// Clients that ask over loopback, and clients that have shown a password or a certificate:
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
pub(super) const NO_QUERIES: &str = "\
    this agent answers no query: other machines can reach each of its addresses, and it has no \
    socket file; start it with one (--socket), or with --expose-connections";
pub(super) const FOREIGN_HOST: &str = "\
    the request names a host that is not this machine's loopback (a web page may have been made \
    to ask in its place): ask for 127.0.0.1, [::1] or localhost, or start the agent with \
    --expose-connections";
pub(super) const FOR_OTHERS: &str = "\
    the request was forwarded by a proxy, and /api shows addresses and process names: ask \
    directly, or start the agent with --expose-connections";

/// Headers by which a proxy names itself or the client that it asks for; the second list has what
/// they begin with, the third what they end with.
const FORWARDED: [&str; 4] = ["forwarded", "via", "true-client-ip", "x-client-ip"];
const FORWARDED_BEGIN: [&str; 3] = ["x-forwarded-", "x-envoy-", "x-original-"];
const FORWARDED_END: [&str; 2] = ["-real-ip", "-connecting-ip"];

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

    /// Returns what holds for one client; `is_near` says that both ends of its connection have a
    /// loopback address, `is_known` that it has shown a password or a certificate that the web
    /// configuration verifies.
    pub(super) fn for_one(self, is_near: bool, is_known: bool) -> Asker {
        let access = match self {
            Self::Known if is_known => Self::Anyone,
            Self::Known if is_near => Self::Local,
            Self::Local if !is_near => Self::Known,
            access => access,
        };
        Asker { access, has_file: self == Self::File }
    }

    /// Returns its name, as the HTTP process takes it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
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
            Self::File | Self::Anyone => None,
            Self::Nobody => Some(NO_QUERIES),
            // One who is known has another access by then.
            Self::Known => Some(NOT_EXPOSED),
            Self::Local if headers.keys().any(|name| forwards(name.as_str())) => Some(FOR_OTHERS),
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

/// Returns whether a header, by its name in lower case, is one that a proxy adds.
fn forwards(name: &str) -> bool {
    FORWARDED.contains(&name)
        || FORWARDED_BEGIN.iter().any(|start| name.starts_with(start))
        || FORWARDED_END.iter().any(|end| name.ends_with(end))
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
        for name in [
            "forwarded",
            "via",
            "x-forwarded-for",
            "x-forwarded-client-cert",
            "x-envoy-external-address",
            "x-real-ip",
            "cf-connecting-ip",
            "true-client-ip",
        ] {
            let mut headers = headers.clone();
            headers.insert(name, "203.0.113.7".parse().unwrap());
            assert_eq!(
                (Access::Local.refusal(&headers), Access::Anyone.refusal(&headers)),
                (Some(FOR_OTHERS), None),
                "{name}"
            );
        }
        headers.insert("x-request-id", "7".parse().unwrap());
        assert_eq!(Access::Local.refusal(&headers), None);
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
        let of = |access: Access, is_near, is_known| access.for_one(is_near, is_known).access;
        assert_eq!(of(Access::Known, false, false), Access::Known);
        assert_eq!(of(Access::Known, true, false), Access::Local);
        assert_eq!(of(Access::Known, false, true), Access::Anyone);
        assert_eq!(of(Access::Local, true, false), Access::Local);
        assert_eq!(of(Access::Local, false, true), Access::Known, "led here by a firewall");
        for access in [Access::File, Access::Anyone, Access::Nobody] {
            for (is_near, is_known) in [(false, false), (true, true)] {
                assert_eq!(of(access, is_near, is_known), access, "it does not matter");
            }
        }
        let has_file = |access: Access| access.for_one(true, true).has_file;
        assert_eq!(
            [Access::File, Access::Anyone, Access::Local, Access::Known].map(has_file),
            [true, false, false, false]
        );
    }
}
