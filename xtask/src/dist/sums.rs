//! SHA-256 of what is packed, in the format of `sha256sum`.
use std::path::Path;

use anyhow::{Context as _, Result};
use ring::digest::{SHA256, digest};

use super::item;

/// The name of the file with the sums.
pub(super) const NAME: &str = "SHA256SUMS";

/// Returns the sum of bytes in hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    let sum = digest(&SHA256, bytes);
    sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// Writes the sums of these files of a folder into it.
pub(super) fn write(folder: &Path, names: &[String]) -> Result<()> {
    let mut lines = Vec::new();
    for name in names {
        lines.push(format!("{}  {name}\n", sha256(&item::read(&folder.join(name))?)));
    }
    std::fs::write(folder.join(NAME), lines.concat()).context("write the sums")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_the_standard() {
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), of_abc);
    }
}
