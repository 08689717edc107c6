//! Units, by the ids under which Grafana knows them.

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
    /// Events a second.
    #[serde(rename = "cps")]
    PerSecond,
    /// Packets a second.
    #[serde(rename = "pps")]
    Packets,
    /// A moment, shown as its distance from now; milliseconds since 1970.
    #[serde(rename = "dateTimeFromNow")]
    Ago,
    /// 0 or 1.
    #[serde(rename = "bool_yes_no")]
    YesNo,
}
