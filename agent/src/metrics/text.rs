//! Writes the exposition format, text 0.0.4. Label values and numbers are, byte for byte, those
//! that Prometheus' own library for Rust prints; none is allocated on its own.

use std::cmp::Ordering;
use std::io::Write as _;

use catalogue::labels::OTHER;

/// A float represents every integer up to this one.
const EXACT: u64 = 1 << 53;

/// A `Number` is the value of a series.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    /// The value is a count.
    Count(u64),
    /// The value is not a count.
    Value(f64),
}

/// A `Value` is a label's value: a borrowed text, or the digits of a number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// The text is borrowed.
    Text(&'a str),
    /// The digits come first, then how many of them are used.
    Digits([u8; DIGITS], u8),
    /// There is no such label.
    Absent,
}

/// A `u32` has at most so many digits.
const DIGITS: usize = 10;

impl Value<'_> {
    /// Returns the digits of a number.
    pub(super) fn number(number: u32) -> Self {
        let (mut digits, mut length, mut rest) = ([0; DIGITS], 0_u8, number);
        while rest > 0 || length == 0 {
            digits.rotate_right(1);
            digits[0] = digit(u64::from(rest % 10));
            rest /= 10;
            length += 1;
        }
        Self::Digits(digits, length)
    }

    /// Returns a service port; [`OTHER`] for ports beyond the budget.
    pub(super) fn port(port: Option<u16>) -> Self {
        port.map_or(Self::Text(OTHER), |port| Self::number(port.into()))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Absent => &[],
            Self::Digits(digits, length) => digits.get(..usize::from(*length)).unwrap_or_default(),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Value<'_> {}

impl PartialOrd for Value<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}

/// Appends `name="value"` with the value escaped.
pub(super) fn push_label(page: &mut Vec<u8>, name: &str, value: &[u8]) {
    page.extend_from_slice(name.as_bytes());
    page.extend_from_slice(b"=\"");
    let mut rest = value;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
        let (plain, special) = rest.split_at(at);
        page.extend_from_slice(plain);
        let escaped: &[u8] = match special.first() {
            Some(b'\n') => b"\\n",
            Some(b'"') => b"\\\"",
            _ => b"\\\\",
        };
        page.extend_from_slice(escaped);
        rest = special.get(1..).unwrap_or_default();
    }
    page.extend_from_slice(rest);
    page.push(b'"');
}

/// Appends a number and the end of the line.
pub(super) fn push_number(page: &mut Vec<u8>, number: Number) {
    match number {
        Number::Count(count) if count <= EXACT => push_integer(page, count),
        Number::Count(count) => push_float(page, float(count)),
        Number::Value(value) => match integer(value) {
            Some(count) => push_integer(page, count),
            None => push_float(page, value),
        },
    }
}

/// Returns the integer that equals a float, if both print the same digits.
fn integer(value: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float that does not fit is not equal afterwards"
    )]
    let whole = value as u64;
    // The bits tell -0 from 0.
    (whole <= EXACT && float(whole).to_bits() == value.to_bits()).then_some(whole)
}

fn push_float(page: &mut Vec<u8>, value: f64) {
    // Writing to a Vec cannot fail.
    let _ = writeln!(page, "{value}");
}

/// Appends digits and the end of the line.
fn push_integer(page: &mut Vec<u8>, number: u64) {
    if number < 10 {
        page.extend_from_slice(&[digit(number), b'\n']);
        return;
    }
    let (mut line, mut rest) = ([b'\n'; 21], number);
    let mut from = line.len() - 1;
    for (at, place) in line.iter_mut().enumerate().rev().skip(1) {
        *place = digit(rest % 10);
        rest /= 10;
        from = at;
        if rest == 0 {
            break;
        }
    }
    page.extend_from_slice(line.get(from..).unwrap_or_default());
}

/// Returns the character of a digit; `of` is below ten.
fn digit(of: u64) -> u8 {
    b'0' + u8::try_from(of).unwrap_or_default()
}

/// Returns a count as a float, as Prometheus stores it: exact up to 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "the exposition format knows only floats; 2^53 events are 285 years at a million a \
        second"
)]
pub(super) const fn float(count: u64) -> f64 {
    count as f64
}
