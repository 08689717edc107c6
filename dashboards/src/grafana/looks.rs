//! Colours, limits and words for values: what all values of a panel and an override for some of
//! them both have.

use serde::Serialize;
use serde_json::{Value, json};

/// Where a colour comes from.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Color {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed_color: Option<&'static str>,
}

impl Color {
    /// By the limits.
    pub const THRESHOLDS: Self = Self { mode: "thresholds", fixed_color: None };
    /// One after the other, for names that are not known before.
    pub const PALETTE: Self = Self { mode: "palette-classic", fixed_color: None };

    /// Always this.
    #[must_use]
    pub const fn fixed(color: &'static str) -> Self {
        Self { mode: "fixed", fixed_color: Some(color) }
    }
}

/// Limits with the colours from there on.
#[derive(Debug, Clone, Serialize)]
pub struct Thresholds {
    mode: &'static str,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Serialize)]
struct Step {
    color: &'static str,
    value: Option<f64>,
}

impl Thresholds {
    /// The highest of them.
    #[must_use]
    pub fn highest(&self) -> Option<f64> {
        self.steps.iter().filter_map(|step| step.value).reduce(f64::max)
    }

    /// Nothing is good or bad.
    #[must_use]
    pub fn none() -> Self {
        Self::steps("text", &[])
    }

    /// Green, from `warning` on orange.
    #[must_use]
    pub fn warning(warning: f64) -> Self {
        Self::steps("green", &[("orange", warning)])
    }

    /// Green, from `critical` on red.
    #[must_use]
    pub fn critical(critical: f64) -> Self {
        Self::steps("green", &[("red", critical)])
    }

    /// Green, from `warning` on orange, from `critical` on red.
    #[must_use]
    pub fn both(warning: f64, critical: f64) -> Self {
        Self::steps("green", &[("orange", warning), ("red", critical)])
    }

    fn steps(base: &'static str, steps: &[(&'static str, f64)]) -> Self {
        let first = std::iter::once(Step { color: base, value: None });
        let further = steps.iter().map(|(color, value)| Step { color, value: Some(*value) });
        Self { mode: "absolute", steps: first.chain(further).collect() }
    }

    /// Whether there is a limit.
    #[must_use]
    pub fn has_limit(&self) -> bool {
        self.steps.len() > 1
    }
}

/// A word, and a colour, for a number.
#[derive(Debug, Clone, Serialize)]
pub struct Mapping(Value);

impl Mapping {
    /// Words for whole numbers: (number, word, colour).
    #[must_use]
    pub fn words(words: &[(u32, &str, &str)]) -> Self {
        let entry = |(index, (number, text, color)): (usize, &(u32, &str, &str))| {
            (number.to_string(), json!({ "text": text, "color": color, "index": index }))
        };
        let options: serde_json::Map<String, Value> = words.iter().enumerate().map(entry).collect();
        Self(json!({ "type": "value", "options": options }))
    }
}
