//! Chooses a kernel package by pattern: exact versions disappear from the archive, patterns stay.
use std::cmp::Reverse;

use crate::arch::Arch;

/// The packages that hold the kernel: `linux-binary` from 6.19, where `linux-image` is empty;
/// `linux-image` before.
const KINDS: [&str; 3] = ["linux-binary-", "linux-binary-unsigned-", "linux-image-"];
/// The position of `linux-image` among them.
const IMAGE: usize = 2;

/// Returns the packages for a processor whose version starts with `wanted` (`6.1`, or `7` for any
/// 7.x), the newest first.
pub(crate) fn ranked<'a>(
    names: impl Iterator<Item = &'a str>,
    wanted: &str,
    arch: Arch,
) -> Vec<&'a str> {
    let wanted: Option<Vec<u32>> = wanted.split('.').map(|part| part.parse().ok()).collect();
    let Some(wanted) = wanted else { return Vec::new() };
    let flavour = flavour(arch);
    let fitting =
        names.filter_map(|name| parse(name, &flavour).map(|(kind, version)| (name, kind, version)));
    let mut fitting: Vec<_> =
        fitting.filter(|(_, _, version)| version.starts_with(&wanted)).collect();
    fitting.sort_by_cached_key(|(_, kind, version)| {
        Reverse((series(version), *kind < IMAGE, version.clone(), Reverse(*kind)))
    });
    fitting.into_iter().map(|found| found.0).collect()
}

/// Returns the package with the modules of a `linux-binary` package; `linux-image` holds its own.
pub(crate) fn modules_of(package: &str) -> Option<String> {
    let version = KINDS[..IMAGE].iter().rev().find_map(|prefix| package.strip_prefix(prefix))?;
    Some(format!("linux-modules-{version}"))
}

/// Returns the end of the names of kernels that boot without an initramfs of the distribution.
fn flavour(arch: Arch) -> String {
    format!("-cloud-{}", arch.debian())
}

/// Returns major and minor: kinds of package are compared only within one series.
fn series(version: &[u32]) -> (u32, u32) {
    (version.first().copied().unwrap_or(0), version.get(1).copied().unwrap_or(0))
}

/// Returns the kind of a kernel package and the numbers of its version: `6.1.0-44`, `6.12.9+deb13`,
/// `6.18.5+deb13.1`.
fn parse(name: &str, flavour: &str) -> Option<(usize, Vec<u32>)> {
    let name = name.strip_suffix(flavour)?;
    KINDS.iter().enumerate().find_map(|(kind, prefix)| {
        let version = name.strip_prefix(prefix)?;
        let (upstream, revision) =
            version.split_once("+deb").or_else(|| version.split_once('-'))?;
        let upstream: Vec<u32> = numbers(upstream)?;
        if upstream.len() != 3 {
            return None;
        }
        Some((kind, [upstream, numbers(revision)?].concat()))
    })
}

fn numbers(text: &str) -> Option<Vec<u32>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 13] = [
        "linux-image-5.10.0-9-cloud-amd64",
        "linux-image-5.10.0-34-cloud-amd64",
        "linux-image-5.10.0-34-cloud-amd64-dbg",
        "linux-image-5.10.0-34-cloud-amd64-unsigned",
        "linux-image-5.10.0-35-amd64",
        "linux-image-6.1.0-44-cloud-amd64",
        "linux-image-6.12.9+deb13-cloud-amd64",
        "linux-image-6.12.90+deb13.1-cloud-amd64",
        "linux-image-7.3~rc1-cloud-amd64",
        "linux-image-7.2.1+deb14-cloud-amd64",
        "linux-binary-7.2.1+deb14-cloud-amd64",
        "linux-binary-unsigned-7.1.9+deb14-cloud-amd64",
        "linux-headers-7.9.1+deb14-cloud-amd64",
    ];

    fn picked(wanted: &str) -> Option<&'static str> {
        ranked(NAMES.into_iter(), wanted, Arch::X86).first().copied()
    }

    #[test]
    fn each_processor_has_packages_of_its_own() {
        let names = NAMES.map(|name| name.replace("amd64", "arm64"));
        let names = || names.iter().map(String::as_str);
        let newest = "linux-binary-7.2.1+deb14-cloud-arm64";
        assert_eq!(ranked(names(), "7", Arch::Arm).first(), Some(&newest));
        assert!(ranked(names(), "7", Arch::X86).is_empty());
        // A kernel of another release for an old one.
        let old = ["linux-image-6.1.0-0.deb11.52-cloud-arm64"];
        assert!(ranked(old.into_iter(), "6.1", Arch::Arm).is_empty());
    }

    #[test]
    fn older_packages_come_behind_the_newest() {
        let both = ["linux-image-5.10.0-34-cloud-amd64", "linux-image-5.10.0-9-cloud-amd64"];
        assert_eq!(ranked(NAMES.into_iter(), "5.10", Arch::X86), both);
    }

    #[test]
    fn the_newest_version_is_compared_by_number() {
        assert_eq!(picked("5.10"), Some("linux-image-5.10.0-34-cloud-amd64"));
        assert_eq!(picked("6.12"), Some("linux-image-6.12.90+deb13.1-cloud-amd64"));
    }

    #[test]
    fn a_series_is_not_confused_with_one_that_starts_alike() {
        assert_eq!(picked("6.1"), Some("linux-image-6.1.0-44-cloud-amd64"));
        assert_eq!(picked("6.2"), None);
    }

    #[test]
    fn a_major_alone_takes_its_newest_series_from_the_package_that_has_the_kernel() {
        assert_eq!(picked("7"), Some("linux-binary-7.2.1+deb14-cloud-amd64"));
        assert_eq!(picked("7.1"), Some("linux-binary-unsigned-7.1.9+deb14-cloud-amd64"));
    }

    #[test]
    fn the_modules_are_apart_where_the_kernel_is() {
        assert_eq!(
            modules_of("linux-binary-unsigned-7.3.4+deb13-cloud-amd64").as_deref(),
            Some("linux-modules-7.3.4+deb13-cloud-amd64")
        );
        assert_eq!(
            modules_of("linux-binary-7.3.4+deb14-cloud-amd64").as_deref(),
            Some("linux-modules-7.3.4+deb14-cloud-amd64")
        );
        assert_eq!(modules_of("linux-image-6.1.0-56-cloud-amd64"), None);
    }

    #[test]
    fn nonsense_is_no_version() {
        for wanted in ["", "six", "6.", "6.1-rc1"] {
            assert_eq!(picked(wanted), None, "{wanted}");
        }
    }
}
