//! The forms of a page: the text format or OpenMetrics, plain or as gzip.
//!
//! Used by `http`, which chooses. Guarantees: a page is made piece by piece, and the caller may do
//! other work between two; what it takes is the page in its new form, a piece, and an encoder.

use std::io::{self, Write as _};
use std::slice::Chunks;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::openmetrics::OpenMetrics;

/// How much is made in a step, bytes: less than a millisecond as gzip.
const PIECE: usize = 32 << 10;
/// Metrics repeat themselves: docs/overhead.md has what each level costs and leaves.
const LEVEL: Compression = Compression::fast();

/// A `Form` is what a client wants a page in. The default is the page as it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Whether it is OpenMetrics, not the text format.
    pub open_metrics: bool,
    /// Whether it is compressed.
    pub gzip: bool,
}

impl Form {
    /// Returns the content type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        if self.open_metrics {
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        } else {
            "text/plain; version=0.0.4"
        }
    }
}

/// A `Making` is a page on its way into a form.
pub struct Making<'a> {
    from: Source<'a>,
    piece: Vec<u8>,
    to: Sink,
}

enum Source<'a> {
    Text(Chunks<'a, u8>),
    Open(OpenMetrics<'a>),
}

enum Sink {
    Plain(Vec<u8>),
    Gzip(Box<GzEncoder<Vec<u8>>>),
}

impl Sink {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(text) => {
                text.extend_from_slice(piece);
                Ok(())
            }
            Self::Gzip(encoder) => encoder.write_all(piece),
        }
    }
}

impl<'a> Making<'a> {
    /// Begins with a page in the text format.
    #[must_use]
    pub fn new(page: &'a [u8], form: Form) -> Self {
        let from = if form.open_metrics {
            Source::Open(OpenMetrics::of(page))
        } else {
            Source::Text(page.chunks(PIECE))
        };
        let to = if form.gzip {
            Sink::Gzip(Box::new(GzEncoder::new(Vec::new(), LEVEL)))
        } else {
            // OpenMetrics is a little longer.
            Sink::Plain(Vec::with_capacity(page.len() + page.len() / 16 + PIECE))
        };
        Self { from, piece: Vec::new(), to }
    }

    /// Makes a piece of it. Returns whether more may follow.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn step(&mut self) -> io::Result<bool> {
        match &mut self.from {
            Source::Text(chunks) => {
                let Some(chunk) = chunks.next() else { return Ok(false) };
                self.to.write(chunk)?;
            }
            Source::Open(open) => {
                self.piece.clear();
                if !open.append(PIECE, &mut self.piece) {
                    return Ok(false);
                }
                self.to.write(&self.piece)?;
            }
        }
        Ok(true)
    }

    /// Makes what is left, and returns the page.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn finish(mut self) -> io::Result<Vec<u8>> {
        while self.step()? {}
        match self.to {
            Sink::Plain(text) => Ok(text),
            Sink::Gzip(encoder) => encoder.finish(),
        }
    }
}
