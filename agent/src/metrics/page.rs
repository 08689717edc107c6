//! Holds a page of metrics and passes its buffer to the next page.

use std::sync::{Arc, Mutex, PoisonError};

/// The largest buffer that is kept, bytes: several times the page of a machine that uses up all
/// label budgets.
const MOST: usize = 16 << 20;

/// A `Page` of metrics gives its buffer to the next page once it has been sent.
#[derive(Debug, Default)]
pub struct Page {
    text: Vec<u8>,
    spare: Spare,
}

/// `Spare` is the buffer of the last page that was sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Spare(Arc<Mutex<Vec<u8>>>);

impl Spare {
    /// Returns an empty page, in the buffer of an earlier one if there is one.
    pub(super) fn page(&self) -> Page {
        let text = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        Page { text, spare: self.clone() }
    }

    /// Keeps the buffer of a page. A buffer that is too large for its page, as after a flood of
    /// labels, is freed.
    fn keep(&self, mut text: Vec<u8>) {
        if text.capacity() > MOST.min(4 * text.len()) {
            return;
        }
        text.clear();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.capacity() < text.capacity() {
            *kept = text;
        }
    }
}

impl Page {
    /// Returns the buffer to append to.
    pub(super) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }
}

impl AsRef<[u8]> for Page {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

impl From<Vec<u8>> for Page {
    fn from(text: Vec<u8>) -> Self {
        Self { text, spare: Spare::default() }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.spare.keep(std::mem::take(&mut self.text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(spare: &Spare, bytes: usize) -> Page {
        let mut page = spare.page();
        page.text().resize(bytes, b'x');
        page
    }

    fn kept(spare: &Spare) -> usize {
        spare.0.lock().unwrap().capacity()
    }

    #[test]
    fn the_next_page_has_the_buffer_of_the_last() {
        let spare = Spare::default();
        let first = page(&spare, 1000);
        let buffer = first.as_ref().as_ptr();
        drop(first);
        let next = spare.page();
        assert_eq!((next.text.as_ptr(), next.as_ref().len()), (buffer, 0));
    }

    #[test]
    fn what_a_flood_needed_is_let_go_after_it() {
        let spare = Spare::default();
        drop(page(&spare, 1_000_000));
        assert!(kept(&spare) >= 1_000_000);
        drop(page(&spare, 1000));
        assert_eq!(kept(&spare), 0);
        drop(page(&spare, MOST + 1));
        assert_eq!(kept(&spare), 0);
    }

    #[test]
    fn of_two_pages_at_once_one_buffer_is_kept() {
        let spare = Spare::default();
        let (one, other) = (page(&spare, 1000), page(&spare, 5000));
        drop(other);
        drop(one);
        assert!((5000..20_000).contains(&kept(&spare)));
    }
}
