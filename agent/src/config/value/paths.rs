//! Values that are paths, and the group of the socket files.

use std::path::{Path, PathBuf};

use super::super::listen::{self, Listen};
use super::super::names::{self, GROUPS};
use super::{Raw, whole};
use crate::exit::Error;

impl Raw {
    /// Reads the path of the socket file: `None` for none.
    pub(in super::super) fn socket(&self) -> Result<Option<PathBuf>, Error> {
        let path = match self.value.as_str() {
            Some("none") => return Ok(None),
            path => path.unwrap_or_default(),
        };
        match listen::refused_path(path) {
            None => Ok(Some(PathBuf::from(path))),
            Some(allowed) => Err(self.refuse(&format!("none, or {allowed}"))),
        }
    }

    /// Reads the group of the socket files, by name or number: `None` for none. Only with a socket
    /// file, which `has_file` says.
    pub(in super::super) fn group(&self, has_file: bool) -> Result<Option<u32>, Error> {
        if self.value.as_str() == Some("") {
            return Ok(None);
        }
        if !has_file {
            return Err(self.refuse("none, because --listen and --socket name no socket file"));
        }
        let number = self.whole().or_else(|| whole(self.value.as_str()?));
        let by_number = number.and_then(|number| u32::try_from(number).ok());
        // The number of no group, which `chown` takes for "leave it" (`chown(2)`).
        let by_number = by_number.filter(|number| *number != u32::MAX);
        let by_name = || names::group(&names::text(GROUPS), self.value.as_str()?);
        let group = by_number.or_else(by_name);
        group.map(Some).ok_or_else(|| self.refuse("a name that /etc/group has, or a number"))
    }

    /// Reads the name of a file that is for TCP addresses only: `None` for none. Addresses that are
    /// `handed` over are not known here.
    pub(in super::super) fn file_of_tcp(
        &self,
        listen: &[Listen],
        handed: bool,
    ) -> Result<Option<PathBuf>, Error> {
        match self.value.as_str() {
            Some("") => Ok(None),
            Some(_) if !handed && listen.iter().all(Listen::is_file) => {
                Err(self.refuse("none, because --listen names a socket file, which has its mode"))
            }
            Some(path) => Ok(Some(PathBuf::from(path))),
            None => Err(self.refuse("the name of a file")),
        }
    }

    /// Reads the path of a directory, for which nothing stands for `other`: `None` for none.
    pub(in super::super) fn directory(
        &self,
        other: impl FnOnce() -> Option<PathBuf>,
    ) -> Result<Option<PathBuf>, Error> {
        match self.value.as_str() {
            Some("") => Ok(other()),
            Some("none") => Ok(None),
            Some(path) if Path::new(path).is_absolute() => Ok(Some(PathBuf::from(path))),
            _ => Err(self.refuse("none, or the absolute path of a directory")),
        }
    }
}
