//! Tests of addresses, and of options that are of no use.

use super::options::AgentOptions;
use super::*;

#[test]
fn an_address_is_as_the_agent_listens_or_a_url() {
    let url = |tls, host: &str, port| Address::Url { tls, host: host.to_owned(), port };
    for (text, expected, shown) in [
        ("https://host.example:1/", url(true, "host.example", 1), "https://host.example:1"),
        ("http://10.0.0.1:10793", url(false, "10.0.0.1", 10793), "http://10.0.0.1:10793"),
        ("https://[::1]:7", url(true, "::1", 7), "https://[::1]:7"),
        ("127.0.0.1:1", Address::Listen("127.0.0.1:1".parse().unwrap()), "127.0.0.1:1"),
        ("unix:/x", Address::Listen("unix:/x".parse().unwrap()), "unix:/x"),
    ] {
        let address: Address = text.parse().unwrap();
        assert_eq!((&address, address.to_string().as_str()), (&expected, shown), "{text}");
    }
    for wrong in [
        "https://",
        "https://host",
        "https://host:x",
        "https://host:70000",
        "https://host:1/metrics",
        "https://a@host:1",
        "https://[::1:7",
        "https://::1:7",
        "http://:1",
        "ftp://host:1",
        "localhost:1",
        "",
    ] {
        let error = wrong.parse::<Address>().unwrap_err();
        assert!(error.starts_with("ADDR:PORT, "), "{wrong}: {error}");
    }
    assert!("unix:x".parse::<Address>().unwrap_err().contains("an absolute path"));
}

#[test]
fn an_option_of_no_use_is_named() {
    let refused = |address: &str, options: &AgentOptions| {
        let address: Address = address.parse().unwrap();
        options.read(&address).err().unwrap()
    };
    let none = AgentOptions::default();
    let path = |path: &str| Some(std::path::PathBuf::from(path));
    for address in ["127.0.0.1:1", "unix:/x", "http://x:1"] {
        let error = refused(address, &AgentOptions { ca: path("/x"), ..none.clone() });
        assert_eq!(error, format!("--ca is for an agent at https://, and --agent is {address}"));
    }
    let of = |options| refused("https://x:1", &options);
    let no_file = of(AgentOptions { ca: path("/nowhere/ca.pem"), ..none.clone() });
    assert!(no_file.starts_with("--ca /nowhere/ca.pem: No such file"), "{no_file}");
    let no_pem = of(AgentOptions { ca: path("/dev/null"), ..none.clone() });
    assert_eq!(no_pem, "--ca /dev/null: no certificate in PEM form");
    let user = Some("a".to_owned());
    let empty = AgentOptions { user, password_file: path("/dev/null"), ..none.clone() };
    let error = refused("127.0.0.1:1", &empty);
    assert_eq!(error, "--password-file /dev/null: its first line is empty");
    let colon = AgentOptions { user: Some("a:b".to_owned()), ..empty };
    assert_eq!(refused("unix:/x", &colon), "--user: expected a name without a colon");
}

#[test]
fn what_hinders_tls_is_said_with_what_to_do() {
    for (error, hint) in [
        ("invalid peer certificate: UnknownIssuer", "--ca names"),
        ("received corrupt message of type InvalidContentType", "ask with http://"),
        ("received fatal alert: CertificateRequired", "--cert and --key"),
        ("certificate not valid for name \"x\"", "as its certificate does"),
    ] {
        let text = hinted(error);
        assert!(text.contains(error) && text.contains(hint), "{text}");
    }
}
