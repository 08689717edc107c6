//! A page of metrics in each form that a client wants.
//!
//! Used by `flight` and `routes`. Guarantees: a form is made once for all who share the page; at
//! most [`AT_ONCE`] are made at a time, piece by piece, and others get their turn in between. One
//! that nobody waits for any more is given up.

use std::io;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::failure::{failed, too_slow};
use crate::metrics::{Form, Making};

/// The most forms that are made at a time. The encoder of each takes a third of a megabyte.
const AT_ONCE: usize = 2;

/// Who may make a form.
#[derive(Clone, Debug)]
pub(super) struct Turns(Arc<Semaphore>);

impl Turns {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// A page as it was written, and what was made of it.
#[derive(Debug, Default)]
pub(super) struct Forms {
    written: Bytes,
    open_metrics: OnceCell<Bytes>,
    gzip: OnceCell<Bytes>,
    open_metrics_gzip: OnceCell<Bytes>,
}

impl Forms {
    pub(super) fn of(written: Bytes) -> Self {
        Self { written, ..Self::default() }
    }

    /// Returns the answer with the page in a form, or that it took too long.
    pub(super) async fn answer(&self, form: Form, turns: &Turns, until: Instant) -> Response {
        match timeout_at(until, self.bytes(form, turns)).await {
            Ok(Ok(page)) => dressed(form, page),
            Ok(Err(error)) => failed(&error.to_string()),
            Err(_elapsed) => too_slow(),
        }
    }

    async fn bytes(&self, form: Form, turns: &Turns) -> io::Result<Bytes> {
        let cell = match (form.open_metrics, form.gzip) {
            (false, false) => return Ok(self.written.clone()),
            (true, false) => &self.open_metrics,
            (false, true) => &self.gzip,
            (true, true) => &self.open_metrics_gzip,
        };
        let make = || async {
            // It is never closed.
            let _turn = turns.0.acquire().await;
            let mut making = Making::new(&self.written, form);
            while making.step()? {
                tokio::task::yield_now().await;
            }
            making.finish().map(Bytes::from)
        };
        cell.get_or_try_init(make).await.cloned()
    }
}

fn dressed(form: Form, page: Bytes) -> Response {
    let mut response = page.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
    headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    if form.gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    const MINUTE: std::time::Duration = std::time::Duration::from_mins(1);
    const GZIP: Form = Form { open_metrics: false, gzip: true };

    fn page() -> Bytes {
        let line = "tcpwarden_connections{process=\"nginx\",state=\"established\"} 17\n";
        line.repeat(20_000).into()
    }

    async fn body(response: Response) -> Bytes {
        axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap()
    }

    fn unpacked(bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        GzDecoder::new(bytes).read_to_end(&mut text).unwrap();
        text
    }

    #[tokio::test]
    async fn a_page_comes_out_as_it_went_in_with_headers_that_say_how() {
        let (forms, turns) = (Forms::of(page()), Turns::new());
        for gzip in [false, true] {
            for open_metrics in [false, true] {
                let form = Form { open_metrics, gzip };
                let answer = forms.answer(form, &turns, Instant::now() + MINUTE).await;
                let header = |name| answer.headers().get(name).map(|value| value.to_str().unwrap());
                assert_eq!(header(header::CONTENT_TYPE), Some(form.content_type()));
                assert_eq!(header(header::CONTENT_ENCODING), gzip.then_some("gzip"));
                assert_eq!(header(header::VARY), Some("accept, accept-encoding"));
                let mut bytes = body(answer).await.to_vec();
                if gzip {
                    assert!(bytes.len() * 10 < page().len(), "{} bytes", bytes.len());
                    bytes = unpacked(&bytes);
                }
                let end: &[u8] = if open_metrics { b"# EOF\n" } else { b"" };
                assert!(bytes == [&page()[..], end].concat(), "{form:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_form_is_made_once_for_all_who_share_the_page() {
        let (forms, turns) = (Arc::new(Forms::of(page())), Turns::new());
        let asked = (0..50).map(|_| {
            let (forms, turns) = (Arc::clone(&forms), turns.clone());
            tokio::spawn(async move { forms.bytes(GZIP, &turns).await.unwrap() })
        });
        let mut places = Vec::new();
        for one in asked.collect::<Vec<_>>() {
            places.push(one.await.unwrap().as_ptr());
        }
        places.dedup();
        assert_eq!(places.len(), 1, "one buffer");
    }

    #[tokio::test]
    async fn two_are_made_at_a_time_and_others_get_their_turn_in_between() {
        let turns = Turns::new();
        let making: Vec<_> = (0..5)
            .map(|_| {
                let turns = turns.clone();
                tokio::spawn(async move { Forms::of(page()).bytes(GZIP, &turns).await })
            })
            .collect();
        let mut between = 0;
        while !making.iter().all(tokio::task::JoinHandle::is_finished) {
            tokio::task::yield_now().await;
            let busy = AT_ONCE - turns.0.available_permits();
            between += usize::from(busy > 0);
            assert!(busy <= AT_ONCE);
        }
        assert!(between > 20, "{between} turns while pages were made");
    }

    #[tokio::test]
    async fn one_that_is_given_up_is_made_by_the_next_who_waits() {
        let (forms, turns) = (Arc::new(Forms::of(page())), Turns::new());
        let first = tokio::spawn({
            let (forms, turns) = (Arc::clone(&forms), turns.clone());
            async move { forms.bytes(GZIP, &turns).await }
        });
        while turns.0.available_permits() == AT_ONCE {
            tokio::task::yield_now().await;
        }
        first.abort();
        let bytes = forms.bytes(GZIP, &turns).await.unwrap();
        assert_eq!(unpacked(&bytes), page());
        assert_eq!(turns.0.available_permits(), AT_ONCE);
    }
}
