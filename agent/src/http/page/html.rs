//! The only way to write on the page.
//!
//! Used by every part of `page`. Guarantee: markup is text of this program ([`Html::raw`] takes
//! nothing else), and any other text is escaped, so that no name, address or sentence can become a
//! tag, leave an attribute, or change the direction of its line.

use std::fmt::{Display, Write};

use crate::events::names::controls_terminal;

/// The most letters of one text; what is longer ends in `…`.
const MOST: usize = 600;

/// A page that grows.
#[derive(Debug, Default)]
pub(super) struct Html {
    page: String,
}

/// Writes text for between tags and for between the quotes of an attribute.
struct Escaped<'a> {
    page: &'a mut String,
    left: usize,
}

impl Html {
    /// Appends markup.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.page.push_str(markup);
        self
    }

    /// Appends text, escaped.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Self {
        let mut escaped = Escaped { page: &mut self.page, left: MOST };
        // It fails where the text is cut.
        if write!(escaped, "{text}").is_err() {
            self.page.push('…');
        }
        self
    }

    /// Appends an attribute inside a tag: a space, the name, and the value in quotes.
    pub(super) fn attribute(&mut self, name: &'static str, value: impl Display) -> &mut Self {
        self.raw(" ").raw(name).raw("=\"").text(value).raw("\"")
    }

    /// Appends a number: as it is shown, exactly, and where else it stands: as a series of
    /// `/metrics`, or an answer of the API with the place in it.
    pub(super) fn number(
        &mut self,
        shown: impl Display,
        value: impl Display,
        of: &str,
    ) -> &mut Self {
        self.raw("<data").attribute("value", value).attribute("title", of).raw(">");
        self.text(shown).raw("</data>")
    }

    /// Appends a count as a number.
    pub(super) fn count(&mut self, count: impl Into<u64>, of: &str) -> &mut Self {
        let count = count.into();
        self.number(grouped(count), count, of)
    }

    /// Appends a share as a number, in percent, behind a gauge of it.
    pub(super) fn share(&mut self, share: f64, of: &str) -> &mut Self {
        self.raw("<meter min=0 max=1 low=0.5 high=0.8 optimum=0");
        self.attribute("value", share.clamp(0.0, 1.0)).raw("></meter>");
        self.number(format_args!("{:.0} %", share * 100.0), share, of)
    }

    /// Appends a link.
    pub(super) fn link(&mut self, to: impl Display, text: impl Display) -> &mut Self {
        self.raw("<a").attribute("href", to).raw(">").text(text).raw("</a>")
    }

    /// Returns the page.
    pub(super) fn finish(self) -> String {
        self.page
    }
}

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for letter in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(std::fmt::Error)?;
            match letter {
                '&' => self.page.push_str("&amp;"),
                '<' => self.page.push_str("&lt;"),
                '>' => self.page.push_str("&gt;"),
                '"' => self.page.push_str("&quot;"),
                '\'' => self.page.push_str("&#39;"),
                control if controls_terminal(control) => {
                    self.page.extend(control.escape_default());
                }
                plain => self.page.push(plain),
            }
        }
        Ok(())
    }
}

/// Returns a count with its digits in threes.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() * 2);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) && count > 9999 {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::events::names::printable;

    /// Reads text back, as a browser does.
    fn read(html: &str) -> String {
        let names =
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
        names.iter().fold(html.to_owned(), |text, (name, letter)| text.replace(name, letter))
    }

    fn hostile() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "[<>&\"'/=a-z!;#x27 \u{202e}\u{0}\u{1b}-]{0,60}"]
    }

    proptest! {
        #[test]
        fn any_text_comes_back_as_text_and_never_as_a_tag(text in hostile()) {
            let mut html = Html::default();
            html.text(&text);
            let html = html.finish();
            prop_assert!(!html.contains(['<', '>', '"', '\'']), "{html}");
            prop_assert!(!html.chars().any(controls_terminal));
            prop_assert_eq!(read(&html), printable(&text));
        }

        #[test]
        fn any_value_stays_in_its_attribute(text in hostile()) {
            let mut html = Html::default();
            html.raw("<a").attribute("href", &text).raw(">");
            let html = html.finish();
            let value = html.strip_prefix("<a href=\"").and_then(|end| end.strip_suffix("\">"));
            let value = value.unwrap();
            prop_assert!(!value.contains(['<', '>', '"', '\'']), "{value}");
            prop_assert_eq!(read(value), printable(&text));
        }
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let mut html = Html::default();
        html.text("<".repeat(10_000));
        assert_eq!(html.finish(), format!("{}…", "&lt;".repeat(MOST)));
    }

    #[test]
    fn digits_of_large_counts_stand_in_threes() {
        let shown = [0, 9999, 12_345, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "9999", "12\u{202f}345", "1\u{202f}234\u{202f}567"]);
    }
}
