//! What Debian's policy wants in a package, and rpm does not.
use std::process::Command;

use anyhow::Result;

use super::archive::gzip;
use super::item::{Item, Kind, read};
use super::nfpm;
use crate::{process, workspace};

/// The changelog of the package itself.
pub(super) struct Changelog<'a> {
    pub(super) version: &'a str,
    pub(super) commit: &'a str,
    pub(super) maintainer: &'a str,
    /// Seconds of Unix time.
    pub(super) time: u64,
}

/// Returns these files.
pub(super) fn items(changelog: &Changelog<'_>) -> Result<Vec<Item>> {
    let documents = "usr/share/doc/tcpwarden";
    let news = read(&workspace::root().join("CHANGELOG.md"))?;
    Ok(vec![
        Item::of_source("deploy/packaging/deb/copyright", format!("{documents}/copyright"))?,
        Item::new(format!("{documents}/changelog.gz"), gzip(&news)?),
        Item::new(
            format!("{documents}/changelog.Debian.gz"),
            gzip(text(changelog, &date(changelog.time, "-R")?).as_bytes())?,
        ),
        Item::of_source(
            "deploy/packaging/deb/lintian-overrides",
            "usr/share/lintian/overrides/tcpwarden",
        )?
        .kind(Kind::Plain),
    ])
}

fn text(changelog: &Changelog<'_>, date: &str) -> String {
    let Changelog { version, commit, maintainer, .. } = changelog;
    let release = nfpm::RELEASE;
    format!(
        "tcpwarden ({version}-{release}) unstable; urgency=medium\n\n  * Packed from commit \
         {commit}; changelog.gz has what changed.\n\n -- {maintainer}  {date}\n"
    )
}

/// Returns a time in a format of `date`.
pub(super) fn date(time: u64, format: &str) -> Result<String> {
    let mut command = Command::new("date");
    command.env("LC_ALL", "C").args(["-u", &format!("--date=@{time}"), format]);
    Ok(process::output(&mut command)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_each_format_wants_it() {
        assert_eq!(date(0, "-R").unwrap(), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(date(0, "+%Y-%m-%dT%H:%M:%SZ").unwrap(), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn the_changelog_has_the_form_of_debian() {
        let changelog = Changelog {
            version: "1.2",
            commit: "c0ffee",
            maintainer: "x <x@example.org>",
            time: 0,
        };
        assert_eq!(
            text(&changelog, "then"),
            "tcpwarden (1.2-1) unstable; urgency=medium\n\n  * Packed from commit c0ffee; \
             changelog.gz has what changed.\n\n -- x <x@example.org>  then\n"
        );
    }
}
