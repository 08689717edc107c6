//! The container image: an OCI archive with the program, its licences and nothing else, for every
//! processor at once.
//!
//! The layout is that of the OCI image specification 1.1: blobs by their digest, each manifest
//! names a configuration and one layer, and one index names the manifests.
use anyhow::Result;
use serde_json::{Value, json};

use super::archive;
use super::item::Item;
use super::sums::sha256;
use crate::arch::Arch;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// Where the program is in the image.
const PROGRAM: &str = "/usr/bin/tcpwarden";

/// What the image is called.
pub(super) struct Name<'a> {
    pub(super) version: &'a str,
    /// The commit that was built.
    pub(super) commit: &'a str,
    /// The time of the commit, and the same as text (RFC 3339).
    pub(super) time: u64,
    pub(super) created: &'a str,
}

/// Returns the archive; `roots` are the files of the image for each processor.
pub(super) fn archive(name: &Name<'_>, roots: &[(Arch, Vec<Item>)]) -> Result<Vec<u8>> {
    let mut blobs = Vec::new();
    let mut manifests = Vec::new();
    for (arch, items) in roots {
        let mut manifest = of_one(name, *arch, items, &mut blobs)?;
        manifest["platform"] = json!({ "architecture": arch.debian(), "os": "linux" });
        manifests.push(manifest);
    }
    let images = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    let mut images = blob(&mut blobs, INDEX, text(&images));
    // podman and containerd load it by the second name; with the first alone podman would take the
    // version for it.
    images["annotations"] = json!({
        "org.opencontainers.image.ref.name": name.version,
        "io.containerd.image.name": format!("docker.io/library/tcpwarden:{}", name.version),
    });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [images] });
    blobs.push(Item::new("index.json", text(&index)));
    blobs.push(Item::new("oci-layout", text(&json!({ "imageLayoutVersion": "1.0.0" }))));
    // Two processors have files in common only if they have all, and the program differs.
    blobs.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    blobs.dedup_by(|one, other| one.path == other.path);
    archive::tar(&blobs, name.time)
}

/// Adds the blobs of the image for one processor; returns what names its manifest.
fn of_one(name: &Name<'_>, arch: Arch, items: &[Item], blobs: &mut Vec<Item>) -> Result<Value> {
    let layer = archive::tar(items, name.time)?;
    let labels = json!({
        "org.opencontainers.image.title": "tcpwarden",
        "org.opencontainers.image.description":
            "An eBPF agent that follows every TCP socket from birth to death",
        "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
        "org.opencontainers.image.version": name.version,
        "org.opencontainers.image.revision": name.commit,
    });
    let config = json!({
        "architecture": arch.debian(),
        "os": "linux",
        "created": name.created,
        "config": {
            "Entrypoint": [PROGRAM],
            "Cmd": ["run"],
            "Env": ["PATH=/usr/bin"],
            "Labels": labels,
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer))] },
        "history": [{ "created": name.created, "created_by": "cargo xtask dist" }],
    });
    let config = blob(blobs, CONFIG, text(&config));
    let layer = blob(blobs, LAYER, archive::gzip(&layer)?);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config,
        "layers": [layer],
        "annotations": labels,
    });
    Ok(blob(blobs, MANIFEST, text(&manifest)))
}

/// Keeps a blob; returns what names it.
fn blob(blobs: &mut Vec<Item>, kind: &str, bytes: Vec<u8>) -> Value {
    let sum = sha256(&bytes);
    let descriptor =
        json!({ "mediaType": kind, "digest": format!("sha256:{sum}"), "size": bytes.len() });
    blobs.push(Item::new(format!("blobs/sha256/{sum}"), bytes));
    descriptor
}

fn text(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read as _;

    use clap::ValueEnum as _;

    use super::*;

    fn made() -> Vec<u8> {
        let name = Name { version: "1.2", commit: "c0ffee", time: 9, created: "then" };
        let root = |program: &str| {
            vec![Item::new("usr/bin/tcpwarden", program).executed(), Item::new("licence", "free")]
        };
        archive(&name, &[(Arch::X86, root("one")), (Arch::Arm, root("other"))]).unwrap()
    }

    fn files(tar: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(tar);
        let mut files = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.insert(entry.path().unwrap().display().to_string(), bytes);
        }
        files
    }

    #[test]
    fn every_blob_is_named_by_its_digest_and_leads_to_the_program_of_its_processor() {
        let files = files(&made());
        for (path, bytes) in &files {
            if let Some(sum) = path.strip_prefix("blobs/sha256/").filter(|sum| !sum.is_empty()) {
                assert_eq!(sum, sha256(bytes));
            }
        }
        let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        let follow = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap().replace(':', "/");
            let bytes = &files[&format!("blobs/{digest}")];
            assert_eq!(descriptor["size"], bytes.len());
            bytes.clone()
        };
        assert_eq!(json(&files["oci-layout"])["imageLayoutVersion"], "1.0.0");
        let index = json(&files["index.json"]);
        let images = json(&follow(&index["manifests"][0]));
        for (at, arch, program) in [(0, "amd64", "one"), (1, "arm64", "other")] {
            let named = &images["manifests"][at];
            assert_eq!(named["platform"], json!({ "architecture": arch, "os": "linux" }));
            let manifest = json(&follow(named));
            let config = json(&follow(&manifest["config"]));
            assert_eq!(config["architecture"], arch);
            let mut layer = Vec::new();
            let packed = follow(&manifest["layers"][0]);
            flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut layer).unwrap();
            assert_eq!(config["rootfs"]["diff_ids"], json!([format!("sha256:{}", sha256(&layer))]));
            assert_eq!(self::files(&layer)["usr/bin/tcpwarden"], program.as_bytes());
        }
    }

    #[test]
    fn the_manifests_for_kubernetes_are_for_this_image() {
        let manifest = include_str!("../../../deploy/kubernetes/tcpwarden.yaml");
        let has = |line: &str| manifest.lines().any(|one| one.trim() == line);
        assert!(has(&format!("command: [{PROGRAM}]")));
        assert!(has(concat!("image: tcpwarden:", env!("CARGO_PKG_VERSION"))));
        for arch in Arch::value_variants() {
            assert!(has(&format!("- {}", arch.debian())), "{arch:?}");
        }
        let items = crate::dist::layout::image(b"program").unwrap();
        assert!(items.iter().any(|item| format!("/{}", item.path) == PROGRAM));
    }

    #[test]
    fn the_same_files_give_the_same_bytes() {
        assert_eq!(made(), made());
    }
}
