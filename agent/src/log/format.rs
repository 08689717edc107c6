//! The forms of the log, by name.

use std::str::FromStr;

/// A form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Lines for people, on standard error.
    #[default]
    Text,
    /// An object a line, on standard error.
    Json,
    /// Entries of systemd's journal.
    Journald,
}

impl Format {
    /// What is taken, as the second half of "expected ...".
    pub(crate) const ALLOWED: &str = "text, json or journald";
    const ALL: [Self; 3] = [Self::Text, Self::Json, Self::Journald];

    /// Returns its name.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Journald => "journald",
        }
    }
}

impl FromStr for Format {
    type Err = String;

    /// # Errors
    /// What is allowed.
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|format| format.name() == text);
        found.ok_or_else(|| Self::ALLOWED.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_by_its_name_alone() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
            assert!(Format::ALLOWED.contains(format.name()));
        }
        for wrong in ["", "JSON", "syslog", "text "] {
            assert_eq!(wrong.parse::<Format>(), Err(Format::ALLOWED.to_owned()));
        }
    }
}
