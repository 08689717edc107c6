//! The agent answers what its HTTP process asks.
//!
//! Used by `process`: a thread for each lane. Guarantees: nothing that comes is trusted: a query
//! that the other side should have refused ends the lane. A lane that does not take its answer is
//! given up.

use std::any::Any;
use std::io;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::page::{self, Details, Overview};
use super::question::{Outcome, Question, Sees};
use crate::log;
use crate::metrics::Page;
use crate::query::{self, Source};

/// How long the other side may take to read a piece of an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A yes-or-no question about the agent.
type Asked = Arc<dyn Fn() -> bool + Send + Sync>;

/// What the agent shows.
#[derive(Clone)]
pub(crate) struct Views {
    /// Writes the metrics; called for each scrape.
    pub(crate) metrics: Arc<dyn Fn() -> Page + Send + Sync>,
    /// Returns the numbers of the page at `/`.
    pub(crate) overview: Arc<dyn Fn() -> Overview + Send + Sync>,
    /// Whether the thread that reads the rings is alive.
    pub(crate) alive: Asked,
    /// Whether the first reconcile pass has ended.
    pub(crate) ready: Asked,
    /// What the queries read; `None` where nobody may ask them, not even the HTTP process.
    pub(crate) source: Option<Source>,
}

/// The text of an answer.
enum Text {
    Page(Page),
    Bytes(Vec<u8>),
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Page(page) => page.as_ref(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl Views {
    /// Answers on a lane until its other end is closed.
    ///
    /// # Errors
    /// If what came is no question, or the answer was not taken.
    pub(super) fn answer(&self, lane: &UnixStream) -> io::Result<()> {
        lane.set_write_timeout(Some(PATIENCE))?;
        while let Some(question) = Question::read(lane)? {
            let made = catch_unwind(AssertUnwindSafe(|| self.to(&question)));
            let (outcome, text) = made.unwrap_or_else(|panic| {
                let error = said(panic.as_ref());
                tracing::warn!(error, ?question, "a page could not be rendered");
                Ok((Outcome::Failed, Text::Bytes(Vec::new())))
            })?;
            outcome.write(text.as_ref(), lane)?;
        }
        Ok(())
    }

    /// Returns the answer; an error for a query that the other side should have refused.
    fn to(&self, question: &Question) -> io::Result<(Outcome, Text)> {
        let done = |bytes| (Outcome::Done, Text::Bytes(bytes));
        Ok(match question {
            Question::State => done(vec![(self.alive)().into(), (self.ready)().into()]),
            Question::Metrics(dropped) => {
                log::count_dropped(u64::from(*dropped));
                if !(self.alive)() {
                    return Ok((Outcome::StandsStill, Text::Bytes(Vec::new())));
                }
                (Outcome::Done, Text::Page((self.metrics)()))
            }
            Question::Overview(sees) => {
                let details = self.details(*sees)?;
                done(page::render(&(self.overview)(), details.as_ref()).into_bytes())
            }
            Question::Query(which, parameters) | Question::Whole(which, parameters) => {
                let is_whole = matches!(question, Question::Whole(..));
                match self.query(*which, parameters, is_whole)? {
                    Ok(text) => done(text.into_bytes()),
                    Err(error) => {
                        tracing::warn!(error, "a query could not be answered");
                        (Outcome::Failed, Text::Bytes(Vec::new()))
                    }
                }
            }
        })
    }

    /// Returns what the page shows to who may see it.
    fn details(&self, sees: Sees) -> io::Result<Option<Details>> {
        let details = match sees {
            Sees::Metrics => return Ok(None),
            Sees::Connections => Details::of(&self.asked()?.without_arguments()),
            Sees::Arguments => Details::of(self.asked()?),
        };
        details.map(Some).map_err(|refusal| refused(refusal.to_string()))
    }

    /// Returns what the queries read.
    fn asked(&self) -> io::Result<&Source> {
        let nobody = || refused("a query, where nobody may ask".to_owned());
        self.source.as_ref().ok_or_else(nobody)
    }

    fn query(
        &self,
        which: u8,
        parameters: &str,
        is_whole: bool,
    ) -> io::Result<Result<String, String>> {
        let source = self.asked()?;
        let query = query::ALL.get(usize::from(which));
        let query = query.ok_or_else(|| refused(format!("query {which}")))?;
        let prepared = query.prepare(parameters);
        let prepared = prepared.map_err(|refusal| refused(refusal.to_string()))?;
        let answer =
            if is_whole { prepared(source) } else { prepared(&source.without_arguments()) };
        Ok(answer.map_err(|error| error.to_string()))
    }
}

/// Returns the error for what the other side should have refused.
fn refused(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Returns what a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref().copied()).unwrap_or("it said nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_may_ask_the_agent_itself_answers_no_query() {
        let overview = || unreachable!("no one asks for it");
        let views = Views {
            metrics: Arc::new(|| Page::from(b"page".to_vec())),
            overview: Arc::new(overview),
            alive: Arc::new(|| true),
            ready: Arc::new(|| true),
            source: None,
        };
        for which in 0..=u8::MAX {
            for query in [Question::Query, Question::Whole] {
                let refused = views.to(&query(which, String::new())).err();
                assert_eq!(refused.map(|error| error.kind()), Some(io::ErrorKind::InvalidData));
            }
        }
        for sees in [Sees::Connections, Sees::Arguments] {
            let refused = views.to(&Question::Overview(sees)).err();
            assert_eq!(refused.map(|error| error.kind()), Some(io::ErrorKind::InvalidData));
        }
        let (_outcome, page) = views.to(&Question::Metrics(0)).unwrap();
        assert_eq!(page.as_ref(), b"page");
    }
}
