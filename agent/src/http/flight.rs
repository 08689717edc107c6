//! One rendering of the metrics for all who wait for it.
//!
//! Used by `routes`. Guarantees: one page is asked for at a time. A request gets a page whose
//! rendering began after it came, so however many wait, two renderings serve them all. The last
//! page is kept as long as somebody waits for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use axum::response::Response;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::failure::{failed, too_slow};
use super::forms::Forms;
use super::lane::Lane;
use super::question::Question;
use super::render::RENDER_TIMEOUT;
use crate::log::take_dropped;

/// The rendering that is under way, or was last.
#[derive(Clone, Debug, Default)]
pub(super) struct Flight {
    /// Held while a page is rendered.
    last: Arc<Mutex<Last>>,
    /// How many renderings have begun.
    begun: Arc<AtomicU64>,
    /// How many requests wait for a page, or for their turn to render one.
    waiting: Arc<AtomicUsize>,
}

/// A request that waits.
struct Waits(Arc<AtomicUsize>);

impl Waits {
    fn new(waiting: &Arc<AtomicUsize>) -> Self {
        waiting.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(waiting))
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Debug, Default)]
struct Last {
    number: u64,
    page: Option<Arc<Forms>>,
}

impl Flight {
    /// Returns a page, or the error for the client.
    pub(super) async fn page(&self, lane: &Lane) -> Result<Arc<Forms>, Response> {
        let _waits = Waits::new(&self.waiting);
        let asked = self.begun.load(Ordering::SeqCst);
        let work = async {
            let mut last = Arc::clone(&self.last).lock_owned().await;
            if let Some(page) = last.page.clone().filter(|_| last.number > asked) {
                if self.waiting.load(Ordering::SeqCst) == 1 {
                    last.page = None;
                }
                return Ok(page);
            }
            let (waiting, lane) = (Arc::clone(&self.waiting), lane.clone());
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            // The turn belongs to the work, not to the request, which may be dropped earlier.
            let work = tokio::spawn(async move {
                let page =
                    Arc::new(Forms::of(lane.ask(&Question::Metrics(take_dropped()), ()).await?));
                let others = waiting.load(Ordering::SeqCst) > 1;
                *last = Last { number, page: others.then(|| Arc::clone(&page)) };
                Ok(page)
            });
            work.await.map_err(|error| failed(&error.to_string()))?
        };
        match timeout(RENDER_TIMEOUT, work).await {
            Ok(page) => page,
            Err(_elapsed) => Err(too_slow()),
        }
    }
}
