//! Tests of a server by the rules of a web configuration, asked by curl, by openssl and by the
//! agent's own client.

use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use testkit::certificates::Certificates;

use super::Access;
use super::passwords::Passwords;
use super::tests::{Server, address, any_port, ask, start_at};
use super::web::Web;
use crate::cli::{self, parse};
use crate::config::Listen;
use crate::exit::Error;
use crate::web;

pub(super) const TLS: &str = "tls_server_config:\n  cert_file: agent.pem\n  key_file: agent.key\n";

/// A server with the files of its configuration.
pub(super) struct Secured {
    pub(super) files: Certificates,
    pub(super) server: Server,
    web: Arc<Mutex<web::Web>>,
}

/// Starts a server by a text, to which users and their passwords are added.
async fn secured(text: &str, users: &[(&str, &str)]) -> Secured {
    secured_at(&[(any_port(), Access::Local)], text, users).await
}

/// Starts it at these addresses.
pub(super) async fn secured_at(
    listen: &[(Listen, Access)],
    text: &str,
    users: &[(&str, &str)],
) -> Secured {
    let files = Certificates::new().unwrap();
    files.authority("ca").unwrap();
    files.certificate("agent", "ca", "IP:127.0.0.1,DNS:localhost").unwrap();
    let path = files.write("web.yml", &with_users(text, users)).unwrap();
    let web = web::Web::open(&path).unwrap();
    let (near, far) = UnixStream::pair().unwrap();
    far.set_nonblocking(true).unwrap();
    let handed = web.handed();
    let attached = tokio::task::spawn_blocking(move || handed.attach(near));
    let (passwords, worker) = Passwords::new().unwrap();
    worker.start(|| ()).unwrap();
    let mut far = tokio::net::UnixStream::from_std(far).unwrap();
    let rules = Arc::new(Web::first(&mut far, passwords).await.unwrap());
    attached.await.unwrap().unwrap();
    tokio::spawn(Arc::clone(&rules).follow(far));
    let server = start_at(listen, Some(rules));
    Secured { files, server, web: Arc::new(Mutex::new(web)) }
}

fn with_users(text: &str, users: &[(&str, &str)]) -> String {
    let hash = |password| bcrypt::hash(password, 4).unwrap();
    let lines = users.iter().map(|(name, password)| format!("  {name}: {}\n", hash(password)));
    let users = if users.is_empty() { "" } else { "basic_auth_users:\n" };
    format!("{text}{users}{}", lines.collect::<String>())
}

impl Secured {
    /// Runs curl against a path. Options are plain words; `@` before a word names a file.
    pub(super) async fn curl(&self, options: &str, path: &str) -> (i32, String) {
        let url = format!("https://{}{path}", address(&self.server));
        let output = self.run("curl", &format!("-sSi --max-time 20 {options} {url}")).await;
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
    }

    /// Runs `openssl s_client` until the server closes; what it printed.
    async fn openssl(&self, options: &str) -> String {
        let line = format!("s_client -connect {} {options}", address(&self.server));
        let output = self.run("openssl", &line).await;
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&said).into_owned()
    }

    pub(super) async fn run(&self, program: &str, line: &str) -> Output {
        let words = line.split_whitespace().map(|word| match word.strip_prefix('@') {
            Some(file) => self.files.name(file),
            None => word.to_owned(),
        });
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Reads the file again.
    async fn again(&self) -> Result<(), String> {
        let web = Arc::clone(&self.web);
        tokio::task::spawn_blocking(move || web.lock().unwrap().again()).await.unwrap()
    }

    /// Runs a command of this program.
    pub(super) async fn own(&self, options: &str) -> Result<String, Error> {
        let line = format!("tcpwarden connections --limit 1 {options}");
        let words: Vec<String> = line
            .replace("AGENT", &format!("--agent https://{}", address(&self.server)))
            .split_whitespace()
            .map(|word| {
                word.strip_prefix('@').map_or(word.to_owned(), |file| self.files.name(file))
            })
            .collect();
        let work = move || {
            let cli::Command::Query(request) = parse(words).unwrap().command else {
                panic!("another command")
            };
            let mut out = Vec::new();
            request.run(&mut out).map(|_code| String::from_utf8(out).unwrap())
        };
        tokio::task::spawn_blocking(work).await.unwrap()
    }
}

