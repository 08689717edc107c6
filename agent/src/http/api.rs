//! `/api/v1`: the drill-down as JSON. docs/api.md describes it.
//!
//! Guarantees: one query at a time and off the reactor, apart from scrapes, so that neither holds
//! up the other; answers are capped and say so; a question that cannot be answered is told which
//! parameter is wrong.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::access::Access;
use super::routes::{Shared, failed, rendered};
use crate::leaks::Leaks;
use crate::listing::answer::Connections;
use crate::listing::ports::Ports;
use crate::listing::query::{Query, Refusal};

/// Answers a query; asked off the reactor.
type Answer<T> = Arc<dyn Fn(&Query) -> T + Send + Sync>;

/// What `/api` shows, and to whom.
#[derive(Clone)]
pub struct Api {
    /// From where it may be asked.
    pub access: Access,
    /// Connections.
    pub connections: Answer<Connections>,
    /// Suspects.
    pub leaks: Answer<Leaks>,
    /// Destinations by the local ports they take.
    pub ports: Answer<Ports>,
}

/// A refusal as JSON.
#[derive(Serialize)]
struct Refused<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<&'a str>,
}

pub(super) async fn connections(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let answer = Arc::clone(&shared.views.api.connections);
    answered(&shared, &headers, Query::connections(pairs(query.as_deref())), move |query| {
        answer(query)
    })
    .await
}

pub(super) async fn leaks(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let answer = Arc::clone(&shared.views.api.leaks);
    answered(&shared, &headers, Query::leaks(pairs(query.as_deref())), move |query| answer(query))
        .await
}

pub(super) async fn ports(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let answer = Arc::clone(&shared.views.api.ports);
    answered(&shared, &headers, Query::ports(pairs(query.as_deref())), move |query| answer(query))
        .await
}

/// The parameters behind the `?`.
fn pairs(query: Option<&str>) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
}

async fn answered<T: Serialize>(
    shared: &Shared,
    headers: &HeaderMap,
    query: Result<Query, Refusal>,
    answer: impl FnOnce(&Query) -> T + Send + 'static,
) -> Response {
    if let Some(error) = shared.views.api.access.refusal(headers) {
        return json(
            StatusCode::FORBIDDEN,
            encode(&Refused { error, parameter: None, value: None, allowed: None }),
        );
    }
    let query = match query {
        Ok(query) => query,
        Err(refusal) => {
            let (error, Refusal { parameter, value, allowed }) = (refusal.to_string(), &refusal);
            let refused = Refused {
                error: &error,
                parameter: Some(parameter),
                value: Some(value),
                allowed: Some(allowed),
            };
            return json(StatusCode::BAD_REQUEST, encode(&refused));
        }
    };
    match rendered(&shared.queries, move || encode(&answer(&query))).await {
        Ok(text) => json(StatusCode::OK, text),
        Err(response) => response,
    }
}

/// An answer as one line of text.
fn encode(answer: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(answer).map(|text| text + "\n")
}

fn json(status: StatusCode, text: serde_json::Result<String>) -> Response {
    match text {
        Ok(text) => {
            let headers = [
                (header::CONTENT_TYPE, "application/json"),
                (header::CACHE_CONTROL, "no-store"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (status, headers, text).into_response()
        }
        Err(error) => failed(&error.to_string()),
    }
}
