//! Who holds which socket, by the descriptor tables in `/proc`: the judge over the agent's owners.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::kernel::listed_state;

/// The sockets of a network namespace that processes hold: the state of each, and its holders' names.
pub(crate) fn of(namespace: u32) -> Vec<(&'static str, BTreeSet<String>)> {
    let mut sockets = BTreeMap::new();
    for file in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("/proc/{namespace}/net/{file}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let inode = line.split_whitespace().nth(9).unwrap_or_default();
            if let Some(state) = listed_state(line) {
                sockets.insert(format!("socket:[{inode}]"), (state, BTreeSet::new()));
            }
        }
    }
    for process in fs::read_dir("/proc").expect("read /proc").flatten() {
        let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        for descriptor in fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten() {
            let target = fs::read_link(descriptor.path()).unwrap_or_default();
            if let Some((_, names)) = sockets.get_mut(target.to_string_lossy().as_ref()) {
                names.insert(name.trim().to_owned());
            }
        }
    }
    sockets.into_values().filter(|(_, names)| !names.is_empty()).collect()
}
