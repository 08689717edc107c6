//! Markdown, as far as the checks need it: prose apart from code blocks, tables, headings.

/// Returns the numbered lines outside code blocks.
pub(crate) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let mark = ["```", "~~~"].into_iter().find(|mark| line.trim_start().starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => {
                fence = Some(mark);
                None
            }
            (Some(open), Some(mark)) if open == mark => {
                fence = None;
                None
            }
            (Some(_), _) => None,
            (None, None) => Some((at + 1, line)),
        }
    })
}

/// Whether a line is a row of a table.
pub(crate) fn is_table(line: &str) -> bool {
    line.trim_start().starts_with('|')
}

/// Returns the anchors of all headings, as GitHub makes them.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for (_, line) in prose(text) {
        let Some(heading) = line.strip_prefix('#') else { continue };
        let heading = heading.trim_start_matches('#');
        if !heading.starts_with(' ') {
            continue;
        }
        let kept = heading.trim().chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
        let anchor = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let alike = |other: &&String| {
            let rest = other.strip_prefix(&anchor);
            rest.is_some_and(|rest| {
                rest.is_empty() || rest[1..].parse::<u32>().is_ok() && rest.starts_with('-')
            })
        };
        let before = anchors.iter().filter(alike).count();
        anchors.push(if before == 0 { anchor } else { format!("{anchor}-{before}") });
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_blocks_are_left_out_with_their_fences() {
        let numbers: Vec<usize> =
            prose("a\n```sh\nb\n~~~\n```\nc\n").map(|(number, _)| number).collect();
        assert_eq!(numbers, [1, 6]);
    }

    #[test]
    fn anchors_are_those_of_github() {
        let text = "# The house, `in` short\n## A-B_c\n## A-B_c\n#!no\n```\n# no\n```\n";
        assert_eq!(anchors(text), ["the-house-in-short", "a-b_c", "a-b_c-1"]);
    }
}
