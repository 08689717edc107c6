//! Tests of what is refused, for every query.

use proptest::prelude::{prop_oneof, proptest};

use super::connections::ConnectionsQuery;
use super::leaks::LeaksQuery;
use super::parameter::read;
use super::{Query as _, Refusal};

fn connections(text: &str) -> Result<ConnectionsQuery, Refusal> {
    read(form_urlencoded::parse(text.as_bytes()))
}

fn refused(text: &str) -> String {
    connections(text).unwrap_err().to_string()
}

#[test]
fn a_refusal_names_the_parameter_its_value_and_what_is_allowed() {
    assert_eq!(
        refused("state=closewait,x"),
        "state is 'x': expected one of syn_sent, syn_recv, established, fin_wait1, fin_wait2, \
         close_wait, last_ack, closing, listen"
    );
    assert!(
        refused("stat=x")
            .starts_with("stat is 'x': expected one of the parameters state, process, workload, ")
    );
    assert_eq!(refused("limit=0"), "limit is '0': expected a whole number from 1 to 1000");
    assert_eq!(refused("limit=1001"), "limit is '1001': expected a whole number from 1 to 1000");
    assert_eq!(refused("limit=1&limit=2"), "limit is '2': expected one value only");
    assert!(refused("min_age=5x").contains("such as 90s, 5m"));
    assert_eq!(refused("port=65536"), "port is '65536': expected a port from 0 to 65535");
    assert_eq!(
        refused("port=+1").split(':').next(),
        Some("port is ' 1'"),
        "a plus is a blank in a request"
    );
    assert_eq!(refused("sort=size"), refused("sort=size&limit=1"));
    assert!(
        refused("sort=size")
            .contains("expected one of age, connection_age, idle, process, pid, state, port,")
    );
    assert!(refused("peer=10.0.0.0/33").contains("a block of them (10.0.0.0/8)"));
    assert!(refused("peer=").contains("peer is ''"));
    assert!(refused("process=").contains("expected a name"));
    assert!(refused(&format!("pid={}", vec!["1"; 65].join(","))).contains("at most 64 values"));
    assert!(refused(&format!("pid={}", "x".repeat(5000))).len() < 300, "a refusal is short");
    assert!(read::<LeaksQuery, _, _>([("sort", "age")]).is_err());
    assert!(read::<LeaksQuery, _, _>([("service_port", "1")]).is_ok());
    assert!(read::<LeaksQuery, _, _>([("service-port", "1")]).is_err(), "that is the option");
}

proptest! {
    #[test]
    fn any_query_is_answered_or_refused(text in ".{0,200}") {
        let _ = connections(&text);
        let _ = read::<LeaksQuery, _, _>(form_urlencoded::parse(text.as_bytes()));
    }

    #[test]
    fn any_value_of_a_known_parameter_is_taken_or_refused_by_name(
        place in 0..ConnectionsQuery::PARAMETERS.len(),
        value in prop_oneof![".{0,40}", "[0-9:./\\[\\],a-f*-]{0,40}"],
    ) {
        let name = ConnectionsQuery::PARAMETERS[place].name();
        let pair = [(&name, value.as_str())];
        if let Err(refusal) = read::<ConnectionsQuery, _, _>(pair) {
            assert_eq!(refusal.parameter, name);
            assert!(!refusal.allowed.is_empty());
        }
        let leaks = read::<LeaksQuery, _, _>(pair);
        let mut known = LeaksQuery::PARAMETERS.iter();
        assert!(leaks.is_err() || known.any(|parameter| parameter.name() == name));
    }
}
