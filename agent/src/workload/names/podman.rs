//! The list of podman's containers in containers/storage: their names and images.
//!
//! Facts: `overlay-containers/containers.json` below the graph root has every container but those
//! that were started with `--rm`, which `volatile-containers.json` has (containers/storage 1.41);
//! with a transient store that one is below the run root. What podman notes about a container is
//! JSON in the text `metadata`. Labels, those of compose among them, are in podman's database alone
//! (the annotations of `userdata/config.json` have none), and the storage of a user is in the home
//! folder: neither is read.

use hashbrown::HashMap;
use serde::Deserialize;

use super::files::Files;
use super::{Names, image, is_id, name};

/// The lists, below the root. What stands in a later one has been made with other options.
const LISTS: [&str; 3] = [
    "var/lib/containers/storage/overlay-containers/containers.json",
    "var/lib/containers/storage/overlay-containers/volatile-containers.json",
    "run/containers/storage/overlay-containers/volatile-containers.json",
];

/// A container of the list, as far as it is read.
#[derive(Deserialize)]
struct Container {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    metadata: Option<String>,
}

/// What podman notes about a container.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: String,
    #[serde(rename = "image-name")]
    image: String,
}

/// Returns the names of every container of a list, by its id.
pub(super) fn all(files: &Files) -> HashMap<Box<str>, Names> {
    LISTS.iter().filter_map(|list| files.read_list(list)).flat_map(|text| parse(&text)).collect()
}

/// Returns the ids and names in the text of a list.
pub(super) fn parse(text: &[u8]) -> Vec<(Box<str>, Names)> {
    let list: Vec<Container> = serde_json::from_slice(text).unwrap_or_default();
    list.into_iter().filter(|found| is_id(&found.id)).filter_map(named).collect()
}

fn named(found: Container) -> Option<(Box<str>, Names)> {
    let metadata = found.metadata.as_deref().unwrap_or_default();
    let metadata: Metadata = serde_json::from_str(metadata).unwrap_or_default();
    let first = found.names.as_deref().unwrap_or_default().first();
    let own = first.unwrap_or(&metadata.name);
    let names = Names { container: name(own), image: image(&metadata.image), ..Names::default() }
        .if_any()?;
    Some((found.id.into(), names))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f2a9c0d1e4b5a69788796a5b4c3d2e1f00123456789abcdef0123456789abcd";

    fn read(text: &str) -> Vec<(Box<str>, Names)> {
        parse(text.replace("{id}", ID).as_bytes())
    }

    #[test]
    fn a_container_has_its_name_and_the_image_of_its_metadata() {
        let list = read(
            r#"[{"id":"{id}","names":["orders"],"image":"abcd","layer":"ef",
            "metadata":"{\"image-name\":\"docker.io/library/redis:7\",\"name\":\"orders\"}",
            "created":"2024-07-29T06:06:40Z","flags":{}}]"#,
        );
        let [(id, names)] = &list[..] else { unreachable!("{list:?}") };
        assert_eq!(&**id, ID);
        assert_eq!(names.texts(), ["", "", "orders", "docker.io/library/redis:7", "", ""]);
    }

    #[test]
    fn either_place_of_the_name_is_enough() {
        for one in [
            r#"{"id":"{id}","names":["a"],"metadata":"no json"}"#,
            r#"{"id":"{id}","names":["a"]}"#,
            r#"{"id":"{id}","names":null,"metadata":"{\"name\":\"a\"}"}"#,
            r#"{"id":"{id}","metadata":"{\"name\":\"a\"}"}"#,
        ] {
            let list = read(&format!("[{one}]"));
            assert_eq!(&*list[0].1.container, "a", "{one}");
        }
    }

    #[test]
    fn what_is_no_such_list_names_nobody() {
        for text in [
            "",
            "{}",
            "[{}]",
            "[[]]",
            r#"[{"id":"../../etc/passwd","names":["a"]}]"#,
            r#"[{"id":"{id}","names":["/"]}]"#,
            r#"[{"id":"{id}","names":[]}]"#,
            r#"[{"id":"{id}","names":["a"]}"#,
        ] {
            assert!(read(text).is_empty(), "{text}");
        }
    }
}
