//! The program where nothing else is: no C library, no modules of one, no distribution.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Output;

use super::Test;
use super::errors::{expect, finish};
use crate::harness::agent::{Agent, binary, scratch};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("host::root::an_empty_one_is_enough", empty),
    ("host::root::modules_that_a_file_names_and_nobody_has_are_not_missed", without_modules),
];

/// What Fedora 40 has in `/etc/nsswitch.conf`, as far as it is read here. None of the modules is in
/// a root that is empty.
const SWITCH: &str = "passwd: files systemd\ngroup: files [SUCCESS=merge] systemd\n\
    hosts: files myhostname resolve [!UNAVAIL=return] dns\nnetworks: files dns\n";

/// A root with the program and with folders to mount on, which is removed at the end.
struct Root(PathBuf);

impl Root {
    fn new() -> Self {
        let root = Self(scratch("root"));
        for folder in ["proc", "sys"] {
            fs::create_dir_all(root.0.join(folder)).expect("a folder of the root");
        }
        let program = root.0.join("tcpwarden");
        fs::copy(binary(), &program).expect("copy the program");
        fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("make it executable");
        root
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder of the root");
        fs::write(path, text).expect("a file of the root");
    }

    /// Runs the program in it, with these of the machine's file systems. They are mounted in a
    /// namespace that ends with the program, so that nothing of them is ever removed.
    fn run(&self, mounts: &[&str], words: &[&str]) -> Output {
        let root = self.0.display();
        let mount = |name: &&str| format!("mount --rbind /{name} {root}/{name} && ");
        let mounts = mounts.iter().map(mount).collect::<Vec<_>>().concat();
        let line = format!("{mounts}exec chroot {root} /tcpwarden \"$@\"");
        finish(&[&["unshare", "--mount", "sh", "-c", &line, "sh"][..], words].concat())
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns how many probes `check` has attached.
fn attached(check: &Output) -> usize {
    let said = String::from_utf8_lossy(&check.stdout);
    said.lines().filter(|line| line.contains("attached")).count()
}

fn empty() {
    let root = Root::new();
    expect(&root.run(&[], &["--version"]), 0, &[]);
    // The types of the kernel are in /sys.
    expect(&root.run(&["proc"], &["check"]), 4, &["btf"]);
    let (here, there) = (finish(&["tcpwarden", "check"]), root.run(&["proc", "sys"], &["check"]));
    expect(&there, here.status.code().expect("an exit code"), &[]);
    assert!(attached(&here) > 0);
    assert_eq!(attached(&there), attached(&here), "the probes in the root and outside of it");
    let agent = Agent::start_on_tcp();
    expect(&root.run(&["proc"], &["leaks", "--agent", &agent.address()]), 0, &[]);
}

fn without_modules() {
    let root = Root::new();
    root.write("etc/nsswitch.conf", SWITCH);
    root.write("etc/hosts", "127.0.0.1 localhost\n");
    root.write("etc/group", "root:x:0:\nwatchers:x:4711:\n");
    let agent = Agent::start_on_tcp();
    let address = agent.address();
    let (_, port) = address.rsplit_once(':').expect("a port");
    // An agent on loopback answers by no other name.
    let local = format!("http://localhost:{port}");
    for (named, code) in [(&*local, 0), ("http://nowhere.invalid:1", 7)] {
        expect(&root.run(&["proc"], &["leaks", "--agent", named]), code, &[]);
    }
    // A group that is known is followed by the next error, that of the address.
    let listen = ["run", "--listen", "unix:/missing/agent.sock", "--socket-group"];
    for (group, code, word) in [("watchers", 5, "/missing"), ("others", 2, "socket-group")] {
        expect(&root.run(&["proc", "sys"], &[&listen[..], &[group]].concat()), code, &[word]);
    }
}
