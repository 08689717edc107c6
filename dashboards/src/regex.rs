//! Regular expressions as Prometheus reads them: those of Go's `regexp`, which is RE2. The parser
//! here takes more, and reads some of it in another way; what differs is refused.

use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{
    Ast, ClassBracketed, ClassSet, ClassSetItem, Repetition, RepetitionKind, RepetitionRange,
};

/// The most repetitions, those of repetitions inside multiplied.
const MOST: u32 = 1000;

/// Refuses what is no regular expression of Prometheus, and what only some versions read.
///
/// # Errors
/// What it cannot have.
pub(crate) fn check(value: &str) -> Result<(), String> {
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\' {
            let next = letters.next().unwrap_or(' ');
            if !next.is_ascii_punctuation() && !"dDwWsS".contains(next) {
                return Err(format!("a regular expression cannot have \\{next} here"));
            }
        }
    }
    let mut groups = value.split("(?").skip(1);
    if groups.any(|rest| !rest.starts_with(':') && !rest.starts_with("i)")) {
        return Err("a group begins with ( or (?:, and (?i) ignores case".to_owned());
    }
    let parsed = Parser::new().parse(value);
    let tree = parsed.map_err(|error| format!("no regular expression: {}", error.kind()))?;
    part(&tree, value, MOST)
}

/// Refuses what a part of `value` cannot have, where it may be repeated so often. The parser
/// bounds how deep parts lie in each other.
fn part(tree: &Ast, value: &str, often: u32) -> Result<(), String> {
    match tree {
        Ast::Repetition(repetition) => repeated(repetition, value, often),
        Ast::Group(group) => part(&group.ast, value, often),
        Ast::Alternation(several) => {
            several.asts.iter().try_for_each(|one| part(one, value, often))
        }
        Ast::Concat(several) => several.asts.iter().try_for_each(|one| part(one, value, often)),
        Ast::ClassBracketed(class) => bracketed(class, value),
        _ => Ok(()),
    }
}

fn repeated(repetition: &Repetition, value: &str, often: u32) -> Result<(), String> {
    if matches!(*repetition.ast, Ast::Repetition(_)) {
        return Err("a repetition cannot follow a repetition: put parentheses around it".to_owned());
    }
    let RepetitionKind::Range(range) = &repetition.op.kind else {
        return part(&repetition.ast, value, often);
    };
    let span = repetition.op.span;
    let written = value.get(span.start.offset..span.end.offset).unwrap_or_default();
    if written.contains(char::is_whitespace) {
        return Err("a repetition cannot have spaces inside of { and }".to_owned());
    }
    let most = match *range {
        RepetitionRange::Exactly(most)
        | RepetitionRange::AtLeast(most)
        | RepetitionRange::Bounded(_, most) => most,
    };
    if most > often {
        return Err(format!("a part cannot be repeated more than {MOST} times in all"));
    }
    part(&repetition.ast, value, often / most.max(1))
}

fn bracketed(class: &ClassBracketed, value: &str) -> Result<(), String> {
    let span = class.span;
    let written = value.get(span.start.offset..span.end.offset).unwrap_or_default();
    let is_operated = ["--", "&&", "~~"].into_iter().any(|one| written.contains(one));
    let holds_class = match &class.kind {
        ClassSet::Item(ClassSetItem::Union(items)) => {
            items.items.iter().any(|item| matches!(item, ClassSetItem::Bracketed(_)))
        }
        ClassSet::Item(item) => matches!(item, ClassSetItem::Bracketed(_)),
        ClassSet::BinaryOp(_) => true,
    };
    if is_operated || holds_class {
        return Err("a class cannot have a class inside, nor --, && or ~~".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prometheus_refuses_or_reads_in_another_way_is_refused() {
        for value in [
            "a**",
            "a++",
            "a*+",
            "a*??",
            "a{2}{3}",
            "a{2}*",
            "a{1001}",
            "a{2000}",
            "a{1,1001}",
            "a{1001,}",
            "(a{100}){100}",
            "(?:(a{11}b){10}|c){10}",
            "a{ 2}",
            "[a[:foo:]]",
            "[a[b]]",
            "[[a]]",
            "[a--b]",
            "[a&&b]",
            "[a~~b]",
            "[--a]",
            "a{2",
            "(",
            r"\pL",
            "(?x)a",
        ] {
            assert!(check(value).is_err(), "{value}");
        }
    }

    #[test]
    fn what_prometheus_takes_is_taken() {
        for value in [
            "a|b",
            "(a*)*",
            "a*?",
            "a{2}?",
            "a{1000}",
            "(a{100}){10}",
            "(a{100})+(b{100})+",
            "a{0}",
            "[[:alpha:]_-]+",
            "[^a-z.]",
            r"[\d.]",
            "(?i)tcpwarden-.+",
            "(?:a|b)?",
            r"a\.b",
            "",
        ] {
            assert_eq!(check(value), Ok(()), "{value}");
        }
    }
}
