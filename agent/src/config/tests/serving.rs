//! Tests of where the agent serves: addresses, socket files, their group, the web configuration.

use super::*;

/// Loads from these addresses on the command line and these variables.
fn of(listen: &[&str], environment: &[(&str, &str)]) -> Result<RunConfig, Error> {
    let listen = listen.iter().map(|text| (*text).to_owned()).collect();
    load(&RunArgs { listen, ..RunArgs::default() }, environment, None)
}

fn shown(config: &RunConfig) -> Vec<String> {
    config.listen.value.iter().map(ToString::to_string).collect()
}

#[test]
fn listen_takes_addresses_and_socket_files_and_explains_the_rest() {
    assert_eq!(shown(&of(&["[::1]:0"], &[]).unwrap()), ["[::1]:0"]);
    assert_eq!(
        of(&["unix:/run/t.sock"], &[]).unwrap().listen.value,
        [Listen::Unix("/run/t.sock".into())]
    );
    for wrong in [
        "127.0.0.1",
        ":",
        ":x",
        ":99999",
        "localhost",
        "localhost:x",
        "unix:relative",
        "unix:",
        "127.0.0.1:99999",
        ":+80",
        "no such name:1",
    ] {
        let error = of(&[wrong], &[]).unwrap_err();
        assert_eq!(error.code(), 2);
        assert!(
            error.to_string().starts_with(&format!("--listen is '{wrong}': expected ")),
            "{error}"
        );
    }
    assert!(of(&[&format!("unix:/{}", "x".repeat(107))], &[]).is_err());
    // A wrong address behind a path is no part of it.
    assert!(of(&["unix:/run/t.sock,127.0.0.1:99999"], &[]).is_err());
    assert_eq!(of(&["unix:/a,b"], &[]).unwrap().listen.value, [Listen::Unix("/a,b".into())]);
}

#[test]
fn listen_takes_every_address_by_a_port_and_names_of_etc_hosts() {
    assert_eq!(shown(&of(&[":9100"], &[]).unwrap()), ["[::]:9100"]);
    let local = of(&["localhost:7"], &[]).unwrap();
    let [Listen::Tcp(one)] = local.listen.value[..] else { panic!("{local:?}") };
    assert!(one.ip().is_loopback() && one.port() == 7, "{local:?}");
    let error = of(&["no-such-name.invalid:1"], &[]).unwrap_err().to_string();
    assert!(
        error.starts_with("--listen is 'no-such-name.invalid:1': expected an address or a name")
            && error.contains("/etc/hosts")
            && error.contains("not looked up elsewhere"),
        "{error}"
    );
}

