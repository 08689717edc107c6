//! What is shipped for Kubernetes (`deploy/kubernetes`, and the chart that it is rendered from):
//! this program takes what it is given there, and is given what it needs.

use std::collections::BTreeSet;
use std::path::Path;

use yaml_rust2::{Yaml, YamlLoader};

use super::file::File;
use super::*;
use crate::cli::{self, Command};
use crate::client::Address;
use crate::pressure::memory;

const MANIFEST: &str = include_str!("../../../deploy/kubernetes/tcpwarden.yaml");
const CAPABILITIES: &str = include_str!("../../../docs/capabilities.md");
/// The files of the chart that give options or name them.
const CHART: [&str; 3] = [
    include_str!("../../../deploy/helm/tcpwarden/templates/daemonset.yaml"),
    include_str!("../../../deploy/helm/tcpwarden/templates/_helpers.tpl"),
    include_str!("../../../deploy/helm/tcpwarden/values.yaml"),
];
const EVERYTHING: &str = include_str!("../../../deploy/helm/tcpwarden/ci/everything-values.yaml");
/// Pages that name them once more, each with its separator.
const NAMED_IN: [(&str, &str); 2] = [
    (include_str!("../../../docs/install.md"), ","),
    (include_str!("../../../deploy/helm/tcpwarden/README.md"), ", "),
];

/// Returns the pod of the agent.
fn pod() -> Yaml {
    let objects = YamlLoader::load_from_str(MANIFEST).unwrap();
    let mut daemons = objects.iter().filter(|one| one["kind"].as_str() == Some("DaemonSet"));
    let pod = daemons.next().unwrap()["spec"]["template"]["spec"].clone();
    assert!(daemons.next().is_none() && !pod.is_badvalue());
    pod
}

/// Returns the members of a list.
fn list(value: &Yaml) -> &[Yaml] {
    value.as_vec().map_or(&[], Vec::as_slice)
}

/// Returns the one member of a list whose `key` is `value`.
fn with<'a>(all: &'a Yaml, key: &str, value: &str) -> &'a Yaml {
    let found = list(all).iter().find(|one| one[key].as_str() == Some(value));
    found.unwrap_or_else(|| panic!("none with {key} = {value}: {all:?}"))
}

/// Returns the configuration that the container's arguments are.
fn config(container: &Yaml) -> RunConfig {
    let arguments = list(&container["args"]).iter().map(|one| one.as_str().unwrap());
    let arguments = arguments.map(|one| one.replace("$(POD_IP)", "10.0.0.5"));
    let cli = cli::parse(std::iter::once("tcpwarden".to_owned()).chain(arguments)).unwrap();
    let Command::Run(run) = cli.command else { panic!("not run") };
    RunConfig::load(&run, &|_name| None).unwrap()
}

#[test]
fn the_command_line_of_the_manifest_is_taken_and_its_commands_find_the_agent() {
    let pod = pod();
    let container = &pod["containers"][0];
    let config = config(container);
    assert_eq!(config.workload_label, Naming::Name);
    assert_eq!(config.listen.value, [Listen::Tcp("10.0.0.5:10793".parse().unwrap())]);
    assert!(!config.expose_connections && !config.keep_privileges);
    assert_eq!(config.max_connections, None, "the agent finds its limit");
    let socket = config.socket.value.unwrap();
    let names = list(&container["env"]).iter().filter_map(|one| one["name"].as_str());
    assert_eq!(unknown_variables(names.map(OsString::from)), [""; 0]);
    let agent = with(&container["env"], "name", "TCPWARDEN_AGENT")["value"].as_str().unwrap();
    assert_eq!(agent, format!("unix:{}", socket.display()));
    assert!(agent.parse::<Address>().is_ok());
}

