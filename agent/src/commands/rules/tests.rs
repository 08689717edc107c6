//! What the two commands write, and what of a file they refuse.

use std::path::PathBuf;

use clap::Parser as _;

use super::*;

#[derive(clap::Parser)]
struct Line<T: Args> {
    #[command(flatten)]
    arguments: T,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What a command writes on standard output.
fn rules_of(words: &[&str]) -> String {
    let line = Line::<RulesArgs>::parse_from([&["rules"], words].concat());
    let mut out = Vec::new();
    assert_eq!(rules(&line.arguments, &mut out).unwrap(), exit::OK);
    String::from_utf8(out).unwrap()
}

fn dashboards_of(words: &[&str]) -> String {
    let line = Line::<DashboardsArgs>::parse_from([&["dashboards"], words].concat());
    let mut out = Vec::new();
    assert_eq!(dashboards(&line.arguments, &mut out).unwrap(), exit::OK);
    String::from_utf8(out).unwrap()
}

/// What is wrong with a file, after its name.
fn refusal(text: &str) -> String {
    let path = std::env::temp_dir().join(format!("rules-{}.toml", std::process::id()));
    fs::write(&path, text).unwrap();
    let error = file::read(&path).unwrap_err();
    fs::remove_file(&path).unwrap();
    assert_eq!(error.code(), exit::USAGE);
    let said = error.to_string();
    said.strip_prefix(&format!("{}, ", path.display())).unwrap().to_owned()
}

#[test]
fn a_folder_gets_the_committed_files_and_their_paths_are_printed() {
    let folder = std::env::temp_dir().join(format!("rules-folder-{}", std::process::id()));
    let to = folder.join("deep").display().to_string();
    let printed = rules_of(&["--output", &to]) + &dashboards_of(&["--output", &to]);
    assert_eq!(printed.lines().count(), 9, "{printed}");
    for path in printed.lines() {
        let name = path.strip_prefix(&format!("{to}/")).unwrap();
        let places = ["dashboards/prometheus", "dashboards/grafana"];
        let committed =
            places.iter().find_map(|one| fs::read_to_string(root().join(one).join(name)).ok());
        assert!(committed.unwrap() == fs::read_to_string(path).unwrap(), "{name}");
    }
    assert_eq!(fs::read_dir(&to).unwrap().count(), 9, "nothing else is left");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_link_in_the_folder_is_replaced_and_what_fails_leaves_nothing_unfinished() {
    let folder = std::env::temp_dir().join(format!("rules-links-{}", std::process::id()));
    let victim = folder.join("victim");
    let to = folder.join("to");
    fs::create_dir_all(&to).unwrap();
    fs::write(&victim, "mine").unwrap();
    for name in [".tcpwarden-alerts.yml.new", "tcpwarden-alerts.yml"] {
        std::os::unix::fs::symlink(&victim, to.join(name)).unwrap();
    }
    fs::write(to.join("tcpwarden-recording.yml"), "old").unwrap();
    assert_eq!(rules_of(&["--output", &to.display().to_string()]).lines().count(), 2);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
    assert!(fs::symlink_metadata(to.join("tcpwarden-alerts.yml")).unwrap().is_file());
    assert_ne!(fs::read_to_string(to.join("tcpwarden-recording.yml")).unwrap(), "old");
    assert_eq!(fs::read_dir(&to).unwrap().count(), 2, "nothing else is left");
    fs::remove_file(to.join("tcpwarden-recording.yml")).unwrap();
    fs::create_dir(to.join("tcpwarden-recording.yml")).unwrap();
    let error = into(&to, &formats::prometheus(&Options::default())).unwrap_err();
    assert!(error.to_string().contains("tcpwarden-recording.yml"), "{error}");
    assert_eq!(fs::read_dir(&to).unwrap().count(), 2, "nothing unfinished is left");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn each_form_has_one_shape_on_standard_output() {
    assert_eq!(rules_of(&[]).matches("\ngroups:\n").count(), 1);
    assert!(rules_of(&[]).contains("- record: ") && rules_of(&[]).contains("- alert: "));
    let objects = rules_of(&["--format", "kubernetes"]);
    assert_eq!(objects.matches("kind: PrometheusRule\n").count(), 2);
    assert_eq!(objects.matches("\n---\n").count(), 1);
    assert!(rules_of(&["--format", "mixin"]).contains("prometheusAlerts+:: {"));
    let boards = serde_json::Deserializer::from_str(&dashboards_of(&[]))
        .into_iter::<serde_json::Value>()
        .map(|one| one.unwrap()["uid"].as_str().unwrap().to_owned())
        .collect::<Vec<_>>();
    assert!(boards.len() >= 6, "{boards:?}");
    let maps = dashboards_of(&["--format", "configmaps"]);
    assert_eq!(maps.matches("kind: ConfigMap\n").count(), boards.len());
}

#[test]
fn the_example_of_the_page_is_read_and_the_page_has_every_key() {
    let page = fs::read_to_string(root().join("docs/rules.md")).unwrap();
    let example = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let options = file::parse(example).unwrap();
    let files = formats::prometheus(&options);
    for part in ["job=\"tcpwarden\",env=\"prod\"", "by (job, state, cluster, env)"] {
        assert!(files[1].text.contains(part), "{part}: {}", files[1].text);
    }
    for part in [
        "runbook_url: \"https://wiki.example/tcpwarden/TcpCloseWaitStuck.md\"",
        "severity: info",
        "for: 15m",
        "process!~\"backup|gdb\"",
        "workload!~\"lab\\\\.service\"",
        ">= 20\n",
        ">= 0.02\n",
    ] {
        assert!(files[0].text.contains(part), "{part}");
    }
    assert!(!files[0].text.contains("TcpConnectionChurn"));
    for key in file::KEYS.iter().chain(&file::OF_ALERT) {
        let named = page.contains(&format!("| `{key}` |")) || *key == "alert";
        assert!(named && example.contains(key), "{key}");
    }
    let help = RULES_NOTES.split("has all):\n\n").nth(1);
    let example = help.unwrap().split("\n\nAn unknown").next().unwrap();
    assert_ne!(file::parse(example).unwrap(), Options::default());
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_what_is_allowed() {
    let stuck = "[alert.TcpCloseWaitStuck]\n";
    for (text, said) in [
        ("selektor = 'a=\"b\"'", "line 1: unknown key \"selektor\": did you mean selector?"),
        ("\n\nzzz = 1", "line 3: unknown key \"zzz\": the keys are selector, cluster_label,"),
        ("a = ", "line 1: not valid TOML: "),
        ("a = 1\na = 2", "line 2: not valid TOML: duplicate key"),
        ("selector = 7", "line 1: selector is 7: expected a text in quotes"),
        ("selector = 'a=\"b\"} or up'", "line 1: selector is "),
        ("cluster_label = \"process\"", "process is no label of every series"),
        (
            "runbook_base_url = \"docs\"",
            "line 1: runbook_base_url is \"docs\": expected an address",
        ),
        ("alert = 1", "line 1: alert is 1: expected a table"),
        (
            "[alert.TcpCloseWaitStuk]\n",
            "line 1: alert.TcpCloseWaitStuk: there is no such alert; \
          did you mean TcpCloseWaitStuck?",
        ),
        (
            &format!("{stuck}counts = 20"),
            "line 2: TcpCloseWaitStuck has no \"counts\": did you mean \
          count?",
        ),
        (&format!("{stuck}limit = 20"), "its keys are count, severity, for, disabled,"),
        (&format!("{stuck}count = -1"), "line 2: count is -1: expected a whole number"),
        (&format!("{stuck}count = nan"), "line 2: count is nan: expected a whole number"),
        (&format!("{stuck}count = inf"), "line 2: count is inf: expected a whole number"),
        (&format!("{stuck}count = \"20\""), "line 2: count is \"20\": expected a number"),
        (&format!("{stuck}severity = \"page\""), "expected critical, warning or info"),
        (&format!("{stuck}for = \"5 minutes\""), "expected a duration such as 90s"),
        (&format!("{stuck}for = \"30s\""), "expected whole seconds from 1m to 7d"),
        (&format!("{stuck}disabled = \"yes\""), "expected true or false"),
        (&format!("{stuck}ignore_processes = [1]"), "expected a list of texts in quotes"),
        (&format!("{stuck}ignore_processes = [\"{{{{\"]"), "a value cannot have {{"),
        (
            "[alert.TcpwardenDown]\nignore_workloads = [\"a\"]",
            "TcpwardenDown looks at no label workload",
        ),
    ] {
        let error = refusal(text);
        assert!(error.contains(said), "{text}: {error}");
        assert!(error.starts_with("line "), "{text}: {error}");
        assert!(!error.contains('\u{1b}') && error.len() < 1000, "{text}: {error}");
    }
    let hostile = refusal("\"\\u001b[31m\" = 1");
    assert!(!hostile.contains('\u{1b}'), "{hostile}");
    assert!(refusal(&format!("selector = '{}'", "x".repeat(100_000))).len() < 1000);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = file::read(Path::new("/nonexistent/site.toml")).unwrap_err();
    assert_eq!(error.code(), exit::USAGE);
    assert!(error.to_string().contains("/nonexistent/site.toml: No such file"), "{error}");
    let line = Line::<RulesArgs>::parse_from(["rules", "--output", "/proc/none"]);
    let error = rules(&line.arguments, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().starts_with("cannot make the folder /proc/none"), "{error}");
}
