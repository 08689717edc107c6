//! Where the agent serves: what a service manager has handed over, the addresses, and the socket
//! file beside them.
//!
//! Called by `run` before anything else is started. Guarantees: an address that cannot be had ends
//! the start; a socket file beside the addresses that cannot be had is a warning.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Context as _;

use crate::config::{Listen, RunConfig};
use crate::exit::Error;
use crate::http::{self, Access, Bound, Passed};
use crate::print_line;

/// Binds all of them. What was handed over takes the place of the default of its kind.
///
/// # Errors
/// An address that cannot be had.
pub(super) fn bind(
    config: &RunConfig,
    passed: Vec<Passed>,
    is_tls: bool,
) -> Result<Vec<Bound>, Error> {
    let plan = Plan::of(config, &passed);
    let access =
        |address: SocketAddr| Access::of(address.ip(), config.expose_connections, plan.is_alone);
    let mut all = Vec::new();
    for one in passed {
        let asked = match &one {
            Passed::Tcp(listener) if one.is_here() => {
                access(listener.local_addr().context("its address")?)
            }
            Passed::Tcp(_) => {
                tracing::warn!(
                    "a listener of another network namespace was handed over: it serves /metrics, \
                     and /api with --expose-connections only"
                );
                Access::of(Ipv4Addr::UNSPECIFIED.into(), config.expose_connections, true)
            }
            Passed::Unix(_, path) => {
                warn_of_others(path);
                Access::File
            }
        };
        let bound = Bound::passed(one, asked).context("cannot use what was handed over")?;
        all.push(bound);
    }
    for listen in &plan.listen {
        let asked = match listen {
            Listen::Tcp(address) => access(*address),
            Listen::Unix(_) => Access::File,
        };
        all.push(Bound::take(listen, config.socket_group, asked)?);
    }
    let handed_alone = !all.iter().any(|one| one.is_file() && one.is_own());
    all.extend(plan.socket.and_then(|path| beside(path, config.socket_group)));
    if config.socket_group.is_some() && plan.socket.is_none() && handed_alone {
        tracing::warn!(
            "--socket-group has no effect: the only socket files were handed over, and have the \
             group that their socket unit gives them"
        );
    }
    let told = |bound: Bound| if is_tls { bound.over_tls() } else { bound };
    Ok(all.into_iter().map(told).collect())
}

/// Prints a line for each, in order. A reader that reads nothing delays the agent once.
pub(super) fn print(bound: &[Bound]) {
    let lines: Vec<_> = bound.iter().map(|one| format!("listening on {}", one.url())).collect();
    print_line(&lines.join("\n"));
}

/// What is bound besides what was handed over.
struct Plan<'a> {
    listen: Vec<&'a Listen>,
    socket: Option<&'a Path>,
    /// Whether other machines can reach every address, and nobody wants a socket file: then no
    /// query is answered at all.
    is_alone: bool,
}

impl<'a> Plan<'a> {
    fn of(config: &'a RunConfig, passed: &[Passed]) -> Self {
        let (mut addresses, mut paths) = (Vec::new(), Vec::new());
        for one in passed {
            match one {
                Passed::Tcp(listener) if one.is_here() => addresses.extend(listener.local_addr()),
                Passed::Tcp(_) => {}
                Passed::Unix(_, path) => paths.push(path.as_path()),
            }
        }
        let is_there = |listen: &Listen| match listen {
            Listen::Tcp(address) => addresses.contains(address),
            Listen::Unix(path) => paths.contains(&path.as_path()),
        };
        let has_tcp = passed.iter().any(|one| matches!(one, Passed::Tcp(_)));
        let has_default = config.listen.is_default && has_tcp;
        let listen = config.listen.value.iter().filter(|one| !has_default && !is_there(one));
        let listen: Vec<&Listen> = listen.collect();
        let is_named = |path: &Path| {
            paths.contains(&path) || listen.iter().any(|one| *one == &Listen::Unix(path.into()))
        };
        let has_file = config.socket.is_default && !paths.is_empty();
        let socket = config.socket.value.as_deref().filter(|path| !has_file && !is_named(path));
        let is_near = |address: &SocketAddr| address.ip().to_canonical().is_loopback();
        let anyone_can_ask = !paths.is_empty()
            || config.socket.value.is_some()
            || addresses.iter().any(is_near)
            || listen.iter().any(|one| match one {
                Listen::Tcp(address) => is_near(address),
                Listen::Unix(_) => true,
            });
        Self { listen, socket, is_alone: !anyone_can_ask }
    }
}

