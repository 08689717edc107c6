//! Tests of `/api` and of the commands that ask it, over real sockets.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::thread;

use super::Access;
use super::tests::{Server, address, any_port, start, start_with, temporary};
use crate::cli::{Command, parse};
use crate::client::{self, Address, Agent, AgentOptions, Failure};
use crate::config::Listen;
use crate::exit::Error;

/// Sends one request with a Host header. Returns the status and the body.
async fn ask(server: &Server, path: &str, host: Option<&str>) -> (u16, String) {
    let (address, host) =
        (address(server), host.map(|host| format!("Host: {host}\r\n")).unwrap_or_default());
    let request = format!("GET {path} HTTP/1.0\r\n{host}\r\n");
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Runs a command line against a server. Returns its output or its error.
async fn command(server: &Server, words: &str) -> Result<String, Error> {
    let agent = match server.url.strip_prefix("unix:") {
        Some(_) => server.url.clone(),
        None => address(server),
    };
    let line = format!("tcpwarden {words} --agent {agent}");
    tokio::task::spawn_blocking(move || run(&line)).await.unwrap()
}

fn run(line: &str) -> Result<String, Error> {
    let mut page = Vec::new();
    let Command::Query(request) = parse(line.split(' ')).unwrap().command else {
        panic!("another command")
    };
    request.run(&mut page)?;
    Ok(String::from_utf8(page).unwrap())
}

#[tokio::test]
async fn the_drill_down_answers_in_json_and_refuses_by_name() {
    let server = start(&any_port());
    let (status, body) =
        ask(&server, "/api/v1/connections?state=close_wait&limit=2", Some("127.0.0.1")).await;
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &answer["matched"], &answer["returned"], &answer["truncated"]),
        (200, &3.into(), &2.into(), &true.into())
    );
    assert_eq!(answer["connections"][0]["peer_address"], "10.0.0.3");
    let (status, body) = ask(&server, "/api/v1/leaks?process=app3", Some("localhost:1")).await;
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &answer["matched"], &answer["suspects"][0]["kind"]),
        (200, &1.into(), &"never_read".into())
    );
    let (status, body) = ask(&server, "/api/v1/connections?min_age=soon", Some("[::1]")).await;
    let refusal: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &refusal["parameter"], &refusal["value"]),
        (400, &"min_age".into(), &"soon".into())
    );
    assert!(refusal["allowed"].as_str().unwrap().contains("90s"), "{body}");
    assert_eq!(ask(&server, "/api/v1/leaks?peer=10.0.0.1", Some("localhost")).await.0, 400);
    assert_eq!(ask(&server, "/api/v1/connections?%ff=%ff%00&&&=", Some("localhost")).await.0, 400);
}

#[tokio::test]
async fn a_page_from_elsewhere_cannot_ask_under_its_own_name() {
    let server = start(&any_port());
    for host in [Some("evil.example"), Some("127.0.0.1.evil.example:80"), Some("10.0.0.1"), None] {
        for path in ["/api/v1/connections", "/api/v1/leaks"] {
            let (status, body) = ask(&server, path, host).await;
            assert!(status == 403 && body.contains("127.0.0.1"), "{host:?}: {status} {body}");
        }
        assert_eq!(ask(&server, "/metrics", host).await.0, 200, "metrics name no connection");
    }
}

#[tokio::test]
async fn on_an_address_that_others_can_reach_nobody_is_answered_unless_told_otherwise() {
    let everywhere = IpAddr::from([0, 0, 0, 0]);
    let server = start_with(&any_port(), Access::of(everywhere, false, true));
    let (status, body) = ask(&server, "/api/v1/connections", Some("127.0.0.1")).await;
    assert!(status == 403 && body.contains("--expose-connections"), "{status} {body}");
    assert_eq!(ask(&server, "/metrics", Some("x")).await.0, 200);
    let server = start_with(&any_port(), Access::of(everywhere, true, true));
    assert_eq!(ask(&server, "/api/v1/connections", Some("node7.example")).await.0, 200);
}

