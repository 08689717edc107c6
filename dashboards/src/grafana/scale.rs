//! The scales of axes, linear or logarithmic, for [`field`](super::field).

use serde::Serialize;

/// A scale.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Distribution {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<u8>,
}

impl Distribution {
    /// Even steps.
    pub const LINEAR: Self = Self { r#type: "linear", log: None };
    /// Steps of a factor of ten.
    pub const LOG10: Self = Self { r#type: "log", log: Some(10) };
    /// Steps of a factor of two, for bytes.
    pub const LOG2: Self = Self { r#type: "log", log: Some(2) };
}
