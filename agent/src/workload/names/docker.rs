//! The folders of Docker's containers: the name, the image, and the labels of compose.
//!
//! Facts: `containers/ID/config.v2.json` below `/var/lib/docker` is written when a container is
//! made, before it starts. A daemon with another data root, with user namespaces (`userns-remap`)
//! or of a user (rootless) has it elsewhere: its containers keep their ids. A link from
//! `/var/lib/docker` to another place is followed. The labels of an image are labels of its
//! containers, so only the name tells the pod (`MakeContainerName` of dockershim and cri-dockerd):
//! who names a container is root on the node, and who makes an image is not.

use serde::Deserialize;

use super::files::Files;
use super::{Names, image, name};

/// The folder of containers, below the root.
const PLACE: &str = "var/lib/docker/containers";

/// The file, as far as it is read.
#[derive(Deserialize)]
struct Container {
    #[serde(rename = "Name", default)]
    name: String,
    #[serde(rename = "Config")]
    config: Option<Config>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    #[serde(rename = "Image")]
    image: String,
    #[serde(rename = "Labels")]
    labels: Option<Labels>,
}

/// The labels of compose. An image can claim them for a container that compose did not start.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Labels {
    #[serde(rename = "com.docker.compose.project")]
    project: String,
    #[serde(rename = "com.docker.compose.service")]
    service: String,
}

/// Returns the names of a container.
pub(super) fn names(files: &Files, id: &str) -> Option<Names> {
    parse(&files.read(&format!("{PLACE}/{id}/config.v2.json"))?)
}

/// Returns the names in the text of `config.v2.json`.
pub(super) fn parse(text: &[u8]) -> Option<Names> {
    let found: Container = serde_json::from_slice(text).ok()?;
    let config = found.config.unwrap_or_default();
    let labels = config.labels.unwrap_or_default();
    let own = found.name.strip_prefix('/').unwrap_or(&found.name);
    let (container, pod, namespace) = of_kubelet(own).unwrap_or((own, "", ""));
    Names {
        namespace: name(namespace),
        pod: name(pod),
        container: name(container),
        image: image(&config.image),
        compose_project: name(&labels.project),
        compose_service: name(&labels.service),
    }
    .if_any()
}

/// Returns container, pod and namespace from the name that the kubelet gives a container:
/// `k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT`, where none of them has a `_`.
fn of_kubelet(own: &str) -> Option<(&str, &str, &str)> {
    let mut words = own.strip_prefix("k8s_")?.split('_');
    let [container, pod, namespace] = [words.next()?, words.next()?, words.next()?];
    words.next()?;
    // The name that the kubelet gives the sandbox itself.
    let container = if container == "POD" { "" } else { container };
    Some((container, pod, namespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_of_compose_is_read_with_its_project() {
        let text = br#"{"StreamConfig":{},"State":{"Running":true,"Pid":4711},"ID":"3f2a",
            "Config":{"Hostname":"3f2a","Image":"nginx:1.27","Labels":{
            "com.docker.compose.project":"shop","com.docker.compose.service":"web",
            "com.docker.compose.container-number":"1"}},"Name":"/shop-web-1","Driver":"overlay2"}"#;
        let names = parse(text).unwrap();
        assert_eq!(names.texts(), ["", "", "shop-web-1", "nginx:1.27", "shop", "web"]);
    }

    #[test]
    fn a_container_of_nobodys_project_has_a_name_and_an_image() {
        let text = br#"{"Name":"/web","Config":{"Image":"web","Labels":null}}"#;
        assert_eq!(parse(text).unwrap().texts(), ["", "", "web", "web", "", ""]);
        let text = br#"{"Name":"/web","Config":null}"#;
        assert_eq!(parse(text).unwrap().texts(), ["", "", "web", "", "", ""]);
    }

    #[test]
    fn a_pod_that_runs_in_docker_is_named_as_a_pod() {
        let text = br#"{"Name":"/k8s_web_web-0_shop_uid_0","Config":{"Image":"sha256:ab"}}"#;
        let names = parse(text).unwrap();
        assert_eq!(names.texts(), ["shop", "web-0", "web", "sha256:ab", "", ""]);
        let text = br#"{"Name":"/k8s_POD_web-0_shop_uid_0","Config":null}"#;
        assert_eq!(parse(text).unwrap().texts(), ["shop", "web-0", "", "", "", ""]);
    }

    #[test]
    fn an_image_cannot_name_its_container_as_a_pod() {
        let text = br#"{"Name":"/game","Config":{"Image":"game","Labels":{
            "io.kubernetes.pod.name":"etcd-0","io.kubernetes.pod.namespace":"kube-system",
            "io.kubernetes.container.name":"etcd"}}}"#;
        assert_eq!(parse(text).unwrap().texts(), ["", "", "game", "game", "", ""]);
    }

    #[test]
    fn what_is_no_such_file_has_no_names() {
        for text in [
            &b""[..],
            b"{}",
            b"[1]",
            br#"{"Name":"/","Config":{}}"#,
            br#"{"Name":"//etc","Config":{"Labels":{}}}"#,
            br#"{"Name":7}"#,
        ] {
            assert_eq!(parse(text), None, "{}", text.escape_ascii());
        }
    }
}
