//! Writes the families that have a label `destination`, where an operator has named one.

use std::collections::BTreeMap;

use super::View;
use crate::metrics::family::{Family, Tails};
use crate::metrics::text::{Number, push_label};

/// The counts of a set: what goes to no named destination, and what goes to each.
pub(super) struct Parts<const N: usize> {
    rest: [u64; N],
    to: BTreeMap<u8, [u64; N]>,
}

/// Splits the counts of a set; those `to` named destinations are among `all`.
pub(super) fn parts<const N: usize>(all: [u64; N], to: BTreeMap<u8, [u64; N]>) -> Parts<N> {
    let mut rest = all;
    for counts in to.values() {
        rest.iter_mut().zip(counts).for_each(|(rest, count)| *rest = rest.saturating_sub(*count));
    }
    Parts { rest, to }
}

impl View<'_> {
    /// Writes each count once: all sets without the label, then those with it, which have one label
    /// more. `place` finds the count of a tail.
    pub(super) fn by_destination<T: 'static, const N: usize>(
        &self,
        family: &mut Family<'_>,
        all: impl Iterator<Item = (impl AsRef<[u8]>, Parts<N>)>,
        tails: &'static Tails<T>,
        place: fn(&T) -> usize,
    ) {
        let mut write = |set: &[u8], counts: &[u64; N]| {
            let count = |of| Number::Count(counts.get(place(of)).copied().unwrap_or_default());
            family.series(set, tails.iter().map(|(of, tail)| (tail, count(of))));
        };
        let mut named = Vec::new();
        for (set, parts) in all {
            write(set.as_ref(), &parts.rest);
            if !parts.to.is_empty() {
                named.push((set, parts.to));
            }
        }
        for (set, to) in named {
            for (number, counts) in to {
                let Some(name) = self.snapshot.destinations.get(usize::from(number)) else {
                    continue;
                };
                let mut set = [set.as_ref(), b","].concat();
                push_label(&mut set, "destination", name.as_bytes());
                write(&set, &counts);
            }
        }
    }
}
