//! Fills the paragraphs of generated Markdown: [`docs`](crate::docs) and
//! [`runbooks`](crate::runbooks) pass their pages through [`wrap`].
//!
//! Only line breaks change. Tables, headings, code blocks and comments stay as they are.

/// Columns of a line.
const WIDTH: usize = 100;

/// Returns the page with its paragraphs and list items filled to 100 columns.
///
/// Inline code stays on one line, so that a search for a command finds it. A word that is longer
/// than a line stands on a line of its own.
#[must_use]
pub fn wrap(page: &str) -> String {
    let mut filled = String::with_capacity(page.len() + page.len() / 16);
    let mut paragraph: Vec<&str> = Vec::new();
    let mut in_code = false;
    for line in page.lines() {
        let fence = line.starts_with("```");
        let verbatim = in_code || fence || line.is_empty() || line.starts_with(['|', '#', '<']);
        if verbatim || line.starts_with("- ") {
            fill(&mut filled, &paragraph);
            paragraph.clear();
        }
        if verbatim {
            filled.push_str(line);
            filled.push('\n');
        } else {
            paragraph.push(line);
        }
        in_code ^= fence;
    }
    fill(&mut filled, &paragraph);
    filled
}

/// Appends a paragraph. The lines after the first of a list item are indented.
fn fill(filled: &mut String, paragraph: &[&str]) {
    let indent =
        if paragraph.first().is_some_and(|line| line.starts_with("- ")) { "  " } else { "" };
    let mut columns = 0;
    for word in words(&paragraph.join(" ")) {
        let length = word.chars().count();
        if columns == 0 {
            columns = length;
        } else if columns + 1 + length <= WIDTH {
            filled.push(' ');
            columns += 1 + length;
        } else {
            filled.push('\n');
            filled.push_str(indent);
            columns = indent.len() + length;
        }
        filled.push_str(&word);
    }
    if columns > 0 {
        filled.push('\n');
    }
}

/// Splits a text where a line may end: at spaces outside inline code, and not before a word that
/// would open a list or a quotation.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(last) if in_code(last) || opens_block(word) || last == "-" => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

fn in_code(text: &str) -> bool {
    text.matches('`').count() % 2 == 1
}

fn opens_block(word: &str) -> bool {
    let number = word.trim_end_matches(['.', ')']);
    matches!(word, "-" | "+" | "*" | ">" | "%")
        || (number.len() < word.len() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(page: &str) -> Vec<&str> {
        page.lines().filter(|line| line.chars().count() > WIDTH).collect()
    }

    #[test]
    fn paragraphs_and_list_items_are_filled() {
        let words = "word ".repeat(50);
        let page = wrap(&format!("{words}\nlast\n\n- {words}\n- next\n"));
        assert_eq!(long(&page), [""; 0]);
        assert_eq!(page.split_whitespace().filter(|word| *word == "word").count(), 100);
        assert!(page.contains("word last\n\n- word"), "{page}");
        assert!(page.contains("\n  word"), "{page}");
        assert!(page.ends_with("\n- next\n"), "{page}");
    }

    #[test]
    fn inline_code_stays_on_one_line() {
        let command = "`tcpwarden connections --state close_wait --process orders-api`";
        for before in 0..100 {
            let page = wrap(&format!("{} ({command}), see below", "x ".repeat(before)));
            assert_eq!(long(&page), [""; 0]);
            assert!(page.contains(&format!("({command}),")), "{page}");
        }
    }

    #[test]
    fn no_line_starts_like_a_list() {
        for before in 0..100 {
            let page = wrap(&format!("a {}+ b - c of 2024. Then 5 % > 3", "x ".repeat(before)));
            let starts = page.lines().map(|line| line.split(' ').next().unwrap_or_default());
            assert!(starts.clone().all(|word| !opens_block(word)), "{page}");
        }
    }

    #[test]
    fn tables_headings_and_code_blocks_stay() {
        let long = "a ".repeat(60);
        let page = format!("# {long}\n\n| {long} |\n|---|\n\n```sh\n{long}\n- b\n```\n");
        assert_eq!(wrap(&page), page);
    }
}
