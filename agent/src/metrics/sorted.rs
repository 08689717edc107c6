//! Sorts what has labels into the order of the page: by the values of the labels, byte by byte. The
//! labels of each are written out once, escaped, for all its series. The last label may be absent.

use std::ops::Range;

use super::text::{Value, push_label};

/// `Sorted` has items in the order of the page.
pub(super) struct Sorted<T> {
    items: Vec<(T, Range<usize>)>,
    text: Vec<u8>,
}

impl<T> Sorted<T> {
    /// Sorts items by the values of their labels. `names` are the names of these labels.
    pub(super) fn new<const N: usize>(
        names: [&str; N],
        mut things: Vec<([Value<'_>; N], T)>,
    ) -> Self {
        // Stable: equal ones stay as they come. Those with a label more come last, as Prometheus'
        // library for Rust has them.
        things.sort_by_key(|(values, _)| (!matches!(values.last(), Some(Value::Absent)), *values));
        let mut new = Self {
            items: Vec::with_capacity(things.len()),
            text: Vec::with_capacity(64 * things.len()),
        };
        let (mut last, mut start) = (None, 0);
        for (values, thing) in things {
            if last != Some(values) {
                start = new.text.len();
                let mut separator = b'{';
                let there =
                    names.iter().zip(&values).filter(|(_, value)| !matches!(value, Value::Absent));
                for (name, value) in there {
                    new.text.push(separator);
                    push_label(&mut new.text, name, value.bytes());
                    separator = b',';
                }
                last = Some(values);
            }
            new.items.push((thing, start..new.text.len()));
        }
        new
    }

    /// Returns each item with its set: `{` and its labels, without the closing brace.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&T, &[u8])> {
        self.items.iter().map(|(thing, set)| (thing, self.set(set)))
    }

    /// Returns the items that share a set, with that set.
    pub(super) fn runs(&self) -> impl Iterator<Item = (impl Iterator<Item = &T> + Clone, &[u8])> {
        let runs = self.items.chunk_by(|one, other| one.1 == other.1);
        runs.filter_map(|run| Some((run.iter().map(|(thing, _)| thing), self.set(&run.first()?.1))))
    }

    fn set(&self, range: &Range<usize>) -> &[u8] {
        self.text.get(range.clone()).unwrap_or_default()
    }
}
