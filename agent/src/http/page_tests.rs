//! Tests of the page at `/` over real sockets: its headers, and who sees what.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use super::Access;
use super::tests::{Server, address, any_port, start_with, temporary};
use crate::config::Listen;

/// Asks for the page; options are those of `curl`. Returns the head in lower case, and the body.
async fn page(server: &Server, path: &str, options: &[&str]) -> (String, String) {
    let mut command = std::process::Command::new("curl");
    command.args(["-sSi"]).args(options);
    match server.url.strip_prefix("unix:") {
        Some(file) => command.args(["--unix-socket", file, &format!("http://localhost{path}")]),
        None => command.arg(format!("http://{}{path}", address(server))),
    };
    let work = move || String::from_utf8(command.output().unwrap().stdout).unwrap();
    let answer = tokio::task::spawn_blocking(work).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

/// Returns whether a page has what only the API tells.
fn is_whole(body: &str) -> bool {
    let has = body.contains("<h2 id=suspects>");
    assert_eq!(body.contains("<h2 id=stuck>"), !has, "one of both");
    assert_eq!(body.contains("10.0.0."), has, "{body}");
    has
}

#[tokio::test]
async fn the_page_comes_with_headers_that_let_it_load_and_run_nothing() {
    let server = start_with(&any_port(), Access::Local);
    let (head, body) = page(&server, "/", &[]).await;
    for line in [
        "http/1.1 200 ok",
        "content-type: text/html; charset=utf-8",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
        "refresh: 30",
    ] {
        assert!(head.lines().any(|one| one == line), "{line}: {head}");
    }
    let style = body.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
    let policy = format!("default-src 'none'; style-src 'sha256-{hash}'; ").to_lowercase();
    assert!(head.contains(&format!("content-security-policy: {policy}")), "{head}");
    let (head, _) = page(&server, "/?still", &[]).await;
    assert!(head.starts_with("http/1.1 200") && !head.contains("\r\nrefresh:"), "{head}");
}

#[tokio::test]
async fn the_page_is_read_and_nothing_else() {
    let server = start_with(&any_port(), Access::Local);
    for method in ["POST", "PUT", "DELETE"] {
        let (head, _) = page(&server, "/", &["-X", method]).await;
        assert!(head.starts_with("http/1.1 405"), "{method}: {head}");
    }
}

#[tokio::test]
async fn who_may_ask_the_api_sees_all_and_others_what_the_metrics_show() {
    let others = ["-H", "host: node7.example"];
    let forwarded = ["-H", "x-forwarded-for: 203.0.113.7"];
    for (access, near, far) in [
        (Access::Local, true, false),
        (Access::Known, true, false),
        (Access::Nobody, false, false),
        (Access::Anyone, true, true),
    ] {
        let server = start_with(&any_port(), access);
        let seen = async |options: &[&str]| is_whole(&page(&server, "/", options).await.1);
        assert_eq!(seen(&[]).await, near, "{access:?}");
        assert_eq!(seen(&others).await, far, "{access:?}");
        assert_eq!(seen(&forwarded).await, far, "{access:?}");
    }
    let file = Listen::Unix(temporary("page.sock"));
    let server = start_with(&file, Access::File);
    assert!(is_whole(&page(&server, "/", &others).await.1));
}
