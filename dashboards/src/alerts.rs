//! Every alert: its rule, its runbook and its unit tests are in one folder,
//! `dashboards/alerts/NAME`.
//!
//! A new alert is such a folder: `cargo xtask dashboards` lists it here. Its limits stand in its
//! rule; boards take them from there.
// Written by `cargo xtask dashboards` from the folders of dashboards/alerts; do not edit.

use crate::alert::Alert;

#[path = "../alerts/TcpAcceptQueueOverflowing/rule.rs"]
pub mod tcp_accept_queue_overflowing;
#[path = "../alerts/TcpCloseWaitGrowing/rule.rs"]
pub mod tcp_close_wait_growing;
#[path = "../alerts/TcpCloseWaitStuck/rule.rs"]
pub mod tcp_close_wait_stuck;
#[path = "../alerts/TcpCloseWaitUnaccepted/rule.rs"]
pub mod tcp_close_wait_unaccepted;
#[path = "../alerts/TcpConnectFailures/rule.rs"]
pub mod tcp_connect_failures;
#[path = "../alerts/TcpConnectSlow/rule.rs"]
pub mod tcp_connect_slow;
#[path = "../alerts/TcpConnectionChurn/rule.rs"]
pub mod tcp_connection_churn;
#[path = "../alerts/TcpDescriptorsHigh/rule.rs"]
pub mod tcp_descriptors_high;
#[path = "../alerts/TcpDescriptorsNearLimit/rule.rs"]
pub mod tcp_descriptors_near_limit;
#[path = "../alerts/TcpEphemeralPortsExhausted/rule.rs"]
pub mod tcp_ephemeral_ports_exhausted;
#[path = "../alerts/TcpEphemeralPortsNearExhaustion/rule.rs"]
pub mod tcp_ephemeral_ports_near_exhaustion;
#[path = "../alerts/TcpEstablishedGrowing/rule.rs"]
pub mod tcp_established_growing;
#[path = "../alerts/TcpFinWait2Stuck/rule.rs"]
pub mod tcp_fin_wait2_stuck;
#[path = "../alerts/TcpFleetConnectFailures/rule.rs"]
pub mod tcp_fleet_connect_failures;
#[path = "../alerts/TcpListenBacklogNearLimit/rule.rs"]
pub mod tcp_listen_backlog_near_limit;
#[path = "../alerts/TcpListenerNotAccepting/rule.rs"]
pub mod tcp_listener_not_accepting;
#[path = "../alerts/TcpMemoryNearLimit/rule.rs"]
pub mod tcp_memory_near_limit;
#[path = "../alerts/TcpOrphansNearLimit/rule.rs"]
pub mod tcp_orphans_near_limit;
#[path = "../alerts/TcpPeersNotReading/rule.rs"]
pub mod tcp_peers_not_reading;
#[path = "../alerts/TcpPeersUnreachable/rule.rs"]
pub mod tcp_peers_unreachable;
#[path = "../alerts/TcpReceiversNotReading/rule.rs"]
pub mod tcp_receivers_not_reading;
#[path = "../alerts/TcpResetStorm/rule.rs"]
pub mod tcp_reset_storm;
#[path = "../alerts/TcpRetransmitRatioHigh/rule.rs"]
pub mod tcp_retransmit_ratio_high;
#[path = "../alerts/TcpSynRetransmits/rule.rs"]
pub mod tcp_syn_retransmits;
#[path = "../alerts/TcpTimeWaitNearLimit/rule.rs"]
pub mod tcp_time_wait_near_limit;
#[path = "../alerts/TcpUnaccepted/rule.rs"]
pub mod tcp_unaccepted;
#[path = "../alerts/TcpwardenAgentsDown/rule.rs"]
pub mod tcpwarden_agents_down;
#[path = "../alerts/TcpwardenDown/rule.rs"]
pub mod tcpwarden_down;
#[path = "../alerts/TcpwardenDriftFound/rule.rs"]
pub mod tcpwarden_drift_found;
#[path = "../alerts/TcpwardenEventsLost/rule.rs"]
pub mod tcpwarden_events_lost;
#[path = "../alerts/TcpwardenLabelsOverflowing/rule.rs"]
pub mod tcpwarden_labels_overflowing;
#[path = "../alerts/TcpwardenPassesStalled/rule.rs"]
pub mod tcpwarden_passes_stalled;
#[path = "../alerts/TcpwardenProbeDetached/rule.rs"]
pub mod tcpwarden_probe_detached;
#[path = "../alerts/TcpwardenRestarting/rule.rs"]
pub mod tcpwarden_restarting;
#[path = "../alerts/TcpwardenTableFull/rule.rs"]
pub mod tcpwarden_table_full;
#[path = "../alerts/TcpwardenTableNearFull/rule.rs"]
pub mod tcpwarden_table_near_full;
#[path = "../alerts/TcpwardenUnattributed/rule.rs"]
pub mod tcpwarden_unattributed;
#[path = "../alerts/TcpwardenVersionSkew/rule.rs"]
pub mod tcpwarden_version_skew;

/// Every alert, by name; [`crate::rules::all`] has them in the order of the rule file.
pub(crate) const FOUND: &[Alert] = &[
    tcp_accept_queue_overflowing::ALERT,
    tcp_close_wait_growing::ALERT,
    tcp_close_wait_stuck::ALERT,
    tcp_close_wait_unaccepted::ALERT,
    tcp_connect_failures::ALERT,
    tcp_connect_slow::ALERT,
    tcp_connection_churn::ALERT,
    tcp_descriptors_high::ALERT,
    tcp_descriptors_near_limit::ALERT,
    tcp_ephemeral_ports_exhausted::ALERT,
    tcp_ephemeral_ports_near_exhaustion::ALERT,
    tcp_established_growing::ALERT,
    tcp_fin_wait2_stuck::ALERT,
    tcp_fleet_connect_failures::ALERT,
    tcp_listen_backlog_near_limit::ALERT,
    tcp_listener_not_accepting::ALERT,
    tcp_memory_near_limit::ALERT,
    tcp_orphans_near_limit::ALERT,
    tcp_peers_not_reading::ALERT,
    tcp_peers_unreachable::ALERT,
    tcp_receivers_not_reading::ALERT,
    tcp_reset_storm::ALERT,
    tcp_retransmit_ratio_high::ALERT,
    tcp_syn_retransmits::ALERT,
    tcp_time_wait_near_limit::ALERT,
    tcp_unaccepted::ALERT,
    tcpwarden_agents_down::ALERT,
    tcpwarden_down::ALERT,
    tcpwarden_drift_found::ALERT,
    tcpwarden_events_lost::ALERT,
    tcpwarden_labels_overflowing::ALERT,
    tcpwarden_passes_stalled::ALERT,
    tcpwarden_probe_detached::ALERT,
    tcpwarden_restarting::ALERT,
    tcpwarden_table_full::ALERT,
    tcpwarden_table_near_full::ALERT,
    tcpwarden_unattributed::ALERT,
    tcpwarden_version_skew::ALERT,
];
