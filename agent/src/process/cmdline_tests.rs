//! Tests of command lines that are shown: planted secrets, hostile bytes, bounds.

use proptest::prelude::*;

use super::cmdline::{MAX, display, public};
use super::name::Facts;
use super::name_tests::{argv, config};
use super::rules::Rules;
use super::text::is_hidden;

fn shown(words: &[&str]) -> String {
    display(words.join("\0").as_bytes())
}

#[test]
fn values_that_an_option_calls_a_secret_are_masked() {
    for (line, expected) in [
        ("app|--password=hunter2|-v", "app --password=*** -v"),
        ("app|--password|hunter2|-v", "app --password *** -v"),
        ("app|--password|--verbose", "app --password --verbose"),
        ("app|--password=two words|-v", "app --password=*** -v"),
        ("app|--password-file|/run/pw", "app --password-file /run/pw"),
        ("env|PGPASSWORD=hunter2|psql", "env PGPASSWORD=*** psql"),
        (
            "java|-Dspring.datasource.password=x y|-jar|a.jar",
            "java -Dspring.datasource.password=*** -jar a.jar",
        ),
        (
            "java|-Djavax.net.ssl.keyStorePassword=x|Main",
            "java -Djavax.net.ssl.keyStorePassword=*** Main",
        ),
        (
            "redis-server|--requirepass|x|--masterauth|y",
            "redis-server --requirepass *** --masterauth ***",
        ),
        ("app|--password|mysql|-phunter2", "app --password *** -p***"),
        ("app|-p|8080", "app -p 8080"),
        ("mysql|-phunter2|-h|db", "mysql -p*** -h db"),
        ("sudo|sshpass|-p|hunter2|ssh|h", "sudo sshpass -p *** ssh h"),
        ("redis-cli|-a|hunter2|ping", "redis-cli -a *** ping"),
        ("curl|-u|me:hunter2|http://h/", "curl -u *** http://h/"),
        ("curl|-H|Authorization: Bearer abc def|http://h/", "curl -H Authorization: *** http://h/"),
        ("sh|-c|mysql --password='a b' -h db", "sh -c mysql --password=*** -h db"),
        ("app|--config={\"password\":\"x\",\"user\":\"u\"}", "app --config={\"password\":***"),
        ("app|Server=h;Password=x;User=u", "app Server=h;Password=***"),
        ("vault|login|ghp_0123456789abcdefghij", "vault login ***"),
        (
            "app|--no-auth|--authorization-mode=Node,RBAC",
            "app --no-auth --authorization-mode=Node,RBAC",
        ),
    ] {
        assert_eq!(shown(&line.split('|').collect::<Vec<_>>()), expected, "{line}");
    }
}

