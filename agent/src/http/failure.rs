//! What a client gets in the place of an answer that could not be made.
//!
//! Used by `lane`, `render`, `flight` and `routes`.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

/// Returns the answer of a rendering that took too long.
pub(super) fn too_slow() -> Response {
    let slow = "the answer took too long; lower --max-series, or ask again when the machine is \
                less busy\n";
    (StatusCode::SERVICE_UNAVAILABLE, slow).into_response()
}

/// Answers in the place of numbers that do not move any more.
pub(super) fn stands_still() -> Response {
    let text = "the thread that reads the rings does not answer: the numbers stand still\n";
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

/// Logs an error and returns the answer for the client.
pub(super) fn failed(error: &str) -> Response {
    tracing::warn!(error, "a page could not be rendered");
    (StatusCode::INTERNAL_SERVER_ERROR, "the page could not be rendered; the log says why\n")
        .into_response()
}
