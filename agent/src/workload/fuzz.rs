//! What holds for any text in place of the path of a cgroup, or of `/proc/PID/cgroup`.

use super::path::workload_at;
use super::{MAX_NAME, MAX_PATH, Workload, process};

/// Every name is bounded and fit to be a label: without control characters, and without `~` at its
/// front.
pub(crate) fn cgroup(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    is_fit(&workload_at(&text));
    if let Some(workload) = process::parse(&text) {
        is_fit(&workload);
    }
}

fn is_fit(found: &Workload) {
    for name in [&*found.name, &*found.container_id, &*found.pod_uid, &*found.cgroup] {
        assert!(!name.starts_with('~') && !name.chars().any(char::is_control), "{name:?}");
    }
    assert!(!found.name.is_empty() && found.name.len() <= MAX_NAME, "{found:?}");
    assert!(found.container_id.len() <= MAX_NAME && found.pod_uid.len() <= 36, "{found:?}");
    assert!(found.cgroup.len() <= MAX_PATH, "{found:?}");
}
