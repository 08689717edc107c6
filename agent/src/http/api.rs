//! `/api/v1`: every query of the registry as JSON. docs/api.md describes it.
//!
//! Guarantees: one query at a time, off the reactor and apart from scrapes, so that neither delays
//! the other; answers are capped and say so; a query that is refused names the wrong parameter.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Serialize;

use super::access::Access;
use super::gate::Gate;
use super::render::{failed, rendered};
use crate::query::{self, Entry, Refusal, Source};

/// What the queries read, and which clients may ask.
#[derive(Clone)]
pub(crate) struct Api {
    /// Which clients may ask.
    pub(crate) access: Access,
    /// What the queries read.
    pub(crate) source: Source,
}

/// What the handlers share.
#[derive(Clone)]
struct Shared {
    api: Api,
    gate: Gate,
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

/// Returns one route for each query.
pub(super) fn router(api: Api) -> Router {
    let add = |router: Router<Shared>, query: &'static Entry| {
        let handler = move |State(shared), RawQuery(parameters), headers| async move {
            answer(query, &shared, parameters.as_deref(), &headers).await
        };
        router.route(&query.path(), get(handler))
    };
    let shared = Shared { api, gate: Gate::new() };
    query::ALL.iter().fold(Router::new(), add).with_state(shared)
}

async fn answer(
    query: &Entry,
    shared: &Shared,
    parameters: Option<&str>,
    headers: &HeaderMap,
) -> Response {
    if let Some(error) = shared.api.access.refusal(headers) {
        let refused = Refused { error, parameter: None, value: None, allowed: None };
        return refusal(StatusCode::FORBIDDEN, &refused);
    }
    let prepared = match query.prepare(parameters.unwrap_or_default()) {
        Ok(prepared) => prepared,
        Err(refused) => {
            let (error, Refusal { parameter, value, allowed }) = (refused.to_string(), &refused);
            let refused = Refused {
                error: &error,
                parameter: Some(parameter),
                value: Some(value),
                allowed: Some(allowed),
            };
            return refusal(StatusCode::BAD_REQUEST, &refused);
        }
    };
    let source = shared.api.source.clone();
    match rendered(&shared.gate, move || prepared(&source)).await {
        Ok(text) => json(StatusCode::OK, text),
        Err(response) => response,
    }
}

fn refusal(status: StatusCode, refused: &Refused<'_>) -> Response {
    json(status, serde_json::to_string(refused).map(|line| line + "\n"))
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
