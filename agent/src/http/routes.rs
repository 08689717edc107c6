//! The routes besides `/api`, and what each answers.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::access::Asker;
use super::failure::stands_still;
use super::flight::Flight;
use super::forms::Turns;
use super::gate::Gate;
use super::lane::Lanes;
use super::page::policy;
use super::question::{Question, Sees};
use super::render::{RENDER_TIMEOUT, asked};
use super::serve::MAX_CONNECTIONS;
use super::{accept, api};

/// What the handlers share.
#[derive(Clone)]
struct Shared {
    lanes: Lanes,
    flight: Flight,
    /// For the forms of the page of metrics.
    turns: Turns,
    /// For the page at `/` of who may not ask the API. A scrape waits for no gate.
    gate: Gate,
    /// For queries, and for the page of who may ask them: it is made of them.
    queries: Gate,
    /// For the state, with a place for each connection; those who hang up keep theirs until the
    /// agent has answered.
    places: Arc<Semaphore>,
}

/// Returns the router of the process.
pub(super) fn router(lanes: Lanes) -> Router {
    let queries = Gate::new();
    let api = api::router(lanes.queries.clone(), queries.clone());
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (flight, turns) = (Flight::default(), Turns::new());
    let shared = Shared { lanes, flight, turns, gate: Gate::new(), queries, places };
    Router::new()
        .route("/", get(index))
        .route("/metrics", get(scrape))
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .with_state(shared)
        .merge(api)
}

async fn scrape(State(shared): State<Shared>, request: HeaderMap) -> Response {
    // One time for both: a scrape gives up after ten seconds.
    let until = Instant::now() + RENDER_TIMEOUT;
    match shared.flight.page(&shared.lanes.metrics).await {
        Ok(page) => page.answer(accept::form(&request), &shared.turns, until).await,
        Err(response) => response,
    }
}

async fn index(
    State(shared): State<Shared>,
    Extension(asker): Extension<Asker>,
    RawQuery(parameters): RawQuery,
    request: HeaderMap,
) -> Response {
    let (sees, gate, lane) = match (asker.access.refusal(&request), asker.has_file) {
        (Some(_), _) => (Sees::Metrics, &shared.gate, &shared.lanes.overview),
        (None, false) => (Sees::Connections, &shared.queries, &shared.lanes.queries),
        (None, true) => (Sees::Arguments, &shared.queries, &shared.lanes.queries),
    };
    let mut response = match asked(gate, lane, &Question::Overview(sees)).await {
        Ok(html) => (policy::headers(), html).into_response(),
        Err(response) => response,
    };
    if parameters.as_deref() != Some("still") {
        response.headers_mut().insert(header::REFRESH, HeaderValue::from_static(policy::REFRESH));
    }
    response
}

async fn health(State(shared): State<Shared>) -> Response {
    match state(&shared).await {
        Ok(_ready) => "ok\n".into_response(),
        Err(response) => response,
    }
}

async fn ready(State(shared): State<Shared>) -> Response {
    match state(&shared).await {
        Ok(true) => "ready\n".into_response(),
        Ok(false) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the first pass over the kernel's socket list has not ended yet\n",
        )
            .into_response(),
        Err(response) => response,
    }
}

/// Returns whether an agent that is alive is ready.
async fn state(shared: &Shared) -> Result<bool, Response> {
    let place = Arc::clone(&shared.places).try_acquire_owned();
    let place = place.map_err(|_full| stands_still())?;
    let asked = timeout(RENDER_TIMEOUT, shared.lanes.state.ask(&Question::State, place)).await;
    match *asked.map_err(|_elapsed| stands_still())?? {
        [1, ready] => Ok(ready == 1),
        _ => Err(stands_still()),
    }
}