#[test]
fn credentials_in_urls_are_masked() {
    for (line, expected) in [
        ("postgres://app:hunter2@db:5432/shop", "postgres://app:***@db:5432/shop"),
        ("--db=postgres://app:p@ss/w?rd@db/shop", "--db=postgres://app:***@db/shop"),
        ("redis://:hunter2@cache:6379/0", "redis://:***@cache:6379/0"),
        ("ssh://git@host/repo", "ssh://git@host/repo"),
        ("https://0123456789abcdef0123@sentry.io/1", "https://***@sentry.io/1"),
        ("http://h:8080/?a=b&token=x&c=d", "http://h:8080/?a=b&token=***"),
        ("jdbc:postgresql://h/db?user=u&password=x", "jdbc:postgresql://h/db?user=u&password=***"),
        ("mongodb://a:x@h1:1,h2:2/db", "mongodb://a:***@h1:1,h2:2/db"),
        ("http://h:8080/x", "http://h:8080/x"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("http://user:pas", "http://user:***"),
        ("http://CORP\\nick:x@h/", "http://CORP\\nick:***@h/"),
        ("http://user:p?token=x@h/", "http://user:***@h/"),
    ] {
        assert_eq!(shown(&[line]), expected);
    }
}

#[test]
fn hidden_characters_are_escaped_and_long_lines_are_cut() {
    assert_eq!(shown(&["a\nb", "\u{1b}[31m", "\u{202e}x"]), "a\\u{a}b \\u{1b}[31m \\u{202e}x");
    assert_eq!(display(b"a\xff\0\0\0"), "a\u{fffd}");
    assert_eq!(display(b""), "");
    let long = display("ä".repeat(1000).as_bytes());
    assert!(long.len() <= MAX && long.len() > MAX - 4 && long.ends_with("ä…"));
}

#[test]
fn what_was_shown_is_shown_the_same_again_where_a_mask_changes_what_is_behind_it() {
    for argv in ["-pw\u{3}:@|e", "--dsn=pw@tcp(1ps@tcp(10.0.0.1:330.1@tcp(10.0.0.1)/orders"] {
        let line = display(argv.replace('|', "\0").as_bytes());
        assert_eq!(display(line.as_bytes()), line);
    }
    assert_eq!(shown(&["-pw\u{3}:@", "e"]), "-pw\\u{3}:*** ***");
}

#[test]
fn a_secret_across_the_bound_of_reading_is_not_shown() {
    let masked = format!("--password={}", "x".repeat(4000));
    for tail in ["http://user:12345@host/".repeat(9), format!("http://user:{}@h/", "1".repeat(99))]
    {
        let line = shown(&[&masked, &tail]);
        assert!(!line.contains("12345") && !line.contains("1111"), "{line}");
    }
}

#[test]
fn everyone_sees_the_executable_and_the_script_only() {
    let rules = Rules::builtin();
    let public = |comm: &str, executable: &str, argv: &str| {
        let argv = argv.replace('|', "\0");
        let facts = Facts {
            comm: comm.as_bytes(),
            executable: executable.as_bytes(),
            argv: argv.as_bytes(),
            unit: "x.service",
        };
        public(&facts, &rules)
    };
    assert_eq!(public("java", "/jvm/bin/java", "java|-Dpw=x|-jar|/a/o.jar|--pw=x"), "java o.jar");
    assert_eq!(public("chosen", "/bin/python3.11", "python3|-u|/a/b.py|SECRET"), "python3.11 b.py");
    assert_eq!(public("nginx", "/usr/sbin/nginx (deleted)", "nginx: worker"), "nginx");
    assert_eq!(public("x", "", "x|SECRET"), "");
}

/// Ways to give a secret to a program; `@` stands for it.
const PLANTED: &[&str] = &[
    "--password=@",
    "--password|@",
    "-password|@",
    "--db-passwd=@",
    "PGPASSWORD=@",
    "MYSQL_PWD=@",
    "--token=@",
    "--api-key|@",
    "--apiKey=@",
    "--secret|@",
    "--client_secret=@",
    "-Dx.password=@",
    "--credential=@",
    "--auth|@",
    "--key=@",
    "scheme://user:@@host/x",
    "http://h/?token=@",
    "http://h/?a=b&password=@&c=d",
    "--url=amqp://u:@@h:5672/v",
    "Authorization: Bearer @",
    "X-Api-Key: @",
    "sh|-c|FOO=1 app --password @ -v",
    "sh|-c|psql postgres://u:@@h/d",
    "\n--pw=@",
    "{\"password\": \"@\"}",
    "jdbc:sqlserver://h;user=sa;password=@;x=y",
    "mysql|-p@",
    "sshpass|-p|@",
    "password @",
    "--pass '@'",
    "--passphrase=\"@\"",
    "a,token=@,b",
    "(secret=@)",
    "[key:@]",
    "--dsn=orders:@@tcp(10.0.0.1:3306)/orders",
    "curl|--user|bob:@",
    "curl|--proxy-user|bob:@",
    "snmpget|-c|@",
];

fn secret() -> impl Strategy<Value = String> {
    // Characters that passwords have and no shell or URL needs to escape, around a core that is
    // recognised if it survives.
    ("[a-z0-9!$%^+_.~*-]{0,8}", "[A-Z]{8}", "[a-z0-9!$%^+_.~*-]{0,8}")
        .prop_map(|(start, core, end)| format!("x{start}{core}{end}"))
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn no_planted_secret_survives(
        before in argv(),
        planted in prop::sample::select(PLANTED),
        secret in secret(),
        after in argv(),
        first in any::<bool>(),
    ) {
        let planted = planted.replace("@@", "\u{1}").replace('@', &secret)
            .replace('\u{1}', &format!("{secret}@")).replace('|', "\0");
        let parts: [&[u8]; 3] = [if first { b"" } else { &before }, planted.as_bytes(), &after];
        let line = display(&parts.join(&0));
        let core: String = secret.chars().filter(char::is_ascii_uppercase).collect();
        prop_assert!(!line.contains(&core), "{line}");
    }

    #[test]
    fn a_secret_of_any_characters_does_not_survive(
        before in argv(),
        planted in prop::sample::select(&[
            "--password=@", "--password|@", "PGPASSWORD=@", "-Dx.password=@", "--token|@",
            "Authorization: Bearer @", "scheme://user:@@host:80/x?y=z", "--u=https://:@@h",
        ][..]),
        (start, end) in ("[!-~]{0,9}", "[!-~]{0,9}"),
        spaced in any::<bool>(),
        first in any::<bool>(),
        after in argv(),
    ) {
        let space = if spaced && !planted.contains("://") { " " } else { "" };
        let secret = format!("x{start}{space}SECRETCORE{space}{end}x");
        let (head, tail) = planted.split_once('@').unwrap();
        let planted = format!("{}{secret}{tail}", head.replace('|', "\0"));
        let before = if first { b"".as_slice() } else { &before };
        let line = display(&[before, planted.as_bytes(), &after].join(&0));
        prop_assert!(!line.contains("SECRETCORE"), "{line}");
    }

    #[test]
    fn any_bytes_are_bounded_clean_and_shown_the_same_again(argv in argv()) {
        let line = display(&argv);
        prop_assert!(line.len() <= MAX);
        prop_assert!(!line.chars().any(is_hidden));
        prop_assert_eq!(display(line.as_bytes()), line);
    }

    #[test]
    fn no_argument_is_public(argv in argv(), secret in "SECRET[a-z0-9]{3,9}") {
        let line = [b"java\0Main\0--x\0".as_slice(), secret.as_bytes(), b"\0", &argv].concat();
        let facts = Facts { comm: b"java", executable: b"/bin/java", argv: &line, unit: "" };
        prop_assert_eq!(public(&facts, &Rules::builtin()), "java Main");
    }
}
