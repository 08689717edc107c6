//! Declares the upper bounds of histogram buckets. The agent counts by them; rules and panels
//! choose `le` from them.

/// `SECONDS` bounds times from a tenth of a millisecond to an hour, in seconds, ascending.
pub const SECONDS: &[f64] = &[
    0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 10.0, 60.0,
    300.0, 3600.0,
];

/// `SECONDS_COARSE` are those of [`SECONDS`] that a page with coarse histograms has: about one for
/// each power of ten, and those that alerts look at.
pub const SECONDS_COARSE: &[f64] = &[0.001, 0.01, 0.1, 0.5, 3.0, 60.0, 3600.0];

/// `BYTES` bounds payload sizes, in bytes, ascending. There are fewer than [`SECONDS`].
pub const BYTES: &[f64] = &[
    0.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    16_777_216.0,
    268_435_456.0,
    4_294_967_296.0,
];

/// `BYTES_COARSE` are those of [`BYTES`] that a page with coarse histograms has.
pub const BYTES_COARSE: &[f64] = &[0.0, 4096.0, 1_048_576.0, 268_435_456.0];
