//! The bundles of CRI-O: what it notes in the OCI annotations.
//!
//! Facts: the runtime specification is kept in the container's `userdata`, below the run root and
//! below the graph root of containers/storage (CRI-O 1.20 to 1.33 with their defaults), before the
//! first process of the container.

use serde::Deserialize;

use super::files::Files;
use super::{Names, image, name};

/// The folders of containers, below the root.
const PLACES: [&str; 2] =
    ["run/containers/storage/overlay-containers", "var/lib/containers/storage/overlay-containers"];

/// The runtime specification, as far as it is read.
#[derive(Deserialize)]
struct Config {
    annotations: Option<Annotations>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotations {
    #[serde(rename = "io.kubernetes.pod.namespace")]
    namespace: String,
    #[serde(rename = "io.kubernetes.pod.name")]
    pod: String,
    #[serde(rename = "io.kubernetes.container.name")]
    container: String,
    #[serde(rename = "io.kubernetes.cri-o.ImageName")]
    image: String,
}

/// Returns the names of a container.
pub(super) fn names(files: &Files, id: &str) -> Option<Names> {
    PLACES.iter().find_map(|place| {
        let text = files.read(&format!("{place}/{id}/userdata/config.json"))?;
        parse(&text)
    })
}

/// Returns the names in the text of `config.json`. That of podman has the same place and none of
/// these annotations.
pub(super) fn parse(text: &[u8]) -> Option<Names> {
    let config: Config = serde_json::from_slice(text).ok()?;
    let found = config.annotations?;
    // The name that CRI-O gives the sandbox itself.
    let container = if found.container == "POD" { "" } else { &found.container };
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
        let text = br#"{"annotations":{"io.container.manager":"cri-o",
            "io.kubernetes.container.name":"server",
            "io.kubernetes.cri-o.ContainerType":"container",
            "io.kubernetes.cri-o.ImageName":"quay.io/shop/db:16","io.kubernetes.pod.name":"db-0",
            "io.kubernetes.cri-o.Labels":"{\"a\":\"db\"}","io.kubernetes.pod.namespace":"shop"}}"#;
        let names = parse(text).unwrap();
        assert_eq!(names.texts(), ["shop", "db-0", "server", "quay.io/shop/db:16", "", ""]);
    }

    #[test]
    fn the_sandbox_of_a_pod_has_no_container() {
        let text = br#"{"annotations":{"io.kubernetes.container.name":"POD",
            "io.kubernetes.pod.name":"db-0","io.kubernetes.pod.namespace":"shop"}}"#;
        assert_eq!(parse(text).unwrap().texts(), ["shop", "db-0", "", "", "", ""]);
    }

    #[test]
    fn a_container_of_podman_and_what_is_no_such_file_have_no_names() {
        for text in [
            &br#"{"annotations":{"io.container.manager":"libpod",
                "io.kubernetes.cri-o.TTY":"false"}}"#[..],
            b"",
            b"{\"annotations\":[]}",
            b"{\"annotations\":{\"io.kubernetes.pod.name\":{}}}",
            b"\0\0",
        ] {
            assert_eq!(parse(text), None, "{}", text.escape_ascii());
        }
    }
}
