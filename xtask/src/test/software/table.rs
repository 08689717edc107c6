//! The table of a run, in Markdown: what was expected, what was answered.
use super::compare::{Answer, Outcome, Suspect};
use super::expected::{Expected, Finding, Kind};

/// Returns the table; below it stands what was wrong.
pub(super) fn markdown(outcomes: &[(&Kind, Answer, Outcome)]) -> String {
    let mut rows = vec![
        "| kind | report | expected | answered | outcome | known miss |".to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    let mut below = Vec::new();
    for (kind, answer, outcome) in outcomes {
        let Expected { report, known_miss, .. } = &kind.expected;
        let cells = [
            format!("`{}`", kind.name),
            format!("[{}]({report})", short(report)),
            expected(&kind.expected),
            answered(answer),
            word(outcome).to_owned(),
            known_miss.clone().unwrap_or_default(),
        ];
        rows.push(format!("| {} |", cells.map(|cell| cell.replace('|', "/")).join(" | ")));
        if let Outcome::Miss(texts) | Outcome::False { texts, .. } = outcome {
            below.extend(texts.iter().map(|text| format!("{}: {text}", kind.name)));
        } else if known_miss.is_some() {
            below.push(format!("{}: right, so remove its known_miss", kind.name));
        }
    }
    if !below.is_empty() {
        rows.push(String::new());
        rows.extend(below);
    }
    rows.join("\n")
}

/// Returns names with commas between them.
pub(super) fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Right => "right",
        Outcome::Miss(_) => "**miss**",
        Outcome::False { .. } => "**false accusation**",
    }
}

/// Returns owner, repository and number of a report.
fn short(report: &str) -> String {
    let path = report.trim_start_matches("https://github.com/");
    path.replace("/issues/", "#").replace("/pull/", "#")
}

fn expected(expected: &Expected) -> String {
    let text = |one: &Finding| {
        let [least, most] = one.connections;
        let count = if least == most { format!("{least}") } else { format!("{least} to {most}") };
        let kinds = one.kinds.join(" or ");
        format!("{}, {} {}: {kinds}, {count}", one.process, one.role, one.port)
    };
    let mut parts: Vec<String> = expected.accused.iter().map(text).collect();
    if parts.is_empty() {
        parts.push("nobody is accused".to_owned());
    }
    parts.extend(expected.note.iter().map(|one| format!("note: {}", text(one))));
    parts.join("; ")
}

fn answered(answer: &Answer) -> String {
    let text = |one: &Suspect| {
        let port = one.service_port.map_or_else(|| "no port".to_owned(), |port| port.to_string());
        let Suspect { process, role, kind, connections, certainty, .. } = one;
        format!("{process}, {role} {port}: {kind}, {connections}, {certainty}")
    };
    let mut parts: Vec<String> = answer.suspects.iter().map(text).collect();
    if parts.is_empty() {
        parts.push("nobody is accused".to_owned());
    }
    parts.extend(answer.notes.iter().map(|one| format!("note: {}", text(one))));
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_what_was_expected_beside_what_was_answered() {
        let text = r#"
            about = "a leak"
            report = "https://github.com/golang/go/issues/1"
            packages = ["nginx"]
            known_miss = "the group has no name"
            [[accused]]
            process = "shop"
            role = "client"
            port = 7000
            kinds = ["never_read"]
            connections = [20, 30]
        "#;
        let kind = Kind {
            name: "leak".into(),
            folder: "leak".into(),
            expected: toml::from_str(text).unwrap(),
        };
        let miss = Outcome::Miss(vec!["not named: shop".into()]);
        let told = markdown(&[(&kind, Answer::default(), miss)]);
        let row = "| `leak` | [golang/go#1](https://github.com/golang/go/issues/1) | shop, client \
                   7000: never_read, 20 to 30 | nobody is accused | **miss** | the group has no \
                   name |\n\nleak: not named: shop";
        assert_eq!(told.split_once("|---|\n").map(|parts| parts.1), Some(row));
        let told = markdown(&[(&kind, Answer::default(), Outcome::Right)]);
        assert!(told.ends_with("leak: right, so remove its known_miss"), "{told}");
    }
}
