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
        ("localhost:1", url(false, "localhost", 1), "http://localhost:1"),
        (":7", Address::Listen("127.0.0.1:7".parse().unwrap()), "127.0.0.1:7"),
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
        "localhost",
        "localhost:70000",
        "local host:1",
        "1.2.3:1",
        ":",
        "",
    ] {
        let error = wrong.parse::<Address>().unwrap_err();
        assert!(error.starts_with("ADDR:PORT, "), "{wrong}: {error}");
    }
    for wrong in ["unix:x", "unix:1"] {
        assert!(wrong.parse::<Address>().unwrap_err().contains("an absolute path"));
    }
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

/// Asks these addresses for a path.
fn asked(addresses: &[&str]) -> Result<String, Failure> {
    let addresses: Vec<Address> = addresses.iter().map(|text| text.parse().unwrap()).collect();
    let agent = Agent { addresses: &addresses, options: &AgentOptions::default() };
    fetch(&agent, "/").map(|body| String::from_utf8_lossy(&body).into_owned())
}

/// Starts a server on a socket file that answers the first connection.
fn server(name: &str, answer: &'static str) -> String {
    let path = std::env::temp_dir().join(format!("tcpwarden-{}-{name}", std::process::id()));
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let address = format!("unix:{}", path.display());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::fs::remove_file(path).unwrap();
        let _ = io::Read::read(&mut stream, &mut [0; 4096]);
        let _ = io::Write::write_all(&mut stream, answer.as_bytes());
    });
    address
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes";

#[test]
fn the_first_address_that_takes_a_connection_is_asked() {
    let nowhere = "unix:/nonexistent/x.sock";
    assert_eq!(asked(&[&server("first", OK), nowhere]).unwrap(), "yes");
    assert_eq!(asked(&[nowhere, &server("second", OK)]).unwrap(), "yes");
    let refusing = server("third", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    let error = asked(&[&refusing, "127.0.0.1:1"]).unwrap_err().to_string();
    assert!(error.starts_with(&format!("at {refusing}: it answers 403")), "{error}");
}

#[test]
fn a_password_goes_to_no_address_that_nobody_named() {
    let folder = std::env::temp_dir();
    let file = folder.join(format!("tcpwarden-{}-password", std::process::id()));
    std::fs::write(&file, "secret\n").unwrap();
    let options = AgentOptions {
        user: Some("a".to_owned()),
        password_file: Some(file.clone()),
        ..AgentOptions::default()
    };
    let ask = |addresses: &[&str]| {
        let addresses: Vec<Address> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        fetch(&Agent { addresses: &addresses, options: &options }, "/")
    };
    let error = ask(&["unix:/nonexistent/x.sock", "127.0.0.1:1"]).unwrap_err();
    assert!(matches!(&error, Failure::Options(why) if why.contains("--agent")), "{error}");
    let named = server("named", OK);
    assert_eq!(ask(&[&named]).unwrap(), "yes");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn without_an_agent_every_address_that_was_tried_is_named_with_its_reason() {
    let error = asked(&["unix:/nonexistent/x.sock", "127.0.0.1:1"]).unwrap_err().to_string();
    assert!(
        error.starts_with("unix:/nonexistent/x.sock: No such file")
            && error.contains(", 127.0.0.1:1: Connection refused")
            && error.contains("--agent"),
        "{error}"
    );
    let usual = Address::usual();
    let usual: Vec<String> = usual.iter().map(ToString::to_string).collect();
    assert_eq!(usual, ["unix:/run/tcpwarden/tcpwarden.sock", "127.0.0.1:10793"]);
}
