//! The links of the kubelet to the logs of containers, whose names tell the pod.
//!
//! Facts: the kubelet links `/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log` after it has
//! started a container, whatever the runtime (`legacySymlink` of Kubernetes 1.3 to 1.34), and
//! removes the link with the container. None of the names has `_`.

use hashbrown::HashMap;

use super::files::Files;
use super::{Names, is_id, name};

/// The folder of the links, below the root.
const PLACE: &str = "var/log/containers";
/// The most links that are read: a node has 110 pods by default.
const MOST: usize = 8192;

/// Returns the names of every container that has a link, by its id.
pub(super) fn all(files: &Files) -> HashMap<Box<str>, Names> {
    let entries = files.entries(PLACE, MOST);
    entries.iter().filter_map(|entry| parse(entry)).map(|(id, names)| (id.into(), names)).collect()
}

/// Returns the id and the names in the name of a link.
pub(super) fn parse(link: &str) -> Option<(&str, Names)> {
    let (whose, id) = link.strip_suffix(".log")?.rsplit_once('-')?;
    let mut parts = whose.split('_').map(name);
    let (pod, namespace, container) = (parts.next()?, parts.next()?, parts.next()?);
    let complete = ![&pod, &namespace, &container].iter().any(|part| part.is_empty());
    let fits = complete && parts.next().is_none() && is_id(id);
    fits.then(|| (id, Names { namespace, pod, container, ..Names::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f2a9c0d1e4b5a69788796a5b4c3d2e1f00123456789abcdef0123456789abcd";

    #[test]
    fn the_name_of_a_link_tells_the_pod() {
        for (link, texts) in [
            ("web-64df67bd8b-xmzhv_shop_web", ["shop", "web-64df67bd8b-xmzhv", "web"]),
            ("db-0_data_pg-exporter", ["data", "db-0", "pg-exporter"]),
            ("etcd-n1.example.org_sys_etcd", ["sys", "etcd-n1.example.org", "etcd"]),
        ] {
            let link = format!("{link}-{ID}.log");
            let (id, names) = parse(&link).unwrap();
            assert_eq!((id, &names.texts()[..3]), (ID, &texts[..]), "{link}");
        }
    }

    #[test]
    fn what_is_no_such_link_tells_nothing() {
        for link in [
            "",
            ".log",
            "a_b_c.log",
            "a_b_c-3f2a.log",
            "a_b_c-{id}",
            "a_b_c-{id}.log.gz",
            "a_b-{id}.log",
            "a_b_c_d-{id}.log",
            "__-{id}.log",
            "a__c-{id}.log",
            "a_b_c-{id}0.log",
            "a /_b_c-{id}.log",
            "~other_b_c-{id}.log",
            "\u{1b}[2J_b_c-{id}.log",
        ] {
            assert_eq!(parse(&link.replace("{id}", ID)), None, "{link:?}");
        }
    }
}
