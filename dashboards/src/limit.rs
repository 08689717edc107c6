//! What a site can say of an alert: how urgent it is, and where its limits lie.

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Wake somebody: users are refused, or will be within the hour.
    Critical,
    /// Look at it in working hours.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// The label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// A limit that a site can set, by the key of its term.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Its value if it is not set.
    pub default: f64,
    /// What it counts.
    pub unit: Unit,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share of one.
    Share,
    /// A share of one, below one: an alert on at most so much would always fire at one.
    Part,
    /// Something a second.
    Rate,
    /// Connections, or how many times.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
}

impl Unit {
    /// A limit as texts have it.
    pub(crate) fn write(self, value: f64) -> String {
        match self {
            Self::Share | Self::Part => percent(value),
            Self::Rate => format!("{value} a second"),
            Self::Bytes => format!("{} KiB", value / 1024.0),
            Self::Count | Self::Seconds => value.to_string(),
        }
    }

    /// Refuses a value that is not possible.
    ///
    /// # Errors
    /// What is possible.
    pub(crate) fn check(self, value: f64) -> Result<(), String> {
        let (possible, allowed) = match self {
            Self::Share => {
                ((1e-6..=1.0).contains(&value), "a share above 0 and at most 1, such as 0.2")
            }
            Self::Part => {
                ((1e-6..1.0).contains(&value), "a share above 0 and below 1, such as 0.6")
            }
            Self::Rate => ((1e-6..=1e9).contains(&value), "a number a second above 0, such as 0.5"),
            Self::Count => (
                (1.0..=1e9).contains(&value) && value.fract() == 0.0,
                "a whole number of at least 1",
            ),
            Self::Bytes => {
                ((1.0..=1e12).contains(&value) && value.fract() == 0.0, "a whole number of bytes")
            }
            Self::Seconds => ((1.0..=604_800.0).contains(&value), "seconds from 1 to 604800"),
        };
        if possible { Ok(()) } else { Err(format!("expected {allowed}")) }
    }
}

/// A share of one as a text: `80 %`.
pub(crate) fn percent(ratio: f64) -> String {
    format!("{} %", (ratio * 1e6).round() / 1e4)
}
