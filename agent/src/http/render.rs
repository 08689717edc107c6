//! Renders answers off the reactor, one at a time for each [`Gate`].
//!
//! Used by `routes` and `api`. Guarantee: a client that hangs up does not let the next one in
//! before the work for it is done.

use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use super::gate::Gate;

/// How long a client waits for a rendering before it gets an error.
pub(super) const RENDER_TIMEOUT: Duration = Duration::from_secs(9);

/// Renders when the gate lets this request through. Returns the rendering, or the error for the
/// client.
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
    // The turn belongs to the work, not to the request, which may be dropped earlier.
    let work = tokio::task::spawn_blocking(move || {
        let rendered = render();
        drop(turn);
        rendered
    });
    match timeout(RENDER_TIMEOUT, work).await {
        Ok(Ok(rendered)) => Ok(rendered),
        Ok(Err(error)) => Err(failed(&error.to_string())),
        Err(_elapsed) => Err(too_slow()),
    }
}

/// Returns the answer of a rendering that took too long.
pub(super) fn too_slow() -> Response {
    let slow = "the answer took too long; lower --max-series, or ask again when the machine is \
                less busy\n";
    (StatusCode::SERVICE_UNAVAILABLE, slow).into_response()
}

/// Logs an error and returns the answer for the client.
pub(super) fn failed(error: &str) -> Response {
    tracing::warn!(error, "a page could not be rendered");
    (StatusCode::INTERNAL_SERVER_ERROR, "the page could not be rendered; the log says why\n")
        .into_response()
}
