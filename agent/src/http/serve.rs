//! Accepts and serves connections within bounds until the agent stops.
//!
//! Called by `child`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming as Body;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::listener::{Accepted, Incoming, Stream};
use super::places::{Place, Places};
use super::web::Web;
use super::{auth, secure};

/// The most connections at once. One of them yields to a further one.
pub(super) const MAX_CONNECTIONS: usize = 256;
/// The longest wait for a request's header, also on a connection that is kept open between
/// requests.
pub(super) const HEADER_TIMEOUT: Duration = Duration::from_secs(3);
/// The age at which a connection is closed after its current request.
const MAX_LIFETIME: Duration = Duration::from_mins(1);
/// How long that request may then still take.
const GRACE: Duration = Duration::from_secs(15);
/// The most bytes of a request that are buffered. No route reads a body.
const MAX_BUFFER: usize = 16 * 1024;
/// How long open requests may take when the agent stops, which takes at most a second in all.
const STOP_GRACE: Duration = Duration::from_millis(400);
/// The pause after a failed accept; the most likely reason is that no descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves by the rules of `web`, if there are some, until `stop` is ready, then waits for open
/// requests for at most [`STOP_GRACE`].
pub(super) async fn serve(
    incoming: Incoming,
    router: Router,
    web: Option<Arc<Web>>,
    stop: impl Future<Output = ()> + Send,
) {
    let places = Places::new(MAX_CONNECTIONS);
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let next = tokio::select! {
            () = &mut stop => break,
            next = accept(&incoming, &places) => next,
        };
        if let Some((accepted, place)) = next {
            let (router, web) = (router.clone(), web.clone());
            connections.spawn(begin(accepted, router, web, place, stopped.clone()));
        }
        while connections.try_join_next().is_some() {}
    }
    drop(incoming);
    let _ = stopping.send(true);
    let ended =
        timeout(STOP_GRACE, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        connections.shutdown().await;
    }
}

/// Returns the next connection with its place; `None` if it could not be accepted, or has none.
async fn accept(incoming: &Incoming, places: &Arc<Places>) -> Option<(Accepted, Place)> {
    match incoming.accept().await {
        Ok((accepted, peer)) => Some((accepted, places.take(peer)?)),
        Err(error) => {
            tracing::debug!(%error, "a connection could not be accepted");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Makes a connection ready, and serves it until it ends.
async fn begin(
    accepted: Accepted,
    router: Router,
    web: Option<Arc<Web>>,
    place: Place,
    mut stopped: watch::Receiver<bool>,
) {
    let begun = tokio::select! {
        begun = secure::begin(accepted, web.as_deref()) => begun,
        () = place.yielded() => return,
        _ = stopped.wait_for(|stopped| *stopped) => return,
    };
    match begun {
        Ok(stream) => connection(stream, router, web, place, stopped).await,
        Err(error) => tracing::debug!(%error, "a connection did not begin"),
    }
}

/// Serves one connection until it ends.
async fn connection(
    stream: Box<dyn Stream>,
    router: Router,
    web: Option<Arc<Web>>,
    place: Place,
    mut stopped: watch::Receiver<bool>,
) {
    let place = Arc::new(place);
    let service = {
        let (place, answers) = (Arc::clone(&place), TowerToHyperService::new(router));
        service_fn(move |request: Request<Body>| {
            place.begin();
            let (place, answers, web) = (Arc::clone(&place), answers.clone(), web.clone());
            async move {
                let answered = match web {
                    None => answers.call(request).await,
                    Some(web) => match auth::refusal(&web, request.headers(), place.peer()).await {
                        Some(refusal) => Ok(refusal),
                        None => answers.call(request).await,
                    }
                    .map(|answer| web.dressed(answer)),
                };
                place.finish();
                answered
            }
        })
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        () = place.yielded() => return,
        () = sleep(MAX_LIFETIME) => None,
        _ = stopped.wait_for(|stopped| *stopped) => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            ended = timeout(GRACE, connection) => ended.unwrap_or(Ok(())),
            () = place.yielded() => return,
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
