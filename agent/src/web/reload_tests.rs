//! Tests of what a later reading of the file may do.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{channel, sync_channel};
use std::time::Duration;

use super::tests::{HASH, files};
use super::{Bundle, TAKEN, Web};

/// A process that takes everything and counts it.
fn taking(web: &Web) -> std::thread::JoinHandle<Vec<Bundle>> {
    answering(web, |_| TAKEN)
}

/// A process that says this of each, by its number.
fn answering(
    web: &Web,
    answer: impl Fn(usize) -> u8 + Send + 'static,
) -> std::thread::JoinHandle<Vec<Bundle>> {
    let (near, far) = UnixStream::pair().unwrap();
    let process = std::thread::spawn(move || {
        let (mut far, mut head, mut all) = (far, [0; 4], Vec::new());
        while far.read_exact(&mut head).is_ok() {
            let mut bytes = vec![0; u32::from_le_bytes(head) as usize];
            far.read_exact(&mut bytes).unwrap();
            all.push(Bundle::read(&bytes).unwrap());
            far.write_all(&[answer(all.len())]).unwrap();
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
        assert!(!web.has_changed(), "what was read is known");
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

#[test]
fn what_could_not_be_used_is_tried_again_though_no_file_changes() {
    let files = files();
    let users = |name: &str| format!("basic_auth_users: {{{name}: {HASH}}}");
    let path = files.write("web.yml", &users("a")).unwrap();
    let web = Web::open(&path).unwrap();
    // The second of three is refused.
    let process = answering(&web, |number| if number == 2 { TAKEN + 1 } else { TAKEN });
    let (stop, stopped) = sync_channel(0);
    let (told, in_force) = channel();
    let (interval, settle) = (Duration::from_millis(20), Duration::from_millis(5));
    let reload = std::thread::spawn(move || {
        web.run_each(interval, settle, &stopped, |is| told.send(is).unwrap());
    });
    let next = || in_force.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(next(), "it begins with what was read");
    files.write("web.yml", &users("longer")).unwrap();
    assert_eq!([next(), next()], [false, true], "refused, then taken");
    drop(stop);
    reload.join().unwrap();
    assert_eq!(process.join().unwrap().len(), 3);
}