#[test]
fn every_option_that_the_chart_gives_or_names_is_one_of_run() {
    let command = cli::command();
    let run = command.find_subcommand("run").unwrap();
    let known: BTreeSet<&str> = run.get_arguments().filter_map(clap::Arg::get_long).collect();
    let named = CHART.iter().flat_map(|text| text.split("--").skip(1));
    let named = named.map(|rest| {
        let end = rest.find(|it: char| !it.is_ascii_lowercase() && it != '-');
        &rest[..end.unwrap_or(rest.len())]
    });
    let named: BTreeSet<&str> = named.filter(|name| !name.is_empty()).collect();
    assert!(named.contains("socket") && named.contains("workload-label"), "{named:?}");
    assert!(named.is_subset(&known), "{named:?}");
}

#[test]
fn the_configuration_file_among_the_charts_examples_is_right() {
    let values = YamlLoader::load_from_str(EVERYTHING).unwrap();
    let text = values[0]["config"].as_str().unwrap();
    let file = File::parse(Path::new("/etc/tcpwarden/config/tcpwarden.toml"), text).unwrap();
    let config = RunConfig::merge(&RunArgs::default(), &|_name| None, &file).unwrap();
    assert_eq!(config.expected.len(), 1);
}

#[test]
fn the_manifest_has_a_folder_for_the_socket_file_and_those_that_are_read() {
    let pod = pod();
    let container = &pod["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"].as_bool(), Some(true));
    let volume = |path: &str| {
        let mount = with(&container["volumeMounts"], "mountPath", path);
        (mount, with(&pod["volumes"], "name", mount["name"].as_str().unwrap()))
    };
    let folder = Path::new(DEFAULT_SOCKET).parent().unwrap().to_str().unwrap();
    let (mount, own) = volume(folder);
    assert_eq!(own["emptyDir"]["medium"].as_str(), Some("Memory"));
    assert!(mount["readOnly"].is_badvalue());
    let (mount, cgroups) = volume("/sys/fs/cgroup");
    assert_eq!(cgroups["hostPath"]["path"].as_str(), Some("/sys/fs/cgroup"));
    assert_eq!(mount["readOnly"].as_bool(), Some(true));
    // Names of containers are below /proc/1/root then.
    assert_eq!(pod["hostPID"].as_bool(), Some(true));
}

#[test]
fn the_limit_of_memory_in_the_manifest_has_room_for_every_row() {
    let pod = pod();
    let resources = &pod["containers"][0]["resources"];
    let bytes = |of: &str| {
        let text = resources[of]["memory"].as_str().unwrap().strip_suffix("Mi").unwrap();
        text.parse::<u64>().unwrap() << 20
    };
    assert!(bytes("requests") >= memory::LEAST);
    let config = config(&pod["containers"][0]);
    let rings = u64::from(config.ring_bytes) + u64::from(config.retransmit_ring_bytes);
    assert_eq!(memory::rows(Some(bytes("limits")), rings), memory::rows(None, rings));
}

#[test]
fn the_capabilities_of_the_manifest_are_those_that_are_documented_as_needed() {
    let rows = CAPABILITIES.lines().filter(|line| line.starts_with("| CAP_"));
    let needed = rows.filter(|row| !row.contains("optional") && !row.contains("before Linux"));
    let needed: BTreeSet<&str> = needed
        .flat_map(|row| row.trim_start_matches("| ").split(" |").next().unwrap().split(", "))
        .map(|name| name.strip_prefix("CAP_").unwrap())
        .collect();
    let pod = pod();
    let capabilities = &pod["containers"][0]["securityContext"]["capabilities"];
    let texts = |what: &str| -> Vec<String> {
        list(&capabilities[what]).iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    let added = texts("add");
    assert_eq!(added.iter().map(String::as_str).collect::<BTreeSet<_>>(), needed);
    assert_eq!(texts("drop"), ["ALL"]);
    for (page, between) in NAMED_IN {
        assert!(page.contains(&added.join(between)), "{}", added.join(between));
    }
}
