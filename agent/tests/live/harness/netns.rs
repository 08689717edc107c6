//! A network namespace of the test's own: testkit's, with a panic where that has an error.
//!
//! Nothing has to be removed: it goes with its holder, and the holder when its standard input
//! closes.

use std::ops::Deref;

/// A network namespace with loopback up.
pub(crate) struct Netns(testkit::netns::Netns);

impl Netns {
    /// A fresh namespace with nothing in it but `lo`.
    pub(crate) fn new() -> Self {
        Self(testkit::netns::Netns::new().expect("make a network namespace"))
    }

    /// Two namespaces joined by a cable: `10.77.0.1` and `fd77::1` here, `.2` and `::2` there.
    pub(crate) fn joined() -> (Self, Self) {
        let (here, there) = (Self::new(), Self::new());
        testkit::veth::join(&here.0, &there.0).expect("join two network namespaces");
        (here, there)
    }

    /// Runs `work` on a thread inside the namespace; sockets it makes stay there wherever they are
    /// used.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.0.enter(work).expect("enter the network namespace")
    }

    /// Sets a sysctl of the namespace, named by its path below `/proc/sys`.
    pub(crate) fn sysctl(&self, path: &str, value: &str) {
        self.0.sysctl(path, value).expect("a setting of the network namespace");
    }

    /// Loads nftables rules, one a line.
    pub(crate) fn filter(&self, rules: &str) {
        self.0.filter(rules).expect("rules of the network namespace");
    }
}

impl Deref for Netns {
    type Target = testkit::netns::Netns;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Runs a command line of plain words and panics if it fails.
pub(crate) fn run(line: &str) {
    testkit::shell::run(line).expect("a command");
}
