//! Names that are most like one that is unknown, for messages.

/// Returns the known names that are most like an unknown one: those with the smallest edit
/// distance, or those that contain it. Case, and `_` for `-`, make no difference.
pub(crate) fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let plain = plain(unknown);
    let score = |name: &str| match distance(&plain, name) {
        far if far > 1 && plain.len() > 2 && name.contains(&plain) => 1,
        distance => distance,
    };
    let scored = known
        .map(|name| (score(&self::plain(name)), name))
        .filter(|(score, name)| *score <= name.len() / 3);
    let near: Vec<(usize, &str)> = scored.collect();
    let best = near.iter().map(|(score, _)| *score).min();
    let mut names: Vec<&str> =
        near.into_iter().filter(|(score, _)| Some(*score) == best).map(|(_, name)| name).collect();
    names.sort_unstable();
    names
}

/// Returns the end of a message about an unknown name: what may have been meant, or what there is.
pub(crate) fn hint(
    unknown: &str,
    what: &str,
    known: impl Iterator<Item = &'static str> + Clone,
) -> String {
    let near = nearest(unknown, known.clone());
    if near.is_empty() {
        format!("{what} are {}", known.collect::<Vec<_>>().join(", "))
    } else {
        format!("did you mean {}?", near.join(" or "))
    }
}

fn plain(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

/// Returns the edit distance: how many characters must be inserted, removed or replaced to turn one
/// text into the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, mine) in one.chars().enumerate() {
        let mut next = vec![line + 1];
        for ((theirs, above), pair) in other.iter().zip(&row[1..]).zip(&row) {
            let left = next[next.len() - 1];
            next.push((pair + usize::from(*theirs != mine)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row[row.len() - 1]
}
