//! The routes besides `/api`, and what each answers.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;

use super::api::{self, Api};
use super::flight::Flight;
use super::gate::Gate;
use super::page::{self, Overview};
use super::render::rendered;
use crate::metrics::{self, Page};

/// Answers a yes-or-no question about the agent. Called on the reactor, so it must not block.
type Question = Arc<dyn Fn() -> bool + Send + Sync>;

/// What the routes show.
#[derive(Clone)]
pub(crate) struct Views {
    /// Writes the metrics; called for each scrape, off the reactor.
    pub(crate) metrics: Arc<dyn Fn() -> Page + Send + Sync>,
    /// Returns the numbers of the page at `/`; called off the reactor.
    pub(crate) overview: Arc<dyn Fn() -> Overview + Send + Sync>,
    /// Whether the thread that reads the rings is alive.
    pub(crate) alive: Question,
    /// Whether the first reconcile pass has ended.
    pub(crate) ready: Question,
    /// What `/api` shows.
    pub(crate) api: Api,
}

/// What the handlers share.
#[derive(Clone)]
struct Shared {
    views: Views,
    flight: Flight,
    /// For the page at `/`. Queries have a gate of their own. A scrape waits for neither.
    gate: Gate,
}

/// Returns the router of the agent.
pub(crate) fn router(views: Views) -> Router {
    let api = api::router(views.api.clone());
    let shared = Shared { views, flight: Flight::default(), gate: Gate::new() };
    Router::new()
        .route("/", get(index))
        .route("/metrics", get(scrape))
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .with_state(shared)
        .merge(api)
}

async fn scrape(State(shared): State<Shared>) -> Response {
    if !(shared.views.alive)() {
        return stands_still();
    }
    let page = Arc::clone(&shared.views.metrics);
    match shared.flight.page(move || page()).await {
        // The body is the page itself, which returns its buffer to the pool when it is dropped.
        Ok(page) => ([(header::CONTENT_TYPE, metrics::TEXT_FORMAT)], Bytes::from_owner(page))
            .into_response(),
        Err(response) => response,
    }
}

/// Answers in the place of numbers that do not move any more.
fn stands_still() -> Response {
    let text = "the thread that reads the rings does not answer: the numbers stand still\n";
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

async fn index(State(shared): State<Shared>) -> Response {
    let overview = Arc::clone(&shared.views.overview);
    match rendered(&shared.gate, move || page::render(&overview())).await {
        Ok(html) => (
            [
                (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ],
            Html(html),
        )
            .into_response(),
        Err(response) => response,
    }
}

async fn health(State(shared): State<Shared>) -> Response {
    if (shared.views.alive)() { "ok\n".into_response() } else { stands_still() }
}

async fn ready(State(shared): State<Shared>) -> Response {
    if !(shared.views.alive)() {
        stands_still()
    } else if (shared.views.ready)() {
        "ready\n".into_response()
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the first pass over the kernel's socket list has not ended yet\n",
        )
            .into_response()
    }
}
