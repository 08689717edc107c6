//! HTTP on loopback, one kept connection a client, so that asking makes no connections worth
//! counting.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// The most bytes of an answer.
const MAX_ANSWER: u64 = 64 << 20;

/// A server on loopback.
#[derive(Debug, Clone)]
pub struct Api {
    client: ureq::Agent,
    base: String,
}

/// A series of an instant query.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value, which may be NaN or infinite; of a range, each of its values.
    pub values: Vec<f64>,
}

impl Api {
    /// The server on a port.
    #[must_use]
    pub fn new(port: u16) -> Self {
        Self::patient(port, Duration::from_secs(20))
    }

    /// The server on a port that may take so long for an answer.
    #[must_use]
    pub fn patient(port: u16, patience: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(patience))
            .http_status_as_error(false);
        Self { client: config.build().into(), base: format!("http://127.0.0.1:{port}") }
    }

    /// Where it is, as a person would open it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.base
    }

    /// The body of a path.
    ///
    /// # Errors
    /// When it does not answer, or with another status than 200.
    pub fn text(&self, path: &str) -> Result<String> {
        let (status, text) = self.get(path, &[])?;
        if status != 200 {
            bail!("{}{path} answered {status}: {text}", self.base);
        }
        Ok(text)
    }

    /// The body of a path as JSON.
    ///
    /// # Errors
    /// When it does not answer, with another status than 200, or with something else.
    pub fn json(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        let (status, text) = self.get(path, parameters)?;
        if status != 200 {
            bail!("{}{path} {parameters:?} answered {status}: {text}", self.base);
        }
        serde_json::from_str(&text)
            .with_context(|| format!("read the answer of {}{path}", self.base))
    }

    /// Hands a path a body of JSON.
    ///
    /// # Errors
    /// When it does not answer, or with another status than 200.
    pub fn post(&self, path: &str, body: &Value) -> Result<()> {
        let url = format!("{}{path}", self.base);
        let request = self.client.post(&url).content_type("application/json");
        let mut answer =
            request.send(body.to_string()).with_context(|| format!("send to {url}"))?;
        let status = answer.status().as_u16();
        if status != 200 {
            let said = answer.body_mut().read_to_string().unwrap_or_default();
            bail!("{url} answered {status}: {said}");
        }
        Ok(())
    }

    fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<(u16, String)> {
        let mut request = self.client.get(format!("{}{path}", self.base));
        for (name, value) in parameters {
            request = request.query(name, value);
        }
        let mut answer = request.call().with_context(|| format!("ask {}{path}", self.base))?;
        let text = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_string();
        Ok((answer.status().as_u16(), text.with_context(|| format!("read {}{path}", self.base))?))
    }
}

/// Labels and their values, from an object of texts.
pub(crate) fn labels(object: &Value) -> BTreeMap<String, String> {
    let labels = object.as_object().into_iter().flatten();
    labels
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

/// The series in the answer of a query of Prometheus.
pub(crate) fn samples(answer: &Value) -> Vec<Sample> {
    let data = &answer["data"];
    let number =
        |value: &Value| value[1].as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
    if data["resultType"] == "scalar" {
        return vec![Sample { labels: BTreeMap::new(), values: vec![number(&data["result"])] }];
    }
    let series = data["result"].as_array().into_iter().flatten().map(|series| {
        let values = match series["values"].as_array() {
            Some(values) => values.iter().map(number).collect(),
            None => vec![number(&series["value"])],
        };
        Sample { labels: labels(&series["metric"]), values }
    });
    series.collect()
}
