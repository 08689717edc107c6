//! Asks for an answer that is made one at a time for each [`Gate`].
//!
//! Used by `routes` and `api`. Guarantee: a client that hangs up does not let the
//! next one in before the work for it is done.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use super::failure::too_slow;
use super::gate::Gate;
use super::lane::Lane;
use super::question::Question;

/// How long a client waits for a rendering before it gets an error.
pub(super) const RENDER_TIMEOUT: Duration = Duration::from_secs(9);

/// Asks when the gate lets this request through. Returns the answer, or the error for the client.
pub(super) async fn asked(
    gate: &Gate,
    lane: &Lane,
    question: &Question,
) -> Result<Bytes, Response> {
    let Some(turn) = gate.turn().await else {
        let busy = "too many requests at once; ask less often or from fewer places\n";
        return Err(
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], busy).into_response()
        );
    };
    // The turn belongs to the work, not to the request, which may be dropped earlier.
    match timeout(RENDER_TIMEOUT, lane.ask(question, turn)).await {
        Ok(answer) => answer,
        Err(_elapsed) => Err(too_slow()),
    }
}
