//! Sizes as text: `8M`, `8MiB`, `8388608`.
//!
//! Used by the configuration. Guarantee: [`parse`] returns `None` for what it cannot read and for
//! what is no `u64`; it never panics.

/// Reads a whole number with a unit of powers of 1024, K, M or G, also as KiB, MiB or GiB; a bare
/// number is bytes. `None` for any other text: of kB, MB and GB nobody knows whether they count in
/// 1000 or in 1024.
#[must_use]
pub(crate) fn parse(text: &str) -> Option<u64> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit {
        "" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::proptest;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, expected) in [
            ("8388608", 8 << 20),
            ("8M", 8 << 20),
            ("8MiB", 8 << 20),
            ("4K", 4096),
            ("4KiB", 4096),
            ("1G", 1 << 30),
            ("1GiB", 1 << 30),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        for wrong in ["", "M", "8m", "8MB", "8kB", "8 M", "8M ", "-8M", "+8M", "8.5M", "8MM", "8T"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(parse("18446744073709551615"), Some(u64::MAX));
        assert_eq!([parse("18446744073709551616"), parse("18446744073709551615K")], [None, None]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = parse(&text);
        }
    }
}
