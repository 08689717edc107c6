//! What fits into how many columns of a terminal. A wide letter takes two.

use super::table::Column;
pub(crate) use crate::table::{cut, width};

/// The columns between two columns of a list.
pub(crate) const GAP: usize = 2;
/// Returns a text in lines that take at most so many columns; the last is cut.
pub(crate) fn wrapped(text: &str, columns: usize, lines: usize) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let fits = |line: &String| width(line) + 1 + width(word) <= columns;
        let count = all.len();
        match all.last_mut() {
            Some(line) if fits(line) || count == lines => {
                line.push(' ');
                line.push_str(word);
            }
            _ if count < lines => all.push(word.to_owned()),
            _ => break,
        }
    }
    all.iter().map(|line| cut(line, columns).into_owned()).collect()
}

/// Returns how wide each column becomes, 0 for one that is left out. `naturals` are the widths with
/// which nothing is cut; a column of a larger rank goes first.
pub(crate) fn columns(columns: &[Column], naturals: &[usize], room: usize) -> Vec<usize> {
    let wanted: Vec<usize> = columns
        .iter()
        .zip(naturals)
        .map(|(column, natural)| (*natural).min(column.most.into()))
        .collect();
    let narrow = |place: usize| wanted[place].min(columns[place].least.into());
    let mut widths: Vec<usize> = (0..wanted.len()).map(narrow).collect();
    let total = |widths: &[usize]| -> usize {
        widths.iter().filter(|width| **width > 0).map(|width| width + GAP).sum()
    };
    while total(&widths) > room + GAP {
        let shown = (0..widths.len()).filter(|place| widths[*place] > 0);
        let Some(last) = shown.max_by_key(|place| columns[*place].rank) else { break };
        if columns[last].rank == 0 {
            break;
        }
        widths[last] = 0;
    }
    let mut left = (room + GAP).saturating_sub(total(&widths));
    let mut places: Vec<usize> = (0..widths.len()).filter(|place| widths[*place] > 0).collect();
    places.sort_by_key(|place| columns[*place].rank);
    for place in places {
        let more = (wanted[place] - widths[place]).min(left);
        widths[place] += more;
        left -= more;
    }
    widths
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::{any, proptest};

    use super::*;

    static COLUMNS: [Column; 4] = [
        Column::text("NAME", 40, 0),
        Column::number("COUNT", 1),
        Column::text("TEXT", 40, 2),
        Column::number("LESS", 3),
    ];

    #[test]
    fn a_text_is_cut_at_a_letter_and_says_so() {
        assert_eq!(cut("orders-api", 10), "orders-api");
        assert_eq!(cut("orders-api", 9), "orders-a…");
        assert_eq!(cut("界界界", 6), "界界界");
        assert_eq!(cut("界界界", 5), "界界…");
        assert_eq!(cut("界界界", 4), "界…");
        assert_eq!((cut("界", 1), cut("界", 0)), (Cow::Borrowed("…"), Cow::Borrowed("")));
        assert_eq!(width(&cut(&"é".repeat(10_000), 80)), 80);
    }

    #[test]
    fn with_room_nothing_is_cut_and_without_it_the_last_ranks_go() {
        let naturals = [20, 5, 30, 4];
        assert_eq!(columns(&COLUMNS, &naturals, 80), [20, 5, 30, 4]);
        assert_eq!(columns(&COLUMNS, &naturals, 50), [20, 5, 15, 4], "texts become narrower");
        assert_eq!(columns(&COLUMNS, &naturals, 35), [14, 5, 12, 0]);
        assert_eq!(columns(&COLUMNS, &naturals, 20), [13, 5, 0, 0]);
        assert_eq!(columns(&COLUMNS, &naturals, 3), [12, 0, 0, 0], "the first never goes");
    }

    #[test]
    fn a_column_is_never_wider_than_it_may_be() {
        assert_eq!(columns(&COLUMNS, &[500, 500, 500, 500], 500), [40, 12, 40, 12]);
    }

    #[test]
    fn a_long_sentence_is_wrapped_at_words_and_its_end_cut() {
        assert_eq!(wrapped("one two three", 80, 2), ["one two three"]);
        assert_eq!(wrapped("one two three", 8, 2), ["one two", "three"]);
        assert_eq!(wrapped("one two three four", 8, 2), ["one two", "three f…"]);
        assert_eq!(wrapped(&"x".repeat(100), 8, 2), ["xxxxxxx…"]);
        assert!(wrapped("one", 8, 0).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_cut_fits(text in ".*", room in 0_usize..40) {
            assert!(width(&cut(&text, room)) <= room);
        }

        #[test]
        fn columns_fit_where_the_first_does(naturals in any::<[u8; 4]>(), room in 40_usize..200) {
            let naturals = naturals.map(usize::from);
            let widths = columns(&COLUMNS, &naturals, room);
            let total: usize = widths.iter().filter(|one| **one > 0).map(|one| one + GAP).sum();
            assert!(total <= room + GAP, "{widths:?}");
        }
    }
}
