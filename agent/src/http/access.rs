//! Which clients `/api` answers: by default only those on this machine.
//!
//! `/metrics` shows no single connection, so a Prometheus on another machine may read it. `/api`
//! shows which process talks to which address, so it answers on loopback and on a socket file, and
//! elsewhere only with `--expose-connections`.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header};
use clap::ValueEnum;

use crate::config::Listen;

/// Which clients `/api` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Access {
    /// Every client that can reach the listener: it is a socket file, which has its mode, or
    /// `--expose-connections` was given.
    Anyone,
    /// Programs on this machine: the listener has a loopback address.
    Local,
    /// No client: other machines can reach the listener's address.
    Nobody,
}

/// The reason why a request is refused.
pub(super) const NOT_EXPOSED: &str = "\
    this address can be reached from other machines, and /api shows addresses and process names: \
    listen on 127.0.0.1, [::1] or a socket file, or start the agent with --expose-connections";
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

impl Access {
    /// Returns which clients may ask on an address.
    #[must_use]
    pub(crate) const fn of(listen: &Listen, exposed: bool) -> Self {
        match listen {
            _ if exposed => Self::Anyone,
            Listen::Unix(_) => Self::Anyone,
            Listen::Tcp(address) if address.ip().to_canonical().is_loopback() => Self::Local,
            Listen::Tcp(_) => Self::Nobody,
        }
    }

    /// Returns its name, as the HTTP process takes it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Local => "local",
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
            Self::Nobody => Some(NOT_EXPOSED),
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
        let tcp = |address: &str| Listen::Tcp(address.parse().unwrap());
        for (listen, exposed, access) in [
            (Listen::Unix("/x".into()), false, Access::Anyone),
            (tcp("127.0.0.1:1"), false, Access::Local),
            (tcp("[::1]:1"), false, Access::Local),
            (tcp("[::ffff:127.0.0.1]:1"), false, Access::Local),
            (tcp("0.0.0.0:1"), false, Access::Nobody),
            (tcp("[::]:1"), false, Access::Nobody),
            (tcp("192.168.1.1:1"), false, Access::Nobody),
            (tcp("0.0.0.0:1"), true, Access::Anyone),
        ] {
            assert_eq!(Access::of(&listen, exposed), access, "{listen}");
        }
    }
}
