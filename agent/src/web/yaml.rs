//! YAML to a tree of texts with their lines.
//!
//! Used by `read`. Guarantees: no alias is followed, no tag is applied, and nothing nests deeper
//! than [`DEEPEST`], so a tree is no larger than its text.

use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::scanner::TScalarStyle;

use super::node::{Node, Value};

/// The deepest nesting.
const DEEPEST: usize = 8;

/// What has begun and not ended.
enum Open {
    List { line: usize, of: Vec<Node> },
    Map { line: usize, of: Vec<(String, Node)>, key: Option<String> },
}

/// Reads a text; `None` if there is nothing in it.
///
/// # Errors
/// What is wrong, with its line.
pub(super) fn read(text: &str) -> Result<Option<Node>, String> {
    let mut parser = Parser::new_from_str(text);
    let (mut root, mut open) = (None, Vec::new());
    loop {
        let (event, mark) = parser.next_token().map_err(|error| {
            format!("line {}: it is not valid YAML: {}", error.marker().line(), error.info())
        })?;
        let line = mark.line();
        let refuse = |what: &str| Err(format!("line {line}: {what}"));
        let ended = match event {
            Event::StreamEnd => return Ok(root),
            Event::Nothing | Event::StreamStart | Event::DocumentStart | Event::DocumentEnd => None,
            Event::Alias(_) => return refuse("an alias is not allowed here"),
            Event::Scalar(.., Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => return refuse("a tag is not allowed here"),
            Event::Scalar(text, style, ..) => {
                let plain = style == TScalarStyle::Plain;
                Some(Node { line, value: Value::Text { text, plain } })
            }
            Event::SequenceStart(..) => {
                open.push(Open::List { line, of: Vec::new() });
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Map { line, of: Vec::new(), key: None });
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(Open::end),
        };
        if open.len() > DEEPEST {
            return refuse("it nests too deeply");
        }
        match (ended, open.last_mut()) {
            (Some(_), None) if root.is_some() => return refuse("a second document begins"),
            (Some(node), None) => root = Some(node),
            (Some(node), Some(outer)) => outer.take(node)?,
            (None, _) => {}
        }
    }
}

impl Open {
    fn take(&mut self, node: Node) -> Result<(), String> {
        match self {
            Self::List { of, .. } => of.push(node),
            Self::Map { of, key, .. } => match (key.take(), node.value) {
                (Some(key), value) => of.push((key, Node { value, ..node })),
                (None, Value::Text { text, .. }) => {
                    if of.iter().any(|(known, _)| *known == text) {
                        return Err(format!("line {}: {text:?} is there twice", node.line));
                    }
                    *key = Some(text);
                }
                (None, _) => return Err(format!("line {}: a key must be a text", node.line)),
            },
        }
        Ok(())
    }

    fn end(self) -> Node {
        match self {
            Self::List { line, of } => Node { line, value: Value::List(of) },
            Self::Map { line, of, .. } => Node { line, value: Value::Map(of) },
        }
    }
}
