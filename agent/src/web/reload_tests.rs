//! Tests of what a later reading of the file may do.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use super::tests::{HASH, files};
use super::{Bundle, TAKEN, Web};

/// A process that takes everything and counts it.
fn taking(web: &Web) -> std::thread::JoinHandle<Vec<Bundle>> {
    let (near, far) = UnixStream::pair().unwrap();
    let process = std::thread::spawn(move || {
        let (mut far, mut head, mut all) = (far, [0; 4], Vec::new());
        while far.read_exact(&mut head).is_ok() {
            let mut bytes = vec![0; u32::from_le_bytes(head) as usize];
            far.read_exact(&mut bytes).unwrap();
            all.push(Bundle::read(&bytes).unwrap());
            far.write_all(&[TAKEN]).unwrap();
        }
        all
    });
    web.handed().attach(near).unwrap();
    process
}

#[test]
fn a_later_file_is_handed_over_unless_it_is_wrong_or_takes_protection_away() {
    let files = files();
    let tls = "tls_server_config:\n  cert_file: agent.pem\n  key_file: agent.key\n";
    let mutual = "  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n";
    let if_given = mutual.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven");
    let users = format!("basic_auth_users:\n  a: {HASH}\n");
    let path = files.write("web.yml", &format!("{tls}{mutual}{users}")).unwrap();
    let mut web = Web::open(&path).unwrap();
    assert!(web.is_tls() && web.has_users());
    let process = taking(&web);
    let again = |web: &mut Web, text: &str| {
        files.write("web.yml", text).unwrap();
        assert!(web.has_changed(), "{text}");
        let done = web.again();
        assert!(!web.has_changed(), "it is not read over and over");
        done
    };
    for (text, part) in [
        (String::new(), "no TLS any more"),
        (format!("{tls}{mutual}"), "no users any more"),
        (format!("{tls}{users}"), "verifies no certificates of clients any more"),
        (format!("{tls}{if_given}{users}"), "requires no certificate of clients any more"),
        (format!("{tls}{mutual}{users}wrong: 1\n"), "unknown key \"wrong\""),
    ] {
        let error = again(&mut web, &text).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
    again(&mut web, &format!("{tls}{mutual}{users}  b: {HASH}\n")).unwrap();
    // A new certificate under the old name, whose length may be the same.
    files.certificate("agent", "ca", "IP:127.0.0.1").unwrap();
    assert!(web.has_changed());
    web.again().unwrap();
    // A file that is missing for a while.
    fs::rename(files.path("ca.pem"), files.path("away.pem")).unwrap();
    assert!(web.has_changed() && web.again().is_err());
    fs::rename(files.path("away.pem"), files.path("ca.pem")).unwrap();
    assert!(web.has_changed() && web.again().is_ok());
    drop(web);
    let handed: Vec<usize> = process.join().unwrap().iter().map(|one| one.users.len()).collect();
    assert_eq!(handed, [1, 2, 2, 2], "what was refused was not handed over");
}

#[test]
fn without_tls_at_the_start_a_later_file_brings_none() {
    let files = files();
    let path = files.write("web.yml", "").unwrap();
    let mut web = Web::open(&path).unwrap();
    let tls = "tls_server_config: {cert_file: agent.pem, key_file: agent.key}";
    files.write("web.yml", tls).unwrap();
    assert!(web.again().unwrap_err().contains("the start had none"));
}

#[test]
fn a_wrong_file_at_the_start_is_an_error_of_the_configuration() {
    let files = files();
    let path = files.write("web.yml", "tls: 1").unwrap();
    let error = Web::open(&path).err().unwrap();
    assert_eq!(error.code(), 2);
    let text = error.to_string();
    let start = format!("the web configuration: {}: line 1: unknown key \"tls\"", path.display());
    assert!(text.starts_with(&start), "{text}");
}
