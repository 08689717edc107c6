//! Tests of the file: every key and every refusal.

use std::fs;

use proptest::prelude::*;
use testkit::certificates::Certificates;

use super::bundle::{Hash, Rules};
use super::names::ClientAuth;
use super::read::{Stamps, read};
use super::{Bundle, yaml};

/// A bcrypt hash of the least cost.
pub(super) const HASH: &str = "$2y$04$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01232";

/// Files that a configuration can name.
pub(super) fn files() -> Certificates {
    let files = Certificates::new().unwrap();
    files.authority("ca").unwrap();
    files.certificate("agent", "ca", "IP:127.0.0.1").unwrap();
    files
}

fn of(files: &Certificates, text: &str) -> Result<Bundle, String> {
    read(&files.write("web.yml", text).unwrap(), &mut Stamps::default())
}

fn refused(files: &Certificates, text: &str) -> String {
    let error = of(files, text).err().unwrap_or_else(|| panic!("taken:\n{text}"));
    let name = files.name("web.yml");
    error.strip_prefix(&format!("{name}: ")).unwrap_or_else(|| panic!("{error}")).to_owned()
}

#[test]
fn every_key_of_the_format_is_read() {
    let files = files();
    let text = format!(
        "tls_server_config:
  cert_file: agent.pem
  key_file: agent.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: {ca}
  client_allowed_sans: [scraper.example, 10.0.0.1]
  min_version: TLS12
  max_version: TLS12
  cipher_suites:
    - TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP256, X25519]
http_server_config:
  http2: false
  headers:
    Strict-Transport-Security: max-age=1
    X-Content-Type-Options: nosniff
    X-Frame-Options: deny
    X-XSS-Protection: \"1\"
    Content-Security-Policy: default-src 'none'
basic_auth_users:
  prometheus: {HASH}
  other: '{HASH}'
",
        ca = files.name("ca.pem")
    );
    let bundle = of(&files, &text).unwrap();
    let tls = bundle.tls.as_ref().unwrap();
    let pem = |name: &str| fs::read_to_string(files.path(name)).unwrap();
    assert_eq!((&tls.certificates, &tls.key), (&pem("agent.pem"), &pem("agent.key")));
    assert_eq!(tls.client_ca, Some(pem("ca.pem")));
    let expected = Rules {
        client_auth: ClientAuth::RequireAndVerify,
        client_sans: vec!["scraper.example".to_owned(), "10.0.0.1".to_owned()],
        least: "TLS12".to_owned(),
        greatest: "TLS12".to_owned(),
        suites: vec!["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256".to_owned()],
        own_order: false,
        curves: vec!["CurveP256".to_owned(), "X25519".to_owned()],
    };
    assert_eq!(tls.rules, expected);
    assert_eq!(bundle.headers.len(), 5);
    assert!(bundle.headers.contains(&("X-XSS-Protection".to_owned(), "1".to_owned())));
    let hash = |name: &str| (name.to_owned(), Hash(HASH.to_owned()));
    assert_eq!(bundle.users, [hash("prometheus"), hash("other")]);
    let shown = format!("{bundle:?}");
    assert!(!shown.contains("PRIVATE") && !shown.contains("$2y$"), "{shown}");
    let bytes = bundle.to_bytes().unwrap();
    assert_eq!(Bundle::read(&bytes[4..]).unwrap(), bundle);
    assert!(!String::from_utf8_lossy(&bytes).contains("/tmp"), "no path is handed over");
}

#[test]
fn what_is_left_out_has_the_defaults_of_the_format() {
    let files = files();
    for empty in ["", "# nothing\n", "tls_server_config:\nbasic_auth_users:\n", "{}"] {
        assert_eq!(of(&files, empty).unwrap(), Bundle::default(), "{empty}");
    }
    let text = "tls_server_config: {cert_file: agent.pem, key_file: agent.key}";
    let rules = of(&files, text).unwrap().tls.unwrap().rules;
    assert_eq!((rules.client_auth, rules.own_order), (ClientAuth::None, true));
    assert_eq!((rules.least.as_str(), rules.greatest.as_str()), ("TLS12", "TLS13"));
    let pem = |name: &str| fs::read_to_string(files.path(name)).unwrap().replace('\n', "\n    ");
    let text = format!(
        "tls_server_config:\n  cert: |\n    {}\n  key: |\n    {}\n",
        pem("agent.pem"),
        pem("agent.key")
    );
    assert!(of(&files, &text).unwrap().tls.is_some(), "certificates may stand in the file");
}

#[test]
fn every_client_auth_type_is_known() {
    let files = files();
    let tls = |rest: &str| {
        let text = "tls_server_config:\n  cert_file: agent.pem\n  key_file: agent.key\n";
        let bundle = of(&files, &format!("{text}{rest}"));
        bundle.map(|bundle| bundle.tls.unwrap().rules.client_auth)
    };
    let auth = |name: &str, rest: &str| tls(&format!("  client_auth_type: {name}\n{rest}"));
    assert_eq!(auth("NoClientCert", ""), Ok(ClientAuth::None));
    assert_eq!(auth("RequestClientCert", ""), Ok(ClientAuth::Request));
    assert_eq!(auth("RequireAnyClientCert", ""), Ok(ClientAuth::RequireAny));
    assert_eq!(auth("RequireClientCert", ""), Ok(ClientAuth::RequireAny));
    let ca = "  client_ca_file: ca.pem\n";
    assert_eq!(auth("VerifyClientCertIfGiven", ca), Ok(ClientAuth::VerifyIfGiven));
    assert_eq!(auth("RequireAndVerifyClientCert", ca), Ok(ClientAuth::RequireAndVerify));
    for (name, rest, part) in [
        ("Maybe", "", "one of NoClientCert, RequestClientCert"),
        ("RequireAndVerifyClientCert", "", "client_ca_file beside it"),
        ("RequestClientCert", ca, "because a client_ca_file is given"),
        ("RequireAnyClientCert", "  client_allowed_sans: [x]\n", "client_allowed_sans"),
    ] {
        let error = auth(name, rest).unwrap_err();
        assert!(error.contains(part) && error.contains("line "), "{error}");
    }
}

