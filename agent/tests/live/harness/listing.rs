//! The drill-down of the agent: connections as it lists them.

use std::net::SocketAddr;

use serde_json::Value;

use super::agent::Agent;
use super::descriptors::Ends;

/// The connections that match, all of them.
pub(crate) fn rows(agent: &Agent, query: &str) -> Vec<Value> {
    let (status, body) = agent.get(&format!("/api/v1/connections?limit=1000&{query}"));
    assert_eq!(status, 200, "the status of a listing by {query}: {body}");
    let answer: Value = serde_json::from_str(&body)
        .unwrap_or_else(|error| panic!("a listing that is not JSON ({error}): {body}"));
    assert_eq!(answer["truncated"], false, "the listing by {query} was cut");
    answer["connections"].as_array().expect("a list of connections").clone()
}

/// The two ends of a connection of the listing.
pub(crate) fn ends(row: &Value) -> Ends {
    let end = |address: &str, port: &str| {
        let ip = row[address]
            .as_str()
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| panic!("no {address} in {row}"));
        let port = row[port]
            .as_u64()
            .and_then(|port| u16::try_from(port).ok())
            .unwrap_or_else(|| panic!("no {port} in {row}"));
        SocketAddr::new(ip, port)
    };
    (end("local_address", "local_port"), end("peer_address", "peer_port"))
}
