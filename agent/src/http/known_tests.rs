//! Tests of who is answered: by a password, by a certificate, on a socket file beside addresses.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use super::Access;
use super::tests::{Server, address, any_port, get, start_at, temporary};
use super::web_tests::{TLS, secured_at};
use crate::config::Listen;

/// What stands for a client that is not of this machine: to one of loopback `/api` says no by it.
const AS_OTHERS: &str = "-H host:node7.example";

/// An address that others can reach, and a socket file.
fn both(name: &str) -> ([(Listen, Access); 2], PathBuf) {
    let path = temporary(name);
    let file = (Listen::Unix(path.clone()), Access::File);
    ([(any_port(), Access::Known), file], path)
}

/// Asks on a socket file under a name of another machine; the whole answer.
async fn on_file(path: &std::path::Path, target: &'static str) -> String {
    let path = path.to_owned();
    let work = move || {
        let mut stream = UnixStream::connect(path).unwrap();
        write!(stream, "GET {target} HTTP/1.0\r\nHost: node7.example\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn is_ok(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.0 200")
}

#[tokio::test]
async fn one_agent_answers_by_the_address_that_is_asked() {
    let path = temporary("by-address.sock");
    let listen = [
        (any_port(), Access::Nobody),
        (Listen::Unix(path.clone()), Access::File),
        (any_port(), Access::Local),
    ];
    let server: Server = start_at(&listen, None);
    let metrics = get(&server, "/metrics").await;
    assert!(is_ok(&metrics), "{metrics}");
    let refused = get(&server, "/api/v1/leaks").await;
    assert!(refused.starts_with("HTTP/1.1 403") && refused.contains("socket file"), "{refused}");
    let whole = on_file(&path, "/api/v1/leaks").await;
    assert!(is_ok(&whole) && whole.contains("suspects"), "{whole}");
    let third = server.bound[2].url().replace("/metrics", "/api/v1/leaks");
    let work = move || std::process::Command::new("curl").args(["-sSi", &third]).output().unwrap();
    let near = tokio::task::spawn_blocking(work).await.unwrap();
    assert!(is_ok(&String::from_utf8_lossy(&near.stdout)), "{near:?}");
}

#[tokio::test]
async fn a_password_shows_who_asks_and_a_socket_file_needs_none() {
    let (listen, path) = both("password.sock");
    let served = secured_at(&listen, TLS, &[("a", "b")]).await;
    let status = async |options: &str| {
        let options = format!("--cacert @ca.pem {AS_OTHERS} {options}");
        served.curl(&options, "/api/v1/leaks").await.1[9..12].to_owned()
    };
    assert_eq!(
        [status("").await, status("-u a:c").await, status("-u a:b").await],
        ["401", "401", "200"]
    );
    for target in ["/metrics", "/api/v1/leaks"] {
        let answer = on_file(&path, target).await;
        assert!(is_ok(&answer), "{answer}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_verified_shows_who_asks_and_another_does_not() {
    let rule = |name: &str, ca: &str| format!("{TLS}  client_auth_type: {name}\n{ca}");
    let ca = "  client_ca_file: ca.pem\n";
    for (text, without, with) in [
        (rule("VerifyClientCertIfGiven", ca), "403", "200"),
        (rule("RequestClientCert", ""), "403", "403"),
        (TLS.to_owned(), "403", "403"),
    ] {
        let served = secured_at(&[(any_port(), Access::Known)], &text, &[]).await;
        served.files.certificate("reader", "ca", "DNS:reader").unwrap();
        let status = async |shown: &str, path: &str| {
            let options = format!("--cacert @ca.pem {AS_OTHERS} {shown}");
            served.curl(&options, path).await.1[9..12].to_owned()
        };
        let shown = "--cert @reader.pem --key @reader.key";
        assert_eq!(status("", "/metrics").await, "200", "{text}");
        let both = [status("", "/api/v1/leaks").await, status(shown, "/api/v1/leaks").await];
        assert_eq!(both, [without, with], "{text}");
    }
}

#[tokio::test]
async fn without_either_an_address_answers_this_machine_alone() {
    let server = start_at(&[(any_port(), Access::Known)], None);
    let url = format!("http://{}/api/v1/leaks", address(&server));
    let status = async |options: &[&str]| {
        let mut command = std::process::Command::new("curl");
        command.args(["-s", "-o", "/dev/null", "-w", "%{http_code}"]).args(options).arg(&url);
        let work = move || String::from_utf8(command.output().unwrap().stdout).unwrap();
        tokio::task::spawn_blocking(work).await.unwrap()
    };
    assert_eq!(status(&[]).await, "200", "from loopback");
    assert_eq!(status(&["-H", "host: node7.example"]).await, "403");
    assert_eq!(status(&["-H", "x-forwarded-for: 10.0.0.1"]).await, "403");
}

#[tokio::test]
async fn passwords_work_without_tls_too() {
    let served = secured_at(&[(any_port(), Access::Local)], "", &[("a", "b")]).await;
    let url = format!("http://{}/healthz", address(&served.server));
    let code = async |user: &str| {
        let line = format!("-s -o /dev/null -w %{{http_code}} {user} {url}");
        String::from_utf8(served.run("curl", &line).await.stdout).unwrap()
    };
    assert_eq!((code("").await, code("-u a:b").await), ("401".to_owned(), "200".to_owned()));
    served.files.write("password", "b").unwrap();
    let own = format!("--agent {}", url.trim_end_matches("/healthz"));
    served.own(&format!("{own} --user a --password-file @password")).await.unwrap();
    let error = served.own(&format!("{own} --ca @ca.pem")).await.unwrap_err();
    assert!(error.code() == 2 && error.to_string().starts_with("--ca is for"), "{error}");
}
