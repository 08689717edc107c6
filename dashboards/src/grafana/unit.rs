//! Units, by the ids under which Grafana knows them, or as a word that it writes after the number.
//!
//! Grafana's own `c/s` and `p/s` leave open of what, and shorten a slow rate to thousandths, as in
//! `51.7 mp/s`. A word after the number does neither (docs/decisions/44-units-of-rates.md).

use serde::Serialize;

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// A count: 12.3 K.
    #[serde(rename = "short")]
    Count,
    /// A count with all its digits: 1,024.
    #[serde(rename = "locale")]
    Digits,
    /// A share of one, shown in percent.
    #[serde(rename = "percentunit")]
    Share,
    /// Seconds, shown as milliseconds to days.
    #[serde(rename = "s")]
    Seconds,
    /// Bytes in powers of 1024.
    #[serde(rename = "bytes")]
    Bytes,
    /// Connections a second.
    #[serde(rename = "suffix:conn/s")]
    Connections,
    /// Connects that fail, a second.
    #[serde(rename = "suffix:failures/s")]
    Failures,
    /// Segments a second.
    #[serde(rename = "suffix:segments/s")]
    Segments,
    /// Resets a second.
    #[serde(rename = "suffix:resets/s")]
    Resets,
    /// Segments and handshakes that the kernel drops, a second.
    #[serde(rename = "suffix:drops/s")]
    Drops,
    /// Records of the probes, a second.
    #[serde(rename = "suffix:records/s")]
    Records,
    /// Times a second that something happens which the title names.
    #[serde(rename = "suffix:/s")]
    PerSecond,
    /// A moment, shown as its distance from now; milliseconds since 1970.
    #[serde(rename = "dateTimeFromNow")]
    Ago,
    /// 0 or 1.
    #[serde(rename = "bool_yes_no")]
    YesNo,
}