#[test]
fn listen_is_repeatable_on_the_command_line_in_a_variable_and_in_the_file() {
    let all = ["127.0.0.1:1", "[::1]:2", "unix:/x.sock"];
    let by_options = of(&all, &[]).unwrap();
    let by_variable =
        of(&[], &[("TCPWARDEN_LISTEN", "127.0.0.1:1, [::1]:2,unix:/x.sock")]).unwrap();
    let text = "listen = [\"127.0.0.1:1\", \"[::1]:2\", \"unix:/x.sock\"]";
    let by_file = load(&RunArgs::default(), &[], Some(("listens", text))).unwrap();
    for config in [by_options, by_variable, by_file] {
        assert_eq!(
            (shown(&config), config.listen.is_default),
            (all.map(str::to_owned).into(), false)
        );
    }
    let once = of(&["127.0.0.1:1", "127.0.0.1:1", "127.0.0.1:0", "127.0.0.1:0"], &[]).unwrap();
    assert_eq!(shown(&once).len(), 3, "the same twice is once; a free port is another each time");
    assert_eq!(shown(&of(&["unix:/a,b"], &[]).unwrap()), ["unix:/a,b"], "a comma in a path");
    let error = of(&["127.0.0.1:1,nonsense"], &[]).unwrap_err().to_string();
    assert!(error.starts_with("--listen is 'nonsense': expected an address"), "{error}");
    let many: Vec<String> = (1..=17).map(|port| format!("127.0.0.1:{port}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(of(&many[..16], &[]).is_ok());
    assert!(of(&many, &[]).unwrap_err().to_string().ends_with("expected 1 to 16 addresses"));
    for wrong in ["listen = []", "listen = [1]", "listen = 1", "listen = [[\":1\"]]"] {
        let error = load(&RunArgs::default(), &[], Some(("wrong", wrong))).unwrap_err();
        assert!(error.code() == 2 && error.to_string().starts_with("listen in /"), "{error}");
    }
}

#[test]
fn the_socket_file_is_a_path_or_none() {
    let socket = |text| of(&[":1"], &[("TCPWARDEN_SOCKET", text)]);
    let none = socket("none").unwrap();
    assert_eq!((none.socket.value, none.socket.is_default), (None, false));
    assert_eq!(socket("/x.sock").unwrap().socket.value, Some("/x.sock".into()));
    let long = format!("/{}", "x".repeat(107));
    for wrong in ["", "x.sock", "unix:/x.sock", "None", &long] {
        assert_eq!(
            socket(wrong).unwrap_err().to_string(),
            format!(
                "TCPWARDEN_SOCKET is '{wrong}': expected none, or an absolute path of at most 107 \
                 bytes"
            )
        );
    }
}

#[test]
fn a_socket_file_can_be_for_a_group_by_name_or_number() {
    let of = |group: &str, listen: &str, socket: &str| {
        of(&[listen], &[("TCPWARDEN_SOCKET_GROUP", group), ("TCPWARDEN_SOCKET", socket)])
    };
    let group = |group, listen, socket| of(group, listen, socket).unwrap().socket_group;
    assert_eq!(group("", "unix:/x.sock", "none"), None);
    assert_eq!(group("4711", "unix:/x.sock", "none"), Some(4711));
    assert_eq!(group("root", "unix:/x.sock", "none"), Some(0));
    assert_eq!(group("root", "127.0.0.1:1", "/x.sock"), Some(0), "that of --socket");
    for (group, listen, allowed) in [
        ("no-such-group", "unix:/x.sock", "a name that /etc/group has, or a number"),
        ("4294967295", "unix:/x.sock", "a name that /etc/group has, or a number"),
        ("-1", "unix:/x.sock", "a name that /etc/group has, or a number"),
        ("root", "127.0.0.1:1", "none, because --listen and --socket name no socket file"),
    ] {
        let error = of(group, listen, "none").unwrap_err().to_string();
        assert_eq!(error, format!("TCPWARDEN_SOCKET_GROUP is '{group}': expected {allowed}"));
    }
    let file = Some(("group", "listen = \"unix:/x.sock\"\nsocket-group = 7"));
    assert_eq!(load(&RunArgs::default(), &[], file).unwrap().socket_group, Some(7));
}

#[test]
fn a_web_configuration_is_for_a_tcp_address() {
    let of = |listen: &[&str]| of(listen, &[("TCPWARDEN_WEB_CONFIG_FILE", "/etc/web.yml")]);
    assert_eq!(of(&["0.0.0.0:1"]).unwrap().web_config_file, Some("/etc/web.yml".into()));
    assert!(of(&["unix:/x.sock", "0.0.0.0:1"]).is_ok(), "one of them is a TCP address");
    assert_eq!(
        of(&["unix:/x.sock"]).unwrap_err().to_string(),
        "TCPWARDEN_WEB_CONFIG_FILE is '/etc/web.yml': expected none, because --listen names a \
         socket file, which has its mode"
    );
    assert_eq!(load(&RunArgs::default(), &[], None).unwrap().web_config_file, None);
    let handed = [("LISTEN_FDS", "1"), ("TCPWARDEN_WEB_CONFIG_FILE", "/etc/web.yml")];
    let arguments = RunArgs { listen: vec!["unix:/x.sock".into()], ..RunArgs::default() };
    assert!(load(&arguments, &handed, None).is_ok(), "a service manager may hand an address over");
}
