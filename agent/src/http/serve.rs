//! Accepts and serves connections within bounds until the agent stops.
//!
//! Called by `child`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming as Body;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::access::Access;
use super::listener::{Arrival, Incoming};
use super::places::{Peer, Place, Places};
use super::secure::Begun;
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

/// Where a connection came in.
#[derive(Clone, Copy)]
struct Entrance {
    access: Access,
    is_near: bool,
}

/// Serves by the rules of `web`, if there are some, until `stop` is ready, then waits for open
/// requests for at most [`STOP_GRACE`].
pub(super) async fn serve(
    mut incoming: Incoming,
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
            next = accept(&mut incoming, &places) => next,
        };
        if let Some((arrival, place)) = next {
            let router = router.clone();
            // A socket file has its mode instead.
            let web = web.clone().filter(|_| arrival.peer.is_some());
            connections.spawn(begin(arrival, router, web, place, stopped.clone()));
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
async fn accept(incoming: &mut Incoming, places: &Arc<Places>) -> Option<(Arrival, Place)> {
    match incoming.accept().await {
        Ok(arrival) => {
            let place = places.take(arrival.peer)?;
            Some((arrival, place))
        }
        Err(error) => {
            tracing::debug!(%error, "a connection could not be accepted");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Makes a connection ready, and serves it until it ends.
async fn begin(
    arrival: Arrival,
    router: Router,
    web: Option<Arc<Web>>,
    place: Place,
    mut stopped: watch::Receiver<bool>,
) {
    let begun = tokio::select! {
        begun = secure::begin(arrival.stream, web.as_deref()) => begun,
        () = place.yielded() => return,
        _ = stopped.wait_for(|stopped| *stopped) => return,
    };
    match begun {
        Ok(begun) => {
            let entrance = Entrance { access: arrival.access, is_near: arrival.is_near };
            connection(begun, entrance, router, web, place, stopped).await;
        }
        Err(error) => tracing::debug!(%error, "a connection did not begin"),
    }
}

/// Serves one connection until it ends.
async fn connection(
    begun: Begun,
    entrance: Entrance,
    router: Router,
    web: Option<Arc<Web>>,
    place: Place,
    mut stopped: watch::Receiver<bool>,
) {
    let Begun { stream, is_verified } = begun;
    let place = Arc::new(place);
    let service = {
        let (place, answers) = (Arc::clone(&place), TowerToHyperService::new(router));
        service_fn(move |request: Request<Body>| {
            place.begin();
            let (place, answers, web) = (Arc::clone(&place), answers.clone(), web.clone());
            async move {
                let answered = answered(request, entrance, is_verified, answers, web, place.peer());
                let answered = answered.await;
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

/// Answers a request by who asks.
async fn answered(
    mut request: Request<Body>,
    entrance: Entrance,
    is_verified: bool,
    answers: TowerToHyperService<Router>,
    web: Option<Arc<Web>>,
    peer: Peer,
) -> Result<Response, Infallible> {
    let admitted = match &web {
        None => Ok(false),
        Some(web) => auth::admitted(web, request.headers(), peer).await,
    };
    let answer = match admitted {
        Err(refusal) => *refusal,
        Ok(has_password) => {
            let asker = entrance.access.for_one(entrance.is_near, is_verified || has_password);
            request.extensions_mut().insert(asker);
            answers.call(request).await?
        }
    };
    Ok(match web {
        None => answer,
        Some(web) => web.dressed(answer),
    })
}
