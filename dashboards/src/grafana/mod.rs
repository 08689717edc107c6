//! The part of Grafana's dashboard JSON that the boards use, as types: what is not here cannot be
//! written.
//!
//! The names are Grafana's own (`@grafana/schema`); `tests/static_proof` checks what is written
//! against schemas made from that package.

pub mod dashboard;
pub mod field;
pub mod heatmap;
pub mod layout;
pub mod link;
pub mod looks;
pub mod options;
pub mod overrides;
pub mod panel;
pub mod scale;
pub mod transform;
pub mod unit;
pub mod variable;

use serde::Serialize;

/// The data source that everything asks: what the variable `datasource` says.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DataSource {
    r#type: &'static str,
    uid: &'static str,
}

impl DataSource {
    /// The Prometheus that the variable `datasource` names.
    pub const PROMETHEUS: Self = Self { r#type: "prometheus", uid: "${datasource}" };
}
