//! A kernel that lacks a hook: its types are shown to the agent without that of one tracepoint or
//! iterator.

use std::fs;
use std::path::PathBuf;

use crate::harness::agent::{binary, scratch};
use crate::tests::Test;
use crate::tests::errors::finish;

/// The tests of this file.
pub(crate) const TESTS: &[Test] =
    &[("host::faults::a_hook_that_the_kernel_lacks_is_named_and_missed_alone", lacking)];

/// The kernel's types, and in them the name of a type for each hook; and whether the agent goes on
/// without it.
const TYPES: &str = "/sys/kernel/btf/vmlinux";
const HOOKS: [(&str, &str, bool); 7] = [
    ("inet_sock_set_state", "btf_trace_inet_sock_set_state", false),
    ("tcp_retransmit_skb", "btf_trace_tcp_retransmit_skb", true),
    ("tcp_retransmit_synack", "btf_trace_tcp_retransmit_synack", true),
    ("tcp_send_reset", "btf_trace_tcp_send_reset", true),
    ("tcp_receive_reset", "btf_trace_tcp_receive_reset", true),
    ("iter_tcp", "bpf_iter_tcp", true),
    ("iter_task_file", "bpf_iter_task_file", true),
];

/// A file that is removed with its handle.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn lacking() {
    let types = fs::read(TYPES).expect("read the kernel's types");
    for (probe, name, goes_on) in HOOKS {
        let file = Temporary(scratch("btf"));
        fs::write(&file.0, without(&types, name)).expect("write the types");
        let line = format!(
            "mount --bind {} {TYPES} && exec '{}' check",
            file.0.display(),
            binary().display()
        );
        let output = finish(&["unshare", "--mount", "sh", "-ec", &line]);
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        let code = if goes_on { 6 } else { 4 };
        assert_eq!(output.status.code(), Some(code), "without {name}: {said}{errors}");
        let lines: Vec<_> = said.lines().filter(|line| line.contains("unsupported")).collect();
        let is_named = |line: &str| line.split_whitespace().next() == Some(probe);
        if goes_on {
            assert!(lines.len() == 1 && lines.iter().all(|line| is_named(line)), "{said}");
        } else {
            assert!(errors.contains(probe), "without {name}: {errors}");
        }
    }
}

/// The types with another name in the place of this one.
fn without(types: &[u8], name: &str) -> Vec<u8> {
    let wanted = [b"\0", name.as_bytes(), b"\0"].concat();
    let at: Vec<_> = types
        .windows(wanted.len())
        .enumerate()
        .filter_map(|(at, found)| (found == wanted).then_some(at + 1))
        .collect();
    assert!(!at.is_empty(), "the kernel has no type {name}");
    let mut types = types.to_vec();
    for at in at {
        types[at] = b'X';
    }
    types
}
