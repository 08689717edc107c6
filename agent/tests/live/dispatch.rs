//! What this program does when it is started as a helper process. Called first by `main`.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;

use crate::roles::{NAME, ROLE, hold, say};
use crate::{cases, handover, mix};

/// Plays the role named in the environment, if there is one, or holds a network namespace.
///
/// `connect ADDRESS COUNT` and `listen ADDRESS COUNT` hold connections; `listen` prints its address
/// first. The other roles are those of [`handover`], [`cases`] and [`mix`].
pub(crate) fn dispatch() -> Option<ExitCode> {
    if let Some(code) = testkit::netns::dispatch() {
        return Some(code);
    }
    let role = std::env::var(ROLE).ok()?;
    let name = std::env::var(NAME).unwrap_or_default();
    std::fs::write("/proc/self/comm", name).expect("set the name of this process");
    match *role.split(' ').collect::<Vec<_>>() {
        ["connect", address, count] => {
            let address: SocketAddr = address.parse().expect("an address");
            let count = count.parse().expect("a count");
            let streams: Vec<_> =
                (0..count).map(|_| TcpStream::connect(address).expect("connect")).collect();
            hold(streams);
        }
        ["listen", address, count] => {
            let listener = TcpListener::bind(address).expect("listen");
            say(&listener.local_addr().expect("its address").to_string());
            let count = count.parse().expect("a count");
            let streams: Vec<_> = (0..count).map(|_| listener.accept().expect("accept")).collect();
            hold((listener, streams));
        }
        ref words => {
            let is_known = handover::play(words) || cases::play(words) || mix::play(words);
            assert!(is_known, "no role is called {role:?}");
        }
    }
    Some(ExitCode::SUCCESS)
}
