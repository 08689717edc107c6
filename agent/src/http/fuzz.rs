//! What holds for any bytes between the agent and its HTTP process.

use super::question::{HEAD, MOST, Outcome, Question};

/// Bytes are a question or an error. A question comes out as it goes in, is no longer than it may
/// be, and what follows it is left alone. The head of an answer is read whatever it says.
pub(crate) fn question(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some(question)) = Question::read(&mut rest) {
        let bytes = question.to_bytes().unwrap_or_default();
        assert!((4..=MOST + 4).contains(&bytes.len()), "{question:?}");
        assert_eq!(Question::read(bytes.as_slice()).ok(), Some(Some(question)));
        let taken = &data[..data.len() - rest.len()];
        let own = &taken[taken.len() - bytes.len()..];
        // The second byte of those without parameters says nothing.
        assert!(own[0] == bytes[0] && own[2..] == bytes[2..]);
    }
    let text = String::from_utf8_lossy(data);
    let asked = Question::Query(data.first().copied().unwrap_or_default(), text.into_owned());
    match asked.to_bytes() {
        Some(bytes) => assert_eq!(Question::read(bytes.as_slice()).ok(), Some(Some(asked))),
        None => assert!(data.len() * 3 > MOST),
    }
    if let Some((head, text)) = data.split_first_chunk::<HEAD>() {
        let (outcome, _) = Outcome::of_head(*head);
        let mut answer = Vec::new();
        assert!(outcome.write(text, &mut answer).is_ok());
        let again = answer.first_chunk().copied().map(Outcome::of_head);
        assert_eq!(again, Some((outcome, text.len())));
        assert_eq!(answer.get(HEAD..), Some(text));
    }
}
