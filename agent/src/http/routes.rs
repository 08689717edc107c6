//! The routes and what each answers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::time::timeout;

use super::api::{self, Api};
use super::gate::Gate;
use super::page::{self, Overview};
use crate::metrics::{self, Page};

/// How long a client waits for a rendering before it is told that something is wrong.
const RENDER_TIMEOUT: Duration = Duration::from_secs(9);

/// Answers a question about the agent; asked from the reactor, so it must not block.
type Question = Arc<dyn Fn() -> bool + Send + Sync>;

/// Where the routes find what they show.
#[derive(Clone)]
pub struct Views {
    /// The metrics; written for each scrape, off the reactor.
    pub metrics: Arc<dyn Fn() -> Page + Send + Sync>,
    /// The numbers of the page; made off the reactor.
    pub overview: Arc<dyn Fn() -> Overview + Send + Sync>,
    /// Whether the thread that reads the rings is alive.
    pub alive: Question,
    /// Whether the first reconcile pass has ended.
    pub ready: Question,
    /// The drill-down.
    pub api: Api,
}

/// What the handlers share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) views: Views,
    /// For scrapes and the page.
    gate: Gate,
    /// For the drill-down, which a scrape does not wait for.
    pub(super) queries: Gate,
}

/// The router of the agent.
pub fn router(views: Views) -> Router {
    let shared = Shared { views, gate: Gate::new(), queries: Gate::new() };
    Router::new()
        .route("/", get(index))
        .route("/metrics", get(scrape))
        .route("/api/v1/connections", get(api::connections))
        .route("/api/v1/leaks", get(api::leaks))
        .route("/api/v1/ports", get(api::ports))
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .with_state(shared)
}

async fn scrape(State(shared): State<Shared>) -> Response {
    let page = Arc::clone(&shared.views.metrics);
    match rendered(&shared.gate, move || page()).await {
        // The page itself goes out, and gives its buffer back once it has.
        Ok(page) => ([(header::CONTENT_TYPE, metrics::TEXT_FORMAT)], Bytes::from_owner(page))
            .into_response(),
        Err(response) => response,
    }
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
    if (shared.views.alive)() {
        "ok\n".into_response()
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the thread that reads the rings has ended; restart the agent and look at its log\n",
        )
            .into_response()
    }
}

async fn ready(State(shared): State<Shared>) -> Response {
    if (shared.views.ready)() {
        "ready\n".into_response()
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the first pass over the kernel's socket list has not ended yet\n",
        )
            .into_response()
    }
}

/// Renders off the reactor when its turn comes. The turn goes with the work, so that a client that
/// hangs up does not let the next in before the work is done.
pub(super) async fn rendered<T: Send + 'static>(
    gate: &Gate,
    render: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Response> {
    let Some(turn) = gate.turn().await else {
        let busy = "too many requests at once; ask less often or from fewer places\n";
        return Err(
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], busy).into_response()
        );
    };
    let work = tokio::task::spawn_blocking(move || {
        let rendered = render();
        drop(turn);
        rendered
    });
    match timeout(RENDER_TIMEOUT, work).await {
        Ok(Ok(rendered)) => Ok(rendered),
        Ok(Err(error)) => Err(failed(&error.to_string())),
        Err(_elapsed) => Err((
            StatusCode::SERVICE_UNAVAILABLE,
            "the answer took too long; lower --max-series, or ask again when the machine is less busy\n",
        )
            .into_response()),
    }
}

pub(super) fn failed(error: &str) -> Response {
    tracing::warn!(error, "a page could not be rendered");
    (StatusCode::INTERNAL_SERVER_ERROR, "the page could not be rendered; the log says why\n")
        .into_response()
}
