//! A part of the file: a text, a list or a map, and how each is asked for what must be in it.
//!
//! Used by `yaml`, which makes it, and `file`. Guarantees: whatever is not as asked for is an error
//! with the line, the key and what is allowed.

/// A part of the file.
#[derive(Debug)]
pub(super) struct Node {
    /// Where it begins, from 1.
    pub(super) line: usize,
    pub(super) value: Value,
}

/// What it is.
#[derive(Debug)]
pub(super) enum Value {
    /// A text; `plain` without quotes, so that it may also be a truth value or nothing.
    Text {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// A map whose keys are known.
pub(super) struct Map<'a>(&'a [(String, Node)]);

impl Node {
    /// Returns the entries of a map; none for nothing.
    pub(super) fn entries(&self, name: &str) -> Result<&[(String, Node)], String> {
        match &self.value {
            Value::Map(entries) => Ok(entries),
            _ if self.is_nothing() => Ok(&[]),
            _ => Err(self.refuse(name, "keys with values")),
        }
    }

    /// Returns a map that has no keys but these.
    pub(super) fn map(&self, name: &str, known: &[&str]) -> Result<Map<'_>, String> {
        let entries = self.entries(name)?;
        match entries.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            Some((unknown, node)) => Err(format!(
                "line {}: unknown key {unknown:?} in {name}: the keys are {}",
                node.line,
                known.join(", ")
            )),
            None => Ok(Map(entries)),
        }
    }

    /// Returns a text that is not empty.
    pub(super) fn text(&self, name: &str) -> Result<&str, String> {
        match &self.value {
            Value::Text { text, .. } if !self.is_nothing() && !text.is_empty() => Ok(text),
            _ => Err(self.refuse(name, "a text")),
        }
    }

    /// Returns a truth value.
    pub(super) fn truth(&self, name: &str) -> Result<bool, String> {
        match &self.value {
            Value::Text { text, plain: true } if text == "true" => Ok(true),
            Value::Text { text, plain: true } if text == "false" => Ok(false),
            _ => Err(self.refuse(name, "true or false")),
        }
    }

    /// Returns the texts of a list.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<&str>, String> {
        match &self.value {
            Value::List(nodes) => nodes.iter().map(|node| node.text(name)).collect(),
            _ => Err(self.refuse(name, "a list of texts")),
        }
    }

    /// Returns the error for what is not allowed. A value may be a secret, so it is not shown.
    pub(super) fn refuse(&self, name: &str, allowed: &str) -> String {
        format!("line {}: {name}: expected {allowed}", self.line)
    }

    /// Whether there is nothing behind the key, or `null`.
    fn is_nothing(&self) -> bool {
        let nothing = |text: &str| ["", "~", "null"].contains(&text);
        matches!(&self.value, Value::Text { text, plain: true } if nothing(text))
    }
}

impl Map<'_> {
    /// Returns the value of a key, if there is one.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        let found = self.0.iter().find(|(known, _)| known == key);
        found.map(|(_, node)| node).filter(|node| !node.is_nothing())
    }

    /// Whether no key has a value.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|(_, node)| node.is_nothing())
    }
}
