//! The bundles of containerd: what the CRI plugin, and nerdctl, note in the OCI annotations.
//!
//! Facts: a task's bundle is `STATE/io.containerd.runtime.v2.task/NAMESPACE/ID` (containerd 1.3 to
//! 2.1), where the CRI plugin uses the namespace `k8s.io` and nerdctl `default`; k3s, RKE2, k0s and
//! MicroK8s have a state directory of their own. `config.json` is there before the first process
//! of the container.

use serde::Deserialize;

use super::files::Files;
use super::{Names, image, name};

/// The state directories, below the root.
const STATES: [&str; 4] = [
    "run/containerd",
    "run/k3s/containerd",
    "run/k0s/containerd",
    "var/snap/microk8s/common/run/containerd",
];
/// The namespaces of containerd.
const NAMESPACES: [&str; 2] = ["k8s.io", "default"];

/// The runtime specification, as far as it is read.
#[derive(Deserialize)]
struct Config {
    annotations: Option<Annotations>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotations {
    #[serde(rename = "io.kubernetes.cri.sandbox-namespace")]
    namespace: String,
    #[serde(rename = "io.kubernetes.cri.sandbox-name")]
    pod: String,
    #[serde(rename = "io.kubernetes.cri.container-name")]
    container: String,
    #[serde(rename = "io.kubernetes.cri.image-name")]
    image: String,
    #[serde(rename = "nerdctl/name")]
    nerdctl: String,
}

/// Returns the names of a container.
pub(super) fn names(files: &Files, id: &str) -> Option<Names> {
    STATES.iter().flat_map(|state| NAMESPACES.map(|space| (state, space))).find_map(
        |(state, space)| {
            let path = format!("{state}/io.containerd.runtime.v2.task/{space}/{id}/config.json");
            files.read(&path).and_then(|text| parse(&text))
        },
    )
}

/// Returns the names in the text of `config.json`.
pub(super) fn parse(text: &[u8]) -> Option<Names> {
    let config: Config = serde_json::from_slice(text).ok()?;
    let found = config.annotations?;
    let container = if found.container.is_empty() { &found.nerdctl } else { &found.container };
    Names {
        namespace: name(&found.namespace),
        pod: name(&found.pod),
        container: name(container),
        image: image(&found.image),
        ..Names::default()
    }
    .if_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_of_a_pod_is_read_from_its_annotations() {
        let text = br#"{"ociVersion":"1.1.0","process":{"args":["/bin/sh"],"env":["A=1"]},
            "annotations":{"io.kubernetes.cri.container-name":"web",
            "io.kubernetes.cri.container-type":"container",
            "io.kubernetes.cri.image-name":"registry.example/shop/web:1.4",
            "io.kubernetes.cri.sandbox-id":"446c65ab43d4","io.kubernetes.cri.sandbox-name":
            "web-64df67bd8b-xmzhv","io.kubernetes.cri.sandbox-namespace":"shop",
            "io.kubernetes.cri.sandbox-uid":"1b4e28ba"},"linux":{"namespaces":[]}}"#;
        let names = parse(text).unwrap();
        let image = "registry.example/shop/web:1.4";
        assert_eq!(names.texts(), ["shop", "web-64df67bd8b-xmzhv", "web", image, "", ""]);
    }

    #[test]
    fn the_sandbox_of_a_pod_has_no_container() {
        let text = br#"{"annotations":{"io.kubernetes.cri.container-type":"sandbox",
            "io.kubernetes.cri.sandbox-name":"db-0","io.kubernetes.cri.sandbox-namespace":"x"}}"#;
        assert_eq!(parse(text).unwrap().texts(), ["x", "db-0", "", "", "", ""]);
    }

    #[test]
    fn a_container_of_nerdctl_has_a_name_alone() {
        let text = br#"{"annotations":{"nerdctl/name":"proxy","nerdctl/namespace":"default"}}"#;
        assert_eq!(parse(text).unwrap().texts(), ["", "", "proxy", "", "", ""]);
    }

    #[test]
    fn what_is_no_such_file_has_no_names() {
        for text in [
            &b""[..],
            b"{",
            b"[]",
            b"null",
            b"{}",
            br#"{"annotations":null}"#,
            br#"{"annotations":{}}"#,
            br#"{"annotations":{"io.kubernetes.cri.sandbox-name":7}}"#,
            br#"{"annotations":{"io.kubernetes.cri.sandbox-name":"a\u0000/../b"}}"#,
            &[0xff; 64],
        ] {
            assert_eq!(parse(text), None, "{}", text.escape_ascii());
        }
        let deep = [vec![b'['; 100_000], b"]".to_vec()].concat();
        assert_eq!(parse(&deep), None);
    }

    #[test]
    fn a_name_with_a_letter_that_none_has_is_left_out_and_the_others_stay() {
        let text = br#"{"annotations":{"io.kubernetes.cri.sandbox-name":"a b\n",
            "io.kubernetes.cri.sandbox-namespace":"~other","io.kubernetes.cri.container-name":"c",
            "io.kubernetes.cri.image-name":"~i\u001b[31m"}}"#;
        assert_eq!(parse(text).unwrap().texts(), ["", "", "c", "\u{fffd}i[31m", "", ""]);
    }
}
