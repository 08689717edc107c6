//! The runbooks: each alert has one, it can be followed, and its commands are the agent's.

use dashboards::options::Options;
use dashboards::rules::{self, Alert};
use dashboards::runbooks;
use dashboards::timing::PRODUCTION;
use tcpwarden::cli::{self, Command};
use tcpwarden::query;

use crate::promtool::root;

const SECTIONS: [&str; 4] = ["## Meaning", "## Impact", "## Diagnosis", "## Mitigation"];

/// Every alert with the text of its runbook, as committed.
fn pages() -> impl Iterator<Item = (&'static Alert, String)> {
    rules::all().iter().map(|alert| {
        let path = root().join(format!("{}{}.md", runbooks::FOLDER, alert.name));
        (
            alert,
            std::fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        )
    })
}

/// What stands in ```` ```sh ```` blocks, line by line, and in `code`, as far as it is a command of
/// the agent.
pub(crate) fn commands(page: &str) -> Vec<String> {
    let blocks = page
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```"))
        .flat_map(|(block, _)| block.lines());
    let prose: String = page.split("```").step_by(2).collect();
    let inline: Vec<&str> = prose.split('`').skip(1).step_by(2).collect();
    let strip = |line: &str| line.strip_prefix("sudo ").unwrap_or(line).to_owned();
    blocks.chain(inline).map(strip).filter(|line| line.starts_with("tcpwarden ")).collect()
}

/// The words of a command up to what a shell takes; quotes hold none of the agent's own options.
fn words(command: &str) -> Vec<&str> {
    let ends = [" | ", " || ", " && ", " > ", " # "];
    let own = ends.iter().fold(command, |text, end| text.split(end).next().unwrap_or_default());
    own.split_whitespace().collect()
}

/// What is wrong with a command of the agent: an option that it does not have, or a value that it
/// refuses.
pub(crate) fn fault(command: &str) -> Option<String> {
    match cli::parse(words(command)) {
        // Help and version.
        Err(error) if error.exit_code() == 0 => None,
        Err(error) => Some(error.to_string()),
        Ok(parsed) => match &parsed.command {
            Command::Query(request) => request.check().err().map(|refusal| refusal.to_string()),
            _ => None,
        },
    }
}

#[test]
fn every_alert_has_a_runbook_with_the_four_sections_in_order() {
    for (alert, page) in pages() {
        let found: Vec<&str> = page.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(found, SECTIONS, "{}", alert.name);
        let bodies: Vec<&str> = page.split("\n## ").skip(1).collect();
        assert!(
            bodies.iter().all(|body| body.len() > 80),
            "{}: a section says nothing",
            alert.name
        );
        assert!(bodies[2].contains("```sh\n"), "{}: nothing to run in the diagnosis", alert.name);
        assert!(!page.contains("[["), "{}: a limit is not filled in", alert.name);
    }
}

#[test]
fn without_an_address_the_rules_have_the_runbook_and_with_one_its_page() {
    let own = &rules::files(&PRODUCTION)[0].text;
    assert!(!own.contains("runbook_url"), "it leads nowhere");
    assert_eq!(own.matches("          runbook: |-\n").count(), rules::all().len());
    let mut options = Options::default();
    options.set_runbook_base_url("https://runbooks.example/").unwrap();
    let published = &rules::files(&PRODUCTION.with(options))[0].text;
    assert!(!published.contains(" runbook: "));
    let urls = published.lines().filter_map(|line| line.trim().strip_prefix("runbook_url: "));
    let pages: Vec<&str> = urls
        .map(|url| url.trim_matches('"').strip_prefix("https://runbooks.example/").unwrap())
        .collect();
    assert_eq!(pages.len(), rules::all().len());
    for page in pages {
        assert!(root().join(runbooks::FOLDER).join(page).is_file(), "{page}");
    }
}

