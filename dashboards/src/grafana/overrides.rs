//! What differs for one series or column of a panel.

use serde::Serialize;
use serde_json::{Value, json};

use super::link::DataLink;
use super::looks::{Color, Mapping, Thresholds};
use super::unit::Unit;

/// What differs for some values.
#[derive(Debug, Clone, Serialize)]
pub struct Override {
    matcher: Matcher,
    properties: Vec<Property>,
}

#[derive(Debug, Clone, Serialize)]
struct Matcher {
    id: &'static str,
    options: String,
}

#[derive(Debug, Clone, Serialize)]
struct Property {
    id: &'static str,
    value: Value,
}

impl Override {
    /// For the series or column of this name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self { matcher: Matcher { id: "byName", options: name.to_owned() }, properties: Vec::new() }
    }

    /// For the series whose names match.
    #[must_use]
    pub fn matching(pattern: &str) -> Self {
        Self {
            matcher: Matcher { id: "byRegexp", options: pattern.to_owned() },
            properties: Vec::new(),
        }
    }

    /// A colour of its own.
    #[must_use]
    pub fn color(self, color: &'static str) -> Self {
        self.with("color", json!(Color::fixed(color)))
    }

    /// A line without filling, dashed: a limit beside what it limits.
    #[must_use]
    pub fn limit_line(self, color: &'static str) -> Self {
        self.color(color)
            .with("custom.lineStyle", json!({ "fill": "dash", "dash": [8, 6] }))
            .with("custom.fillOpacity", json!(0))
            .with("custom.stacking", json!({ "mode": "none", "group": "B" }))
    }

    /// A unit of its own.
    #[must_use]
    pub fn unit(self, unit: Unit) -> Self {
        self.with("unit", json!(unit))
    }

    /// Digits after the point.
    #[must_use]
    pub fn decimals(self, decimals: u8) -> Self {
        self.with("decimals", json!(decimals))
    }

    /// The width of a column in pixels.
    #[must_use]
    pub fn width(self, pixels: u16) -> Self {
        self.with("custom.width", json!(pixels))
    }

    /// The colour of a cell, by limits.
    #[must_use]
    pub fn cells(self, thresholds: &Thresholds) -> Self {
        self.with("thresholds", json!(thresholds))
            .with("color", json!(Color::THRESHOLDS))
            .with("custom.cellOptions", json!({ "type": "color-text" }))
    }

    /// Words for numbers.
    #[must_use]
    pub fn words(self, mapping: &Mapping) -> Self {
        self.with("mappings", json!([mapping]))
    }

    /// Where a click leads.
    #[must_use]
    pub fn links(self, links: &[DataLink]) -> Self {
        self.with("links", json!(links))
    }

    fn with(mut self, id: &'static str, value: Value) -> Self {
        self.properties.push(Property { id, value });
        self
    }
}
