//! What a process takes, with all that it has started: memory and descriptors.

use std::fs;

use anyhow::{Context as _, Result};

/// What a process and its descendants take together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory in bytes, what is shared by several processes divided among them (`Pss`).
    pub memory: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// Processes.
    pub processes: u64,
}

impl Usage {
    /// Reads it; a descendant that ends meanwhile is left out.
    ///
    /// # Errors
    /// The process has ended, or the kernel does not let this one look.
    pub fn of(pid: u32) -> Result<Self> {
        let mut usage = Self::one(pid).with_context(|| format!("what process {pid} takes"))?;
        let mut ids = children(pid);
        while let Some(id) = ids.pop() {
            if let Some(one) = Self::one(id) {
                usage.memory += one.memory;
                usage.descriptors += one.descriptors;
                usage.processes += 1;
            }
            ids.extend(children(id));
        }
        Ok(usage)
    }

    fn one(pid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
        let descriptors = u64::try_from(descriptors).ok()?;
        Some(Self { memory: kibibytes * 1024, descriptors, processes: 1 })
    }
}

/// The processes that the threads of a process have started and that run.
fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::Launch;
    use crate::process::Ending;

    #[test]
    fn a_process_is_counted_with_its_child() {
        let mut command = std::process::Command::new("sh");
        // Without another descriptor the first would read /dev/null, and end at once.
        command.args(["-c", "exec 3<&0; cat <&3 & echo ready; cat"]);
        let shell = Launch::new("a shell", command).ending(Ending::Input).spawn().unwrap();
        shell.expect_line("ready", std::time::Duration::from_secs(20)).unwrap();
        let found = crate::wait::poll(std::time::Duration::from_secs(20), || {
            Usage::of(shell.id()).ok().filter(|usage| usage.processes == 3)
        });
        let usage = found.expect("a shell with two children");
        assert!(usage.memory > 0 && usage.descriptors >= 9, "{usage:?}");
        assert!(Usage::of(0).is_err());
    }
}
