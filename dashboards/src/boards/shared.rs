//! What all boards have in common: variables, annotations, columns, colours.

use tcpwarden::conn::labels::SocketState;
use tcpwarden::metrics::catalogue::agent::{BUILD_INFO, PROCESS_START_TIME};
use tcpwarden::metrics::catalogue::connections::CONNECTIONS;
use tcpwarden::metrics::catalogue::pressure::TCP_MEMORY;
use tcpwarden::metrics::catalogue::Metric;

use super::promql::Scope;
use crate::grafana::dashboard::Annotation;
use crate::grafana::field::Thresholds;
use crate::grafana::link::DataLink;
use crate::grafana::overrides::Override;
use crate::grafana::unit::Unit;
use crate::grafana::variable::Variable;

pub(super) const OVERVIEW: &str = "tcpwarden-overview";
pub(super) const LEAKS: &str = "tcpwarden-leaks";
pub(super) const SERVICES: &str = "tcpwarden-services";
pub(super) const NETWORK: &str = "tcpwarden-network";
pub(super) const CAPACITY: &str = "tcpwarden-capacity";
pub(super) const AGENT: &str = "tcpwarden-agent";
