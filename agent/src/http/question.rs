//! What the HTTP process may ask of the agent, and what comes back: the whole vocabulary between
//! them.
//!
//! Used by `lane`, which asks, and `answers`. A question is four bytes (what; which query, or what
//! the reader of the page may see; the length in little-endian order) and the parameters of the
//! query; an answer is five bytes (how it went, the length) and its text. The agent does not trust
//! the other side: what is no question is an error, and no question is longer than [`MOST`].

use std::io::{self, Read, Write};

/// The most bytes of a query's parameters. A request with more is refused before.
pub(super) const MOST: usize = 16 * 1024;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether the agent is alive and ready: two bytes, each 0 or 1.
    State,
    /// The page of metrics, with how many lines of its log the HTTP process has dropped since it
    /// asked last.
    Metrics(u8),
    /// The page at `/`.
    Overview(Sees),
    /// The answer of a query, by its place in the registry, with the parameters as in a URL.
    Query(u8, String),
    /// The same for who has opened a socket file, and may see arguments of processes.
    Whole(u8, String),
}

/// What the reader of the page at `/` may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sees {
    /// What `/metrics` shows.
    Metrics,
    /// What the API answers too.
    Connections,
    /// The same as who has opened a socket file.
    Arguments,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The text is the answer.
    Done,
    /// The thread that reads the rings does not answer.
    StandsStill,
    /// The answer could not be made; the log says why.
    Failed,
}

/// The length of what comes before the text of an answer.
pub(super) const HEAD: usize = 5;

impl Sees {
    /// All, in the order of their bytes.
    const ALL: [Self; 3] = [Self::Metrics, Self::Connections, Self::Arguments];
}

impl Question {
    /// Reads the next question; `None` at the end.
    ///
    /// # Errors
    /// What reading says, and `InvalidData` for what is no question.
    pub(super) fn read(mut from: impl Read) -> io::Result<Option<Self>> {
        let mut head = [0; 4];
        match from.read(&mut head)? {
            0 => return Ok(None),
            read => from.read_exact(&mut head[read..])?,
        }
        let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
        match (head[0], length) {
            (0, 0) => Ok(Some(Self::State)),
            (1, 0) => Ok(Some(Self::Metrics(head[1]))),
            (2, 0) => {
                let sees = Sees::ALL.get(usize::from(head[1]));
                sees.map(|sees| Some(Self::Overview(*sees))).ok_or_else(|| invalid("no reader"))
            }
            (3 | 4, ..=MOST) => {
                let mut parameters = vec![0; length];
                from.read_exact(&mut parameters)?;
                let parameters =
                    String::from_utf8(parameters).map_err(|_error| invalid("no text"))?;
                let query = if head[0] == 3 { Self::Query } else { Self::Whole };
                Ok(Some(query(head[1], parameters)))
            }
            _ => Err(invalid("no question")),
        }
    }

    /// Returns it as bytes; `None` if the parameters are too long.
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        let (what, which, text) = match self {
            Self::State => (0, 0, ""),
            Self::Metrics(dropped) => (1, *dropped, ""),
            Self::Overview(sees) => (2, *sees as u8, ""),
            Self::Query(which, parameters) => (3, *which, parameters.as_str()),
            Self::Whole(which, parameters) => (4, *which, parameters.as_str()),
        };
        let length = u16::try_from(text.len()).ok().filter(|_| text.len() <= MOST)?;
        let [low, high] = length.to_le_bytes();
        Some([&[what, which, low, high], text.as_bytes()].concat())
    }
}

impl Outcome {
    /// Writes an answer.
    ///
    /// # Errors
    /// What writing says, and an error of its own for four gigabytes or more.
    pub(super) fn write(self, text: &[u8], mut to: impl Write) -> io::Result<()> {
        let length = u32::try_from(text.len()).map_err(io::Error::other)?.to_le_bytes();
        let outcome = match self {
            Self::Done => 0,
            Self::StandsStill => 1,
            Self::Failed => 2,
        };
        to.write_all(&[outcome, length[0], length[1], length[2], length[3]])?;
        to.write_all(text)
    }

    /// Returns what the head of an answer says: how it went, and the length of the text.
    pub(super) fn of_head([outcome, length @ ..]: [u8; HEAD]) -> (Self, usize) {
        let outcome = match outcome {
            0 => Self::Done,
            1 => Self::StandsStill,
            _ => Self::Failed,
        };
        (outcome, usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_question_comes_out_as_it_went_in() {
        let query = Question::Query(2, "process=a&limit=3".to_owned());
        let whole = Question::Whole(1, "limit=3".to_owned());
        let pages = Sees::ALL.map(Question::Overview);
        let others = [Question::State, Question::Metrics(7), query, whole];
        for question in pages.into_iter().chain(others) {
            let bytes = question.to_bytes().unwrap();
            assert_eq!(Question::read(bytes.as_slice()).unwrap(), Some(question));
        }
        assert_eq!(Question::read([].as_slice()).unwrap(), None);
        let unknown = Question::read([2, 3, 0, 0].as_slice()).unwrap_err();
        assert_eq!(unknown.kind(), io::ErrorKind::InvalidData, "no such reader");
        assert_eq!(Question::Query(0, "x".repeat(MOST + 1)).to_bytes(), None);
        assert!(Question::Query(0, "x".repeat(MOST)).to_bytes().is_some());
    }

    #[test]
    fn an_answer_comes_out_as_it_went_in() {
        for outcome in [Outcome::Done, Outcome::StandsStill, Outcome::Failed] {
            let mut bytes = Vec::new();
            outcome.write(b"text", &mut bytes).unwrap();
            assert_eq!(Outcome::of_head(bytes[..HEAD].try_into().unwrap()), (outcome, 4));
            assert_eq!(&bytes[HEAD..], b"text");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_a_question_or_an_error(
            bytes in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            if let Ok(Some(question)) = Question::read(bytes.as_slice()) {
                let again = question.to_bytes().unwrap();
                // The second byte of a question for the state says nothing.
                prop_assert!(bytes[0] == 0 || bytes.starts_with(&again));
            }
        }
    }
}
