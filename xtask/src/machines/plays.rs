//! What is played, on which machines, and what each play needs. Used by `machines`.
use std::path::{Path, PathBuf};

use crate::arch::Arch;
use crate::workspace;

/// A machine: a release of Debian for a processor, and what is installed besides the usual.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) name: &'static str,
    pub(super) suite: &'static str,
    pub(super) arch: Arch,
    /// Packages, each with a comma before it.
    pub(super) more: &'static str,
}

const DEBIAN_12: Machine =
    Machine { name: "bookworm", suite: "bookworm", arch: Arch::X86, more: "" };
const DEBIAN_13: Machine = Machine { name: "trixie", suite: "trixie", arch: Arch::X86, more: "" };
const DEBIAN_13_ARM: Machine = Machine { name: "trixie-arm64", arch: Arch::Arm, ..DEBIAN_13 };
/// With container runtimes, and what the play with them uses.
const CONTAINERS: Machine = Machine {
    name: "trixie-containers",
    suite: "trixie",
    arch: Arch::X86,
    more: ",podman,crun,containerd,busybox-static,python3-minimal,curl",
};

/// What is played in a machine: a script, with files of the workspace that it uses.
pub(super) struct Play {
    pub(super) name: &'static str,
    script: &'static str,
    files: &'static [&'static str],
    pub(super) needs: Needs,
    /// Oldest first.
    pub(super) machines: &'static [Machine],
}

/// What of this build a play needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// The agent and the tests on the live kernel.
    Programs,
    /// The packages: `old.deb`, `new.deb` with another default, `tcpwarden.rpm`.
    Packages,
    /// The agent, and the container image with it.
    Image,
}

/// Every play.
pub(super) const PLAYS: [Play; 4] = [
    Play {
        name: "truth in the unit",
        script: "xtask/src/machines/unit.sh",
        files: &["xtask/src/machines/in-unit.sh", "deploy/systemd/tcpwarden.service"],
        needs: Needs::Programs,
        machines: &[DEBIAN_12, DEBIAN_13],
    },
    Play {
        name: "packages",
        script: "xtask/src/machines/package.sh",
        files: &["xtask/src/machines/claims.sh", "xtask/src/machines/leak.pl"],
        needs: Needs::Packages,
        machines: &[DEBIAN_12, DEBIAN_13, DEBIAN_13_ARM],
    },
    Play {
        name: "cost in the unit",
        script: "xtask/src/machines/cost.sh",
        files: &["xtask/src/machines/claims.sh", "xtask/src/machines/load.pl"],
        needs: Needs::Packages,
        machines: &[DEBIAN_13],
    },
    Play {
        name: "containers",
        script: "xtask/src/machines/containers/main.sh",
        files: &[
            "xtask/src/machines/claims.sh",
            "xtask/src/machines/containers/leak.py",
            "xtask/src/machines/containers/cri.py",
        ],
        needs: Needs::Image,
        machines: &[CONTAINERS],
    },
];

impl Play {
    /// Returns its files, each with its name in the machine.
    pub(super) fn files(&self) -> Vec<(PathBuf, &'static str)> {
        let of = |file: &'static str| {
            Path::new(file).file_name().and_then(|name| name.to_str()).unwrap_or(file)
        };
        let at = |file: &str| workspace::root().join(file);
        let mut files = vec![(at(self.script), "main.sh")];
        files.extend(self.files.iter().map(|&file| (at(file), of(file))));
        files
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn text(file: &str) -> String {
        std::fs::read_to_string(workspace::root().join(file)).unwrap()
    }

    #[test]
    fn every_file_of_a_play_is_there_and_has_a_name_of_its_own() {
        for play in PLAYS {
            let files = play.files();
            let names: BTreeSet<_> = files.iter().map(|(_, name)| *name).collect();
            assert_eq!(names.len(), files.len(), "{}", play.name);
            for (file, _) in files {
                assert!(file.is_file(), "{}", file.display());
            }
        }
    }

    #[test]
    fn machines_with_other_packages_have_other_names() {
        for one in PLAYS.iter().flat_map(|play| play.machines) {
            for other in PLAYS.iter().flat_map(|play| play.machines) {
                assert_eq!(one.name == other.name, one == other);
            }
        }
    }

    /// The capabilities that the chart adds whatever its values are.
    fn added(chart: &str) -> BTreeSet<&str> {
        let (_, list) = chart.split_once("              add:\n").unwrap();
        let lines = list.lines().map(str::trim).take_while(|line| !line.starts_with("{{-"));
        lines.filter_map(|line| line.strip_prefix("- ")).collect()
    }

    #[test]
    fn the_agent_of_the_play_has_what_the_chart_gives_it_and_no_more() {
        let chart = text("deploy/helm/tcpwarden/templates/daemonset.yaml");
        let play = text("xtask/src/machines/containers/main.sh");
        let (_, options) = play.split_once("--name agent \\\n").unwrap();
        let (options, _) = options.split_once(" run \"--listen").unwrap();
        let words: Vec<&str> = options.split_whitespace().filter(|word| *word != "\\").collect();
        let given = words.iter().find_map(|word| word.strip_prefix("--cap-add=")).unwrap();
        assert_eq!(given.split(',').collect::<BTreeSet<_>>(), added(&chart));
        for (field, option) in [
            ("drop: [ALL]", "--cap-drop=ALL"),
            ("hostPID: ", "--pid=host"),
            ("hostNetwork: ", "--network=host"),
            ("runAsUser: 0", "--user=0:0"),
            ("allowPrivilegeEscalation: false", "--security-opt=no-new-privileges"),
            ("readOnlyRootFilesystem: true", "--read-only"),
            (
                "- name: TCPWARDEN_AGENT",
                "--env=\"TCPWARDEN_AGENT=unix:/run/tcpwarden/tcpwarden.sock\"",
            ),
            ("mountPath: /sys/fs/cgroup", "--volume=/sys/fs/cgroup:/sys/fs/cgroup:ro"),
            (
                "mountPath: /run/tcpwarden",
                "--mount=type=tmpfs,destination=/run/tcpwarden,tmpfs-size=1m",
            ),
        ] {
            assert!(chart.contains(field), "{field}");
            assert!(words.contains(&option), "{option}");
        }
        assert!(chart.contains("privileged: false") && !words.contains(&"--privileged"));
        let values = text("deploy/helm/tcpwarden/values.yaml");
        let profile = "appArmorProfile:\n  type: Unconfined";
        assert!(values.contains(profile) && words.contains(&"--security-opt=apparmor=unconfined"));
    }
}