/// Makes the socket file beside the addresses; `None`, with a warning, if it cannot be had.
fn beside(path: &Path, group: Option<u32>) -> Option<Bound> {
    let file = path.display();
    let error = match Bound::beside(path, group) {
        Ok(bound) => return Some(bound),
        // Better one for the agent's user alone than none.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && group.is_some() => {
            return beside(path, None).inspect(|_bound| {
                tracing::warn!("{error}: the socket file {file} is for the agent's user alone");
            });
        }
        Err(error) => error,
    };
    if error.kind() == io::ErrorKind::AddrInUse {
        tracing::warn!(
            "the socket file {file} is that of {}: this agent serves its addresses only; --socket \
             names another file, or none",
            who_listens(path)
        );
    } else {
        tracing::warn!(
            "there is no socket file {file} ({error}): this agent serves its addresses only; \
             --socket names another file, or none"
        );
    }
    None
}

/// Returns words for the process that called `listen` on a socket file. A daemon may have forked
/// since, and a service manager listens for others.
fn who_listens(path: &Path) -> String {
    let Some(pid) = Bound::holder(path) else { return "another process".to_owned() };
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    match name.trim_end() {
        "tcpwarden" => format!("a living agent (pid {pid})"),
        "" => format!("another process (pid {pid} made it)"),
        name => format!("another process (pid {pid}, {name:?}, made it)"),
    }
}

/// Warns of a socket file of a service manager that any user may use, as far as this process sees.
fn warn_of_others(path: &Path) {
    if !http::is_private(path) {
        tracing::warn!(
            "any user may ask on the socket file {}, so arguments of processes are not shown \
             there: SocketMode=0600 of its socket unit, and a place that the agent sees, change \
             that",
            path.display()
        );
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::config::RunArgs;

    fn config(listen: &[&str], socket: Option<&str>) -> RunConfig {
        let listen = listen.iter().map(|text| (*text).to_owned()).collect();
        let arguments = RunArgs { listen, socket: socket.map(str::to_owned), ..RunArgs::default() };
        RunConfig::load(&arguments, &|_name| None).unwrap()
    }

    fn planned(config: &RunConfig, passed: &[Passed]) -> (Vec<String>, Option<String>, bool) {
        let plan = Plan::of(config, passed);
        let socket = plan.socket.map(|path| path.display().to_string());
        (plan.listen.iter().map(ToString::to_string).collect(), socket, plan.is_alone)
    }

    const SOCKET: &str = "/run/tcpwarden/tcpwarden.sock";

    #[test]
    fn the_socket_file_is_beside_every_address_unless_told_otherwise() {
        let of = |listen: &[&str], socket| planned(&config(listen, socket), &[]);
        let usual = Some(SOCKET.to_owned());
        let local = || vec!["127.0.0.1:10793".to_owned()];
        assert_eq!(of(&[], None), (local(), usual.clone(), false));
        assert_eq!(of(&[], Some("none")), (local(), None, false));
        assert_eq!(of(&["unix:/x"], None).1, usual, "beside a socket file, too");
        assert_eq!(of(&["unix:/x"], Some("/x")).1, None, "it is that file already");
        assert_eq!(
            of(&["0.0.0.0:1"], Some("/y")),
            (vec!["0.0.0.0:1".into()], Some("/y".into()), false)
        );
        assert!(of(&["0.0.0.0:1"], Some("none")).2, "nobody can ask");
        assert!(!of(&["0.0.0.0:1", "127.0.0.1:1"], Some("none")).2, "who asks on loopback can");
    }

    #[test]
    fn what_was_handed_over_takes_the_place_of_the_default_of_its_kind() {
        let path =
            std::env::temp_dir().join(format!("tcpwarden-{}-passed.sock", std::process::id()));
        let unix = UnixListener::bind(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let file = [Passed::Unix(unix, path.clone())];
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap().to_string();
        let port = [Passed::Tcp(tcp)];
        let usual = Some(SOCKET.to_owned());
        assert_eq!(planned(&config(&[], None), &port), (vec![], usual, false));
        let local = vec!["127.0.0.1:10793".to_owned()];
        assert_eq!(planned(&config(&[], None), &file), (local, None, false));
        let both = config(&[&address, "127.0.0.1:1"], Some("/x"));
        assert_eq!(planned(&both, &port), (vec!["127.0.0.1:1".into()], Some("/x".into()), false));
        let same = config(&["0.0.0.0:1"], path.to_str());
        assert_eq!(planned(&same, &file), (vec!["0.0.0.0:1".into()], None, false));
    }
}