#[test]
fn the_runbook_in_an_annotation_is_no_template_and_ends_with_a_paragraph() {
    let mut cut = 0;
    for (alert, page) in pages() {
        let text = runbooks::annotation(alert, &PRODUCTION);
        assert!(text.len() <= 2048, "{}: {} bytes", alert.name, text.len());
        assert!(!text.contains("{{") && !text.contains("[["), "{}: {text}", alert.name);
        assert!(text.starts_with("## Meaning\n"), "{}: {text}", alert.name);
        assert_eq!(text.matches("```").count() % 2, 0, "{}: {text}", alert.name);
        let (prose, rest) = text.split_once("\n\nThe rest: ").unwrap_or((&text, ""));
        assert!(!prose.lines().last().unwrap().starts_with('#'), "{}: {prose}", alert.name);
        let words: Vec<&str> = page.split_whitespace().collect();
        let own: Vec<&str> = prose.split_whitespace().collect();
        assert!(words.windows(own.len()).any(|part| part == own), "{}: {prose}", alert.name);
        assert!(rest.is_empty() || prose.len() > 1024, "{}: little is left", alert.name);
        let place = format!("/usr/share/doc/tcpwarden/docs/runbooks/{}.md", alert.name);
        assert!(rest.is_empty() || rest.starts_with(&place), "{rest}");
        cut += usize::from(!rest.is_empty());
    }
    assert!(cut > 2, "only {cut} runbooks are longer");
}

#[test]
fn every_runbook_names_commands_of_the_agent_or_its_metrics_and_all_parse() {
    let mut seen = 0;
    for (alert, page) in pages() {
        let commands = commands(&page);
        let asks = page.contains("http://127.0.0.1:10793/") || page.contains("ss -");
        assert!(
            !commands.is_empty() || asks,
            "{}: nothing that asks the agent or the kernel",
            alert.name
        );
        for command in &commands {
            assert_eq!(fault(command), None, "{}: {command}", alert.name);
        }
        seen += commands.len();
    }
    assert!(seen > 50, "only {seen} commands were found");
}

#[test]
fn a_command_with_a_wrong_option_or_value_is_noticed() {
    assert!(fault("tcpwarden connections --stat close_wait").is_some());
    assert!(fault("tcpwarden connections --state closing_wait").is_some());
    assert!(fault("tcpwarden leeks").is_some());
    assert!(fault("tcpwarden leaks --fail-on likely || mail root").is_none());
    let found = commands("a\n```sh\nsudo tcpwarden check\nss -tan\n```\nand `tcpwarden ports`.");
    assert_eq!(found, ["tcpwarden check", "tcpwarden ports"]);
}

#[test]
fn commands_are_lines_that_a_shell_can_read() {
    let readable = |block: &str| {
        std::process::Command::new("sh")
            .args(["-n", "-c", block])
            .output()
            .unwrap()
            .status
            .success()
    };
    for (alert, page) in pages() {
        for (block, _) in page.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```")) {
            assert!(readable(block), "{}:\n{block}", alert.name);
        }
    }
    assert!(!readable("ss -tan | grep 'x"));
}

#[test]
fn addresses_in_runbooks_are_routes_of_the_api() {
    for (alert, page) in pages() {
        for rest in page.split("http://127.0.0.1:10793/").skip(1) {
            let path = rest.split([' ', '\'', '\n', '?', '`']).next().unwrap();
            let known = ["metrics", "healthz", "readyz"].contains(&path)
                || query::ALL.iter().any(|query| query.path() == format!("/{path}"));
            assert!(known, "{}: {path}", alert.name);
        }
    }
}

#[test]
fn metrics_and_alerts_that_runbooks_name_exist() {
    let metrics: Vec<String> = catalogue::metrics::all()
        .flat_map(|metric| [vec![metric.name.to_owned()], metric.series_names()].concat())
        .collect();
    for (alert, page) in pages() {
        let code: Vec<&str> = page.split('`').collect();
        let named = code
            .iter()
            .filter(|word| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
        for word in named {
            let alert_name = word.starts_with("Tcp")
                && word.bytes().filter(u8::is_ascii_uppercase).count() > 1
                && !word.starts_with("TcpExt");
            assert!(
                !alert_name || rules::all().iter().any(|other| other.name == *word),
                "{}: {word}",
                alert.name
            );
            assert!(
                !word.starts_with("tcpwarden_") || metrics.iter().any(|metric| metric == word),
                "{}: {word}",
                alert.name
            );
        }
    }
}