#[tokio::test]
async fn the_commands_print_what_the_agent_answers() {
    let path = temporary("api.sock");
    for listen in [any_port(), Listen::Unix(path)] {
        let server = start(&listen);
        let table = command(&server, "connections --state close_wait --min-age 50s --sort port")
            .await
            .unwrap();
        assert!(
            table.starts_with("STATE ") && table.ends_with("3 of 10 connections match\n"),
            "{table}"
        );
        let app3 = "close_wait (unread)  59s     -  app3     103  host      client  \
                    10.0.0.1:40000  10.0.0.3:5433";
        assert!(table.contains(app3), "{table}");
        let json = command(&server, "connections --json -n 1").await.unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["truncated"], true);
        assert_eq!(
            command(&server, "ports").await.unwrap(),
            "no connection has taken a port of the ephemeral range\n"
        );
        let Err(Error::Usage(why)) = command(&server, "ports -n 0").await else {
            panic!("not refused")
        };
        assert!(why.starts_with("--limit is '0'"), "{why}");
        let text = command(&server, "leaks").await.unwrap();
        assert!(
            text.starts_with("1. process app") && text.contains("looked at 10 connections"),
            "{text}"
        );
        let none = command(&server, "leaks --state syn_sent").await.unwrap();
        assert!(none.starts_with("no suspects: looked at 10 connections"), "{none}");
    }
}

#[tokio::test]
async fn an_option_that_is_wrong_is_named_before_anybody_is_asked() {
    let error = run("tcpwarden connections --min-age soon --agent 127.0.0.1:1").unwrap_err();
    assert!(
        error.code() == 2
            && error.to_string().starts_with("--min-age is 'soon': expected a duration"),
        "{error}"
    );
    assert_eq!(run("tcpwarden leaks --limit 0 --agent 127.0.0.1:1").unwrap_err().code(), 2);
}

#[test]
fn without_an_agent_the_error_says_where_it_was_sought_and_ends_with_7() {
    for agent in ["127.0.0.1:1", "unix:/nonexistent/x.sock"] {
        let error = run(&format!("tcpwarden connections --agent {agent}")).unwrap_err();
        let text = error.to_string();
        assert!(error.code() == 7 && text.contains(agent) && text.contains("--agent"), "{text}");
    }
}

/// Starts a server that answers the first connection with some bytes and then closes.
fn fake(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        // The client may have closed the connection already.
        let _ = stream.write_all(&answer);
    });
    address
}

#[test]
fn a_hostile_answer_is_an_error_and_reaches_no_terminal() {
    let http = |body: &str| {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    let endless = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'['; client::MAX_BODY + 2]].concat();
    let forbidden =
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 22\r\n\r\n{\"error\": \"\x1b[2Jgo away\"}"
            .to_vec();
    for (answer, said) in [
        (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), "does not speak HTTP"),
        (Vec::new(), "does not speak HTTP"),
        (http("{\"connections\": 7}"), "not what an agent"),
        (http("[[[["), "not what an agent"),
        (http(&"[".repeat(100_000)), "not what an agent"),
        (http("{\"connections\": [{\"local_address\": \"\x1b[2J\"}]}"), "not what an agent"),
        (endless, "larger than"),
        (forbidden, "403"),
    ] {
        let error = run(&format!("tcpwarden connections --agent {}", fake(answer))).unwrap_err();
        let text = error.to_string();
        assert!(error.code() == 7 && text.contains(said), "{text}");
        assert!(!text.chars().any(crate::events::names::controls_terminal), "{text:?}");
    }
    let evil =
        r#"{"matched": 1, "connections": [{"process": "a\u001b[2J\nb", "age_seconds": -1e300}]}"#;
    let page = run(&format!("tcpwarden connections --agent {}", fake(http(evil)))).unwrap();
    assert!(page.contains("a\\u{1b}[2J\\nb") && !page.contains('\u{1b}'), "{page:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up() {
    // The limit is the client's own; what is tested is that it covers connecting, sending and
    // reading.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addresses = [Address::Listen(Listen::Tcp(listener.local_addr().unwrap()))];
    let agent = Agent { addresses: &addresses, options: &AgentOptions::default() };
    let failure =
        client::fetch_within(std::time::Duration::from_millis(50), &agent, "/").await.unwrap_err();
    assert!(matches!(failure, Failure::Slow(_)), "{failure}");
}
