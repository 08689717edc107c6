//! How many messages Alertmanager sends with the example when something happens on fifty machines.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dashboards::rules;
use serde_json::{Value, json};
use stack::{Alertmanager, Folder};

use crate::{alone, example};

/// Machines on which it happens.
const MACHINES: usize = 50;
/// How long the first message may take to come.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long others may take after it: many times the wait of a group.
const QUIET: Duration = Duration::from_secs(5);

/// A message: the receiver's path, and the name and labels of each alert in it.
type Message = (String, Vec<BTreeMap<String, String>>);

/// Takes what Alertmanager sends; until the test ends.
fn receiver() -> (String, Arc<Mutex<Vec<Message>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let taken = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            let to = Arc::clone(&to);
            std::thread::spawn(move || take(stream, &to));
        }
    });
    (address, taken)
}

/// Reads the requests of one connection.
fn take(stream: TcpStream, to: &Mutex<Vec<Message>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let alerts = body["alerts"].as_array().unwrap().iter();
        let alerts = alerts.map(|one| serde_json::from_value(one["labels"].clone()).unwrap());
        to.lock().unwrap().push((path, alerts.collect()));
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    }
}

/// Everything that is sent with the example while these alerts fire: for each message its path, the
/// name of its alerts, and how many they are.
fn messages(alerts: &[Value]) -> Vec<(String, String, usize)> {
    let _alone = alone();
    let (address, taken) = receiver();
    let example = example();
    assert_eq!(example.matches("127.0.0.1:8080").count(), 2);
    assert_eq!(example.matches("group_wait: 30s").count(), 1);
    // The rest, group_by and the inhibitions, is as it is.
    let config =
        example.replace("127.0.0.1:8080", &address).replace("group_wait: 30s", "group_wait: 1s");
    let folder = Folder::new().unwrap();
    let server = Alertmanager::start_with(&folder, 19093, &config).unwrap();
    server.fire(alerts).unwrap();
    let came = || (!taken.lock().unwrap().is_empty()).then_some(());
    let _ = testkit::wait::poll(PATIENCE, came);
    std::thread::sleep(QUIET);
    let taken = taken.lock().unwrap();
    let mut found: Vec<_> = taken
        .iter()
        .map(|(path, alerts)| (path.clone(), alerts[0]["alertname"].clone(), alerts.len()))
        .collect();
    found.sort();
    found
}

/// An alert with these labels beside its severity and job.
fn alert(name: &str, cluster: &str, own: &[(&str, &str)]) -> Value {
    let alert = rules::all().iter().find(|alert| alert.name == name).expect(name);
    let mut labels = json!({
        "alertname": name, "severity": alert.severity.as_str(), "job": "tcpwarden",
    });
    for (label, value) in
        own.iter().chain(&[("cluster", cluster)]).filter(|(_, value)| !value.is_empty())
    {
        labels[label] = (*value).into();
    }
    labels
}

/// What a client says of a port on which nothing answers any more.
fn client(machine: usize, cluster: &str, port: &str) -> [Value; 3] {
    let instance = format!("web-{machine}:10793");
    // Clients of two services.
    let workload = if machine.is_multiple_of(2) { "shop.service" } else { "billing.service" };
    let who = [("instance", &*instance), ("workload", workload), ("process", "orders-api")];
    [
        alert("TcpConnectFailures", cluster, &[&who[..], &[("port", port)]].concat()),
        alert("TcpSynRetransmits", cluster, &who),
        alert("TcpPeersUnreachable", cluster, &[&who[..], &[("role", "client")]].concat()),
    ]
}

fn tickets(name: &str, alerts: usize) -> (String, String, usize) {
    ("/tickets".to_owned(), name.to_owned(), alerts)
}

/// The database of a cluster dies for fifty clients.
fn dead_database(cluster: &str) -> Vec<Value> {
    let clients = (0..MACHINES).flat_map(|machine| client(machine, cluster, "5432"));
    let fleet = alert("TcpFleetConnectFailures", cluster, &[("port", "5432")]);
    clients.chain([fleet]).collect()
}

#[test]
fn a_dead_database_of_fifty_clients_is_one_message() {
    assert_eq!(messages(&dead_database("")), [tickets("TcpFleetConnectFailures", 1)]);
}

#[test]
fn two_databases_with_names_are_two_messages_and_their_clients_none() {
    let mut alerts = dead_database("");
    alerts.pop();
    for name in ["orders-db", "users-db"] {
        let labels = [("port", "5432"), ("destination", name)];
        alerts.push(alert("TcpFleetConnectFailures", "", &labels));
    }
    let one = tickets("TcpFleetConnectFailures", 1);
    assert_eq!(messages(&alerts), [one.clone(), one]);
}

#[test]
fn without_the_alert_of_all_it_is_one_message_of_each_service() {
    let mut alerts = dead_database("");
    alerts.pop();
    let half = tickets("TcpConnectFailures", MACHINES / 2);
    assert_eq!(messages(&alerts), [half.clone(), half]);
}

#[test]
fn another_port_another_cluster_and_what_is_critical_are_told_beside_it() {
    let mut alerts = dead_database("a");
    let instance = ("instance", "web-1:10793");
    let who = [instance, ("workload", "shop.service"), ("process", "checkout")];
    alerts.push(alert("TcpConnectFailures", "a", &[&who[..], &[("port", "443")]].concat()));
    alerts.push(alert("TcpConnectFailures", "b", &[&who[..], &[("port", "5432")]].concat()));
    alerts.push(alert("TcpPeersUnreachable", "a", &[&who[..], &[("role", "server")]].concat()));
    alerts.push(alert("TcpDescriptorsNearLimit", "a", &who));
    let page = ("/pager".to_owned(), "TcpDescriptorsNearLimit".to_owned(), 1);
    let told = [
        page,
        tickets("TcpConnectFailures", 1),
        tickets("TcpConnectFailures", 1),
        tickets("TcpFleetConnectFailures", 1),
        tickets("TcpPeersUnreachable", 1),
    ];
    assert_eq!(messages(&alerts), told);
}

#[test]
fn fifty_agents_that_are_down_are_one_message_and_the_one_of_another_cluster_another() {
    let down = |machine: usize, cluster| {
        alert("TcpwardenDown", cluster, &[("instance", &format!("web-{machine}:10793"))])
    };
    let mut alerts: Vec<Value> = (0..MACHINES).map(|machine| down(machine, "a")).collect();
    alerts.push(alert("TcpwardenAgentsDown", "a", &[]));
    alerts.push(alert("TcpwardenVersionSkew", "a", &[]));
    alerts.push(down(0, "b"));
    let told = ["TcpwardenAgentsDown", "TcpwardenDown", "TcpwardenVersionSkew"];
    assert_eq!(messages(&alerts), told.map(|name| tickets(name, 1)));
}
