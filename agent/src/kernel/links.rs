//! Whether the probes are still attached, by the descriptors of their links.
//!
//! A probe is attached for as long as the descriptor of its link is open. The kernel lets nobody
//! detach such a link (`bpf_raw_tp_link_lops` has no `detach`, 5.8 to 6.18: EOPNOTSUPP), but a
//! process that may trace this one can close the descriptor. Facts: `fdinfo` of a link names the
//! link and its program (`bpf_link_show_fdinfo`, 5.8).

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The links of the probes that were attached at the start.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Where the kernel describes the descriptors of this process.
    folder: PathBuf,
    links: Vec<Link>,
}

#[derive(Debug, PartialEq, Eq)]
struct Link {
    probe: &'static str,
    descriptor: String,
    id: u32,
}

impl Links {
    /// Finds the links of these programs, each by its probe's name and its id, among the
    /// descriptors of this process. What the kernel does not describe is not watched.
    pub(super) fn find(programs: impl Iterator<Item = (&'static str, u32)>) -> Self {
        Self::find_in(Path::new("/proc/self/fdinfo"), programs)
    }

    fn find_in(folder: &Path, programs: impl Iterator<Item = (&'static str, u32)>) -> Self {
        let programs: Vec<_> = programs.collect();
        let link = |entry: fs::DirEntry| {
            let text = fs::read_to_string(entry.path()).ok()?;
            let (id, program) = (number(&text, "link_id")?, number(&text, "prog_id")?);
            let (probe, _) = programs.iter().find(|(_, known)| *known == program)?;
            let descriptor = entry.file_name().into_string().ok()?;
            Some(Link { probe, descriptor, id })
        };
        let links: Vec<_> =
            fs::read_dir(folder).into_iter().flatten().flatten().filter_map(link).collect();
        if links.len() < programs.len() {
            tracing::debug!(
                watched = links.len(),
                probes = programs.len(),
                "the kernel does not describe every link: one that is cut is not noticed"
            );
        }
        Self { folder: folder.to_owned(), links }
    }

    /// Returns the name of a probe whose link is gone.
    pub(super) fn gone(&self) -> Option<&'static str> {
        let is_gone = |link: &&Link| match fs::read_to_string(self.folder.join(&link.descriptor)) {
            Ok(text) => number(&text, "link_id") != Some(link.id),
            // Without `/proc`, or without leave to read it, nothing is known.
            Err(error) => error.kind() == ErrorKind::NotFound && self.folder.is_dir(),
        };
        self.links.iter().find(is_gone).map(|link| link.probe)
    }
}

/// Returns the value of a line `name: value`.
fn number(text: &str, name: &str) -> Option<u32> {
    let of_line = |line: &str| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok();
    text.lines().find_map(of_line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(id: u32, program: u32) -> String {
        format!(
            "pos:\t0\nlink_type:\traw_tracepoint\nlink_id:\t{id}\nprog_tag:\tdeadbeef\n\
             prog_id:\t{program}\ntp_name:\tinet_sock_set_state\n"
        )
    }

    #[test]
    fn a_link_that_is_closed_or_another_one_is_gone_and_without_proc_none_is() {
        let folder = std::env::temp_dir().join(format!("tcpwarden-links-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let put = |descriptor: &str, text: String| {
            fs::write(folder.join(descriptor), text).unwrap();
        };
        put("5", link(70, 7));
        put("6", link(80, 8));
        // The program itself, and the link of somebody else.
        put("7", "pos:\t0\nprog_id:\t7\n".to_owned());
        put("8", link(90, 9));
        let links = Links::find_in(&folder, [("seven", 7), ("eight", 8)].into_iter());
        assert_eq!(links.links.len(), 2);
        assert_eq!(links.gone(), None);
        put("6", link(81, 8));
        assert_eq!(links.gone(), Some("eight"), "its number has another link");
        put("6", "pos:\t0\n".to_owned());
        assert_eq!(links.gone(), Some("eight"), "its number has a file");
        put("6", link(80, 8));
        assert_eq!(links.gone(), None);
        fs::remove_file(folder.join("5")).unwrap();
        assert_eq!(links.gone(), Some("seven"), "it is closed");
        fs::create_dir(folder.join("5")).unwrap();
        assert_eq!(links.gone(), None, "it cannot be read");
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(links.gone(), None, "nothing is known");
    }
}
