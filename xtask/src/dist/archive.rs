//! Archives that are the same bytes for the same files: sorted, of root, of one time.
use std::collections::BTreeSet;
use std::io::Write as _;

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use super::item::{EXECUTED, Item};

/// Returns a tar of the files and of the folders that they lie in.
pub(super) fn tar(items: &[Item], time: u64) -> Result<Vec<u8>> {
    let mut sorted: Vec<&Item> = items.iter().collect();
    sorted.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    let mut builder = Builder::new(Vec::new());
    for folder in folders(items) {
        add(&mut builder, &format!("{folder}/"), EntryType::Directory, EXECUTED, time, &[])?;
    }
    for item in sorted {
        add(&mut builder, &item.path, EntryType::Regular, item.mode, time, &item.bytes)?;
    }
    builder.into_inner().context("end the archive")
}

fn add(
    builder: &mut Builder<Vec<u8>>,
    path: &str,
    kind: EntryType,
    mode: u32,
    time: u64,
    bytes: &[u8],
) -> Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(time);
    header.set_size(u64::try_from(bytes.len()).context("a file is too large")?);
    header.set_username("root").and_then(|()| header.set_groupname("root"))?;
    builder.append_data(&mut header, path, bytes).with_context(|| format!("pack {path}"))
}

/// Returns every folder that a file lies in, outer ones first.
fn folders<'a>(items: &'a [Item]) -> BTreeSet<&'a str> {
    let ends = |path: &'a str| path.match_indices('/').map(|(at, _)| &path[..at]);
    items.iter().flat_map(|item| ends(&item.path)).collect()
}

/// Returns the bytes compressed, without a name or a time.
pub(super) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut writer = GzBuilder::new().write(Vec::new(), Compression::best());
    writer.write_all(bytes).and_then(|()| writer.finish()).context("compress")
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_order_of_the_files_does_not_matter_and_their_folders_are_there() {
        let (one, other) = (Item::new("x/b/c", "1"), Item::new("x/a", "22").executed());
        let bytes = tar(&[one.clone(), other.clone()], 7).unwrap();
        assert_eq!(bytes, tar(&[other, one], 7).unwrap());
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let header = entry.header();
            assert_eq!(
                (header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()),
                (7, 0, 0)
            );
            let path = entry.path().unwrap().display().to_string();
            seen.push((path, entry.header().mode().unwrap(), text));
        }
        let expected =
            [("x/", 0o755, ""), ("x/b/", 0o755, ""), ("x/a", 0o755, "22"), ("x/b/c", 0o644, "1")];
        assert_eq!(seen, expected.map(|(path, mode, text)| (path.into(), mode, text.into())));
    }

    #[test]
    fn what_is_compressed_comes_back_and_has_no_time() {
        let bytes = gzip(b"text text text").unwrap();
        assert_eq!(&bytes[4..8], [0; 4]);
        let mut text = String::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, "text text text");
    }
}
