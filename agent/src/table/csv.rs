//! Lines of CSV as RFC 4180 has them.

/// Appends a record with its line break, CR LF. A field with a comma, a quote or a line break
/// stands in quotes, and so does an empty one that is alone: a reader may skip an empty line.
pub(crate) fn record(fields: &[impl AsRef<str>], page: &mut String) {
    for (place, field) in fields.iter().map(AsRef::as_ref).enumerate() {
        if place > 0 {
            page.push(',');
        }
        let is_alone = fields.len() == 1 && field.is_empty();
        if is_alone || field.contains([',', '"', '\r', '\n']) {
            page.push('"');
            page.push_str(&field.replace('"', "\"\""));
            page.push('"');
        } else {
            page.push_str(field);
        }
    }
    page.push_str("\r\n");
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    /// Reads CSV by the grammar of RFC 4180, section 2.
    pub(crate) fn read(text: &str) -> Vec<Vec<String>> {
        let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
        let (mut letters, mut is_quoted) = (text.chars().peekable(), false);
        while let Some(letter) = letters.next() {
            match letter {
                '"' if is_quoted && letters.next_if_eq(&'"').is_some() => field.push('"'),
                '"' => is_quoted = !is_quoted,
                ',' if !is_quoted => record.push(std::mem::take(&mut field)),
                '\r' if !is_quoted => {
                    assert_eq!(letters.next(), Some('\n'));
                    record.push(std::mem::take(&mut field));
                    records.push(std::mem::take(&mut record));
                }
                other => field.push(other),
            }
        }
        assert!(!is_quoted && field.is_empty() && record.is_empty(), "{text:?}");
        records
    }

    proptest! {
        #[test]
        fn a_reader_gets_back_what_was_written(
            records in vec(vec("[a-z,\"\r\n =+@-]{0,6}|.{0,9}", 1..5), 0..5)
        ) {
            let mut page = String::new();
            for fields in &records {
                record(fields, &mut page);
            }
            prop_assert_eq!(read(&page), records);
        }
    }

    #[test]
    fn only_what_has_to_is_in_quotes_and_no_first_letter_is_touched() {
        let mut page = String::new();
        record(&["=1+1", "-x", "@a", "a,b", "say \"no\"", "a b", ""], &mut page);
        record(&[""], &mut page);
        assert_eq!(page, "=1+1,-x,@a,\"a,b\",\"say \"\"no\"\"\",a b,\r\n\"\"\r\n");
    }
}