#[tokio::test]
async fn tls_is_spoken_with_curl_openssl_and_the_own_commands() {
    let served = secured(TLS, &[]).await;
    let (code, answer) = served.curl("--cacert @ca.pem", "/metrics").await;
    assert!(
        code == 0 && answer.starts_with("HTTP/1.1 200") && answer.contains("slow 0"),
        "{answer}"
    );
    let (code, answer) = served.curl("--cacert @ca.pem --http2", "/healthz").await;
    assert!(code == 0 && answer.starts_with("HTTP/1.1 200"), "HTTP/2 is not spoken: {answer}");
    let (code, answer) = served.curl("", "/metrics").await;
    assert_eq!(code, 60, "its authority is not known to the system: {answer}");
    let said = served.openssl("-CAfile @ca.pem -verify_return_error -brief").await;
    assert!(said.contains("Verification: OK") && said.contains("TLSv1.3"), "{said}");
    let page = served.own("AGENT --ca @ca.pem").await.unwrap();
    assert!(page.contains("1 of 10"), "{page}");
}

#[tokio::test]
async fn a_client_without_tls_is_told_and_a_bad_handshake_ends_nothing() {
    let served = secured(TLS, &[]).await;
    let plain = address(&served.server);
    let told = tokio::task::spawn_blocking(move || {
        let answer = ask(TcpStream::connect(&plain).unwrap(), "/metrics");
        // A handshake that is none, one that ends at once, and one that never goes on.
        let mut broken = TcpStream::connect(&plain).unwrap();
        broken.write_all(&[22, 3, 1, 0, 5, 1, 2, 3, 4, 5]).unwrap();
        drop(TcpStream::connect(&plain).unwrap());
        let silent: Vec<_> = (0..300).map(|_| TcpStream::connect(&plain).unwrap()).collect();
        (answer, broken, silent)
    });
    let (answer, _broken, _silent) = told.await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 400") && answer.contains("https://"), "{answer}");
    let (code, answer) = served.curl("--cacert @ca.pem", "/healthz").await;
    assert!(code == 0 && answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn versions_suites_and_curves_are_those_of_the_file() {
    let newest = secured(&format!("{TLS}  min_version: TLS13\n"), &[]).await;
    let (code, answer) = newest.curl("--cacert @ca.pem --tls-max 1.2", "/healthz").await;
    assert!(code == 35 && answer.contains("alert"), "{answer}");
    assert!(newest.openssl("-tls1_2").await.contains("alert protocol version"));
    assert_eq!(newest.curl("--cacert @ca.pem --tlsv1.3", "/healthz").await.0, 0);
    let text = format!(
        "{TLS}  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n  \
         curve_preferences: [CurveP384]\n"
    );
    let old = secured(&text, &[]).await;
    assert!(old.openssl("-tls1_3").await.contains("alert protocol version"));
    let said = old.openssl("-CAfile @ca.pem").await;
    assert!(said.contains("ECDHE-ECDSA-AES256-GCM-SHA384") && said.contains("secp384r1"), "{said}");
    let said = old.openssl("-cipher ECDHE-ECDSA-AES128-GCM-SHA256").await;
    assert!(said.contains("handshake failure"), "{said}");
}

#[tokio::test]
async fn only_clients_with_a_certificate_as_the_file_wants_it_are_let_in() {
    let text = format!(
        "{TLS}  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n  \
         client_allowed_sans: [scraper.example]\n"
    );
    let served = secured(&text, &[]).await;
    served.files.authority("other").unwrap();
    served.files.certificate("scraper", "ca", "DNS:x,DNS:scraper.example").unwrap();
    served.files.certificate("guest", "ca", "DNS:guest.example").unwrap();
    served.files.certificate("forger", "other", "DNS:scraper.example").unwrap();
    for (client, is_let_in) in [("", false), ("guest", false), ("forger", false), ("scraper", true)]
    {
        let shown = format!("--cert @{client}.pem --key @{client}.key");
        let shown = if client.is_empty() { "" } else { shown.as_str() };
        for version in ["--tls-max 1.2", "--tlsv1.3"] {
            let options = format!("--cacert @ca.pem {version} {shown}");
            let (code, answer) = served.curl(&options, "/healthz").await;
            assert_eq!(code == 0, is_let_in, "{client} {version}: {answer}");
        }
        let own = served.own(&format!("AGENT --ca @ca.pem {shown}")).await;
        let said = own.as_ref().err().map(ToString::to_string).unwrap_or_default();
        assert_eq!(own.is_ok(), is_let_in, "{client}: {said}");
        assert!(is_let_in || said.contains("--cert and --key"), "{client}: {said}");
    }
}

#[tokio::test]
async fn a_certificate_may_be_asked_for_without_an_authority() {
    let rule = |name: &str, ca: &str| format!("{TLS}  client_auth_type: {name}\n{ca}");
    let ca = "  client_ca_file: ca.pem\n";
    for (text, without, with_any) in [
        (rule("RequestClientCert", ""), true, true),
        (rule("RequireAnyClientCert", ""), false, true),
        (rule("VerifyClientCertIfGiven", ca), true, false),
    ] {
        let served = secured(&text, &[]).await;
        served.files.authority("other").unwrap();
        served.files.certificate("any", "other", "DNS:any").unwrap();
        let (code, answer) = served.curl("--cacert @ca.pem", "/healthz").await;
        assert_eq!(code == 0, without, "{text}: {answer}");
        let shown = "--cacert @ca.pem --cert @any.pem --key @any.key";
        let (code, answer) = served.curl(shown, "/healthz").await;
        assert_eq!(code == 0, with_any, "{text}: {answer}");
    }
}

#[tokio::test]
async fn without_the_password_of_a_user_every_path_answers_401() {
    let served = secured(TLS, &[("reader", "right:one"), ("other", "else")]).await;
    for path in ["/", "/metrics", "/api/v1/leaks", "/healthz", "/readyz", "/nothing"] {
        let (code, answer) = served.curl("--cacert @ca.pem", path).await;
        assert!(code == 0 && answer.starts_with("HTTP/1.1 401"), "{path}: {answer}");
        assert!(answer.contains("www-authenticate: Basic realm=\"tcpwarden\""), "{answer}");
    }
    for (user, status) in [
        ("reader:right:one", 200),
        ("reader:wrong", 401),
        ("other:right:one", 401),
        ("other:else", 200),
        ("nobody:right:one", 401),
        ("reader:", 401),
    ] {
        let (_, answer) = served.curl(&format!("--cacert @ca.pem -u {user}"), "/healthz").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{user}: {answer}");
    }
    served.files.write("password", "right:one\nmore\n").unwrap();
    served.files.write("wrong", "wrong").unwrap();
    let own = |options| served.own(options);
    own("AGENT --ca @ca.pem --user reader --password-file @password").await.unwrap();
    let wrong = own("AGENT --ca @ca.pem --user reader --password-file @wrong").await.unwrap_err();
    assert!(
        wrong.to_string().contains("401") && wrong.to_string().ends_with("are wrong"),
        "{wrong}"
    );
    let none = own("AGENT --ca @ca.pem").await.unwrap_err();
    assert!(none.to_string().ends_with("--user and --password-file give them"), "{none}");
}

#[tokio::test]
async fn headers_of_the_file_come_with_every_answer_that_has_none_of_its_own() {
    let text = format!(
        "{TLS}http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=7\n    \
         Content-Security-Policy: default-src 'self'\n"
    );
    let served = secured(&text, &[("a", "b")]).await;
    for (options, path) in [("", "/metrics"), ("-u a:b", "/metrics"), ("-u a:b", "/nothing")] {
        let (_, answer) = served.curl(&format!("--cacert @ca.pem {options}"), path).await;
        assert!(answer.contains("strict-transport-security: max-age=7"), "{answer}");
        assert!(answer.contains("content-security-policy: default-src 'self'"), "{answer}");
    }
    let (_, page) = served.curl("--cacert @ca.pem -u a:b", "/").await;
    assert!(page.contains("content-security-policy: default-src 'none'"), "its own: {page}");
}

#[tokio::test]
async fn a_later_file_changes_certificate_and_users_and_a_wrong_one_changes_nothing() {
    let served = secured(TLS, &[("a", "old")]).await;
    let status = async |served: &Secured, ca: &str, user: &str| {
        let (code, answer) =
            served.curl(&format!("--cacert @{ca}.pem -u {user}"), "/healthz").await;
        if code == 0 { answer[9..12].to_owned() } else { format!("curl {code}") }
    };
    assert_eq!(status(&served, "ca", "a:old").await, "200");
    served.files.write("web.yml", "tls_server_config: {cert_file: none.pem}").unwrap();
    assert!(served.again().await.unwrap_err().contains("key_file"));
    assert_eq!(status(&served, "ca", "a:old").await, "200", "the one before is in force");
    served.files.authority("new").unwrap();
    served.files.certificate("agent", "new", "IP:127.0.0.1").unwrap();
    served.files.write("web.yml", &with_users(TLS, &[("a", "new")])).unwrap();
    served.again().await.unwrap();
    assert_eq!(status(&served, "ca", "a:new").await, "curl 60", "the old certificate is gone");
    assert_eq!(status(&served, "new", "a:old").await, "401", "it was remembered as good");
    assert_eq!(status(&served, "new", "a:new").await, "200");
}
