//! Accepts and serves connections within bounds, until told to stop.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::listener::{Bound, Stream};

/// Connections at once; the next waits in the kernel's queue until one ends.
const CONNECTIONS: usize = 256;
/// Time for a request's header to arrive, the wait for the next request on a kept connection
/// included.
const HEADER_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a connection lives before it is asked to end after the request at hand.
const LIFE: Duration = Duration::from_mins(1);
/// How long the request at hand may then take.
const GRACE: Duration = Duration::from_secs(15);
/// The most bytes of a request that are held; no route reads a body.
const BUFFER: usize = 16 * 1024;
/// How long open requests may take once the agent stops: it ends within a second.
const STOP_GRACE: Duration = Duration::from_millis(400);
/// The pause after an accept that failed, most likely for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` is ready, then lets open requests end, but not for long.
pub(crate) async fn serve(bound: Bound, router: Router, stop: impl Future<Output = ()> + Send) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let next = tokio::select! {
            () = &mut stop => break,
            next = accept(&bound, &places) => next,
        };
        if let Some((stream, place)) = next {
            connections.spawn(connection(stream, router.clone(), place, stopped.clone()));
        }
        while connections.try_join_next().is_some() {}
    }
    drop(bound);
    let _ = stopping.send(true);
    let ended =
        timeout(STOP_GRACE, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        connections.shutdown().await;
    }
}

/// The next connection with a place for it; none when it could not be accepted.
async fn accept(
    bound: &Bound,
    places: &Arc<Semaphore>,
) -> Option<(Box<dyn Stream>, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match bound.accept().await {
        Ok(stream) => Some((stream, place)),
        Err(error) => {
            tracing::debug!(%error, "a connection could not be accepted");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// One connection from accept to end.
async fn connection(
    stream: Box<dyn Stream>,
    router: Router,
    place: OwnedSemaphorePermit,
    mut stopped: watch::Receiver<bool>,
) {
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        () = sleep(LIFE) => None,
        _ = stopped.wait_for(|stopped| *stopped) => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        connection.as_mut().graceful_shutdown();
        timeout(GRACE, connection).await.unwrap_or(Ok(()))
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
    drop(place);
}
