//! `/api/v1`: every query of the registry as JSON. docs/api.md describes it.
//!
//! Guarantees: one query at a time, apart from scrapes, so that neither delays the other; answers
//! are capped and say so; a query that is refused names the wrong parameter, and the agent never
//! sees it.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Serialize;

use super::access::Asker;
use super::gate::Gate;
use super::lane::Lane;
use super::question::{MOST, Question};
use super::render::asked;
use crate::query::{self, Entry, Refusal};

/// What the handlers share.
#[derive(Clone)]
struct Shared {
    lane: Lane,
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

/// Returns one route for each query; `gate` lets one at a time through. Each request comes with its
/// [`Asker`].
pub(super) fn router(lane: Lane, gate: Gate) -> Router {
    let add = |router: Router<Shared>, (which, query): (u8, &'static Entry)| {
        let handler = move |State(shared): State<Shared>,
                            Extension(asker): Extension<Asker>,
                            RawQuery(parameters): RawQuery,
                            headers: HeaderMap| async move {
            if let Some(error) = asker.access.refusal(&headers) {
                return refusal(StatusCode::FORBIDDEN, &plain(error));
            }
            answer((which, query), &shared, asker, parameters.unwrap_or_default()).await
        };
        router.route(&query.path(), get(handler))
    };
    let shared = Shared { lane, gate };
    (0..).zip(query::ALL).fold(Router::new(), add).with_state(shared)
}

async fn answer(
    (which, query): (u8, &Entry),
    shared: &Shared,
    asker: Asker,
    parameters: String,
) -> Response {
    if parameters.len() > MOST {
        return refusal(StatusCode::URI_TOO_LONG, &plain("the parameters are too long"));
    }
    if let Err(refused) = query.prepare(&parameters) {
        let (error, Refusal { parameter, value, allowed }) = (refused.to_string(), &refused);
        let refused = Refused {
            error: &error,
            parameter: Some(parameter),
            value: Some(value),
            allowed: Some(allowed),
        };
        return refusal(StatusCode::BAD_REQUEST, &refused);
    }
    let question = if asker.has_file { Question::Whole } else { Question::Query };
    match asked(&shared.gate, &shared.lane, &question(which, parameters)).await {
        Ok(text) => json(StatusCode::OK, text),
        Err(response) => response,
    }
}

const fn plain(error: &str) -> Refused<'_> {
    Refused { error, parameter: None, value: None, allowed: None }
}

fn refusal(status: StatusCode, refused: &Refused<'_>) -> Response {
    // Of text alone, so it cannot fail.
    json(status, (serde_json::to_string(refused).unwrap_or_default() + "\n").into())
}

fn json(status: StatusCode, text: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, text).into_response()
}
