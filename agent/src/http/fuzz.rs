//! What holds for any bytes between the agent and its HTTP process, and for what a client wants.

use axum::http::{HeaderMap, HeaderValue, header};

use super::accept;
use super::question::{HEAD, MOST, Outcome, Question};
use crate::metrics::{Form, Making};

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
        // The second byte of a question for the state says nothing.
        assert!(own[0] == bytes[0] && own[2..] == bytes[2..]);
        assert!(own[0] == 0 || own[1] == bytes[1]);
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

/// Bytes are `Accept` and `Accept-Encoding`, a header a line, and behind an empty line a page.
/// Nobody gets a form that no header allows. A page of anything has an end in OpenMetrics and is
/// not much longer, and as text it stays what it is.
pub(crate) fn accept(data: &[u8]) {
    let end = data.windows(2).position(|bytes| bytes == b"\n\n").unwrap_or(data.len());
    let (head, page) = data.split_at(end);
    let mut request = HeaderMap::new();
    for (number, line) in head.split(|byte| *byte == b'\n').enumerate() {
        let name = if number % 2 == 0 { header::ACCEPT } else { header::ACCEPT_ENCODING };
        if let Ok(value) = HeaderValue::from_bytes(line) {
            request.append(name, value);
        }
    }
    let form = accept::form(&request);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let has = |names: &[&str]| names.iter().any(|name| head.contains(name));
    assert!(!form.gzip || has(&["gzip", "*"]));
    let names = ["application/openmetrics-text", "application/*", "*/*"];
    assert!(!form.open_metrics || has(&names));

    let made = |open_metrics| {
        Making::new(page, Form { open_metrics, gzip: false }).finish().unwrap_or_default()
    };
    assert_eq!(made(false), page);
    let open = made(true);
    assert!(open.ends_with(b"# EOF\n"));
    // The head of a family is longer than its name, and a series has its creation.
    assert!(open.len() <= 20 * page.len() + 20, "{} of {}", open.len(), page.len());
}