#[test]
fn a_wrong_key_or_value_is_named_with_its_line_and_what_is_allowed() {
    let files = files();
    for (text, parts) in [
        ("basic_auth_user: {}", ["line 1", "unknown key \"basic_auth_user\""]),
        ("tls_server_config:\n  certfile: x", ["line 2", "\"certfile\" in tls_server_config"]),
        ("http_server_config:\n  http3: true", ["line 2", "http3"]),
        ("http_server_config:\n  http2: maybe", ["line 2", "http2: expected true or false"]),
        ("http_server_config:\n  headers:\n    Server: x", ["line 3", "\"Server\" in headers"]),
        ("http_server_config:\n  headers: {X-Frame-Options: no}", ["line 2", "deny or sameorigin"]),
        ("http_server_config:\n  headers: {X-XSS-Protection: \"1\\n2\"}", ["line 2", "a line of"]),
        (
            "rate_limit:\n  burst: 1",
            ["line 2", "rate_limit: expected nothing: it is not supported"],
        ),
        ("basic_auth_users:\n  a: secret", ["line 2", "\"a\": expected a bcrypt hash"]),
        ("basic_auth_users:\n  a: 7\n", ["line 2", "bcrypt"]),
        ("basic_auth_users: [a]", ["line 1", "basic_auth_users: expected keys with values"]),
        ("tls_server_config:\n  key_file: agent.key", ["line 2", "expected cert_file"]),
        ("tls_server_config:\n  cert_file: agent.pem", ["line 2", "expected key_file"]),
        ("tls_server_config: {cert_file: a, cert: b}", ["cert_file: expected no cert", "line 1"]),
        ("a: 1\na: 2", ["line 2", "is there twice"]),
        ("a: &x 1\nb: *x", ["line 2", "alias"]),
        ("a: !!str b", ["line 1", "tag"]),
        ("[[[[[[[[[[x]]]]]]]]]]", ["line 1", "too deeply"]),
        ("a: [", ["line ", "not valid YAML"]),
        ("---\na: 1\n---\nb: 2", ["line ", "second document"]),
        ("just text", ["line 1", "the file: expected keys"]),
    ] {
        let error = refused(&files, text);
        assert!(parts.iter().all(|part| error.contains(part)), "{text}: {error}");
        assert!(!error.contains("secret"), "a value may be a secret: {error}");
    }
    let costly = format!("basic_auth_users: {{a: {}}}", HASH.replace("$04$", "$31$"));
    assert!(refused(&files, &costly).contains("a cost from 4 to 15"));
    let tls = |rest: &str| {
        let text = "tls_server_config:\n  cert_file: agent.pem\n  key_file: agent.key\n  ";
        refused(&files, &format!("{text}{rest}\n"))
    };
    for (text, part) in [
        ("min_version: TLS10", "min_version: expected one of TLS12, TLS13 (not \"TLS10\")"),
        ("max_version: SSL3", "max_version: expected one of TLS12"),
        ("min_version: TLS13\n  max_version: TLS12", "min_version: expected at most max_version"),
        ("cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        ("cipher_suites: x", "a list of texts"),
        ("curve_preferences: [CurveP521]", "CurveP256, CurveP384, X25519 (not \"CurveP521\")"),
        ("prefer_server_cipher_suites: 'true'", "true or false"),
    ] {
        let error = tls(text);
        assert!(error.contains(part) && error.starts_with("line 4"), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_the_key_that_names_it() {
    let files = files();
    files.write("empty.pem", "").unwrap();
    let error = |cert: &str, key: &str, rest: &str| {
        let text = format!("tls_server_config:\n  cert_file: {cert}\n  key_file: {key}\n{rest}");
        refused(&files, &text)
    };
    let missing = error("missing.pem", "agent.key", "");
    assert!(
        missing.starts_with(&format!("cert_file: cannot read {}: ", files.name("missing.pem"))),
        "relative to the folder of the file: {missing}"
    );
    let verify = "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: empty.pem\n";
    for (cert, key, rest, at, why) in [
        ("agent.pem", "ca.key", "", "key_file", "it is not the key of the certificate"),
        ("agent.pem", "agent.pem", "", "key_file", "no private key in PEM form"),
        ("empty.pem", "agent.key", "", "cert_file", "no certificate in PEM form"),
        ("agent.pem", "agent.key", verify, "client_ca_file", "no certificate in PEM form"),
    ] {
        let said = error(cert, key, rest);
        assert!(said.starts_with(&format!("{at} /")) && said.contains(why), "{said}");
    }
    assert!(error("/dev/zero", "agent.key", "").contains("it is no file"));
    let pipe = files.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(error("pipe", "agent.key", "").contains("it is no file"), "it is not waited for");
    let none = read(&files.path("none.yml"), &mut Stamps::default()).unwrap_err();
    assert!(none.starts_with(&format!("cannot read {}: ", files.name("none.yml"))), "{none}");
}

proptest! {
    #[test]
    fn whatever_the_text_it_is_a_tree_or_an_error(text in "[ -~\n]{0,200}") {
        let _ = yaml::read(&text);
    }
}
