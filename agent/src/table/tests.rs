//! Alignment of any text, on terminals of any width.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::*;

fn table(rules: &[Rule], rows: &[&[&str]]) -> Table {
    let titles = (0..rules.len()).map(|number| format!("C{number}"));
    let mut table = Table::new(titles.zip(rules.iter().copied()), 2);
    for row in rows {
        table.row(row.iter().map(|text| Cell::from(*text)).collect());
    }
    table
}

fn written(table: &Table, width: Option<usize>) -> String {
    let mut page = String::new();
    let _ = table.write(Look { width, colour: false }, &mut page);
    page
}

#[test]
fn wide_and_combining_letters_do_not_shift_a_column() {
    let rows: [&[&str]; 4] =
        [&["名前", "1"], &["e\u{301}te\u{301}", "20"], &["plain", "3"], &["😀", "4"]];
    let page = written(&table(&[Rule::LEFT, Rule::RIGHT], &rows), None);
    assert_eq!(page, "C0     C1\n名前    1\ne\u{301}te\u{301}    20\nplain   3\n😀      4\n");
    let behind: Vec<_> = page.lines().map(width).collect();
    assert_eq!(behind, [9, 9, 9, 9, 9]);
}

#[test]
fn text_that_is_longer_than_a_column_shifts_its_own_line_only() {
    let long = "x".repeat(MOST + 2);
    let page = written(&table(&[Rule::LEFT, Rule::LEFT], &[&[&long, "a"], &["y", "b"]]), None);
    let lines: Vec<_> = page.lines().collect();
    assert_eq!(lines[1], format!("{long}  a"));
    assert_eq!(lines[2], format!("y{}b", " ".repeat(MOST + 1)));
}

#[test]
fn text_below_a_row_goes_over_the_columns_behind_it() {
    let mut table = table(&[Rule::RIGHT.least(6), Rule::RIGHT, Rule::LEFT], &[&["1", "22", "to"]]);
    table.below(vec!["".into(), "333".into()], "over all of them".into());
    assert_eq!(
        written(&table, None),
        "    C0   C1  C2\n     1   22  to\n        333  over all of them\n"
    );
}

#[test]
fn a_narrow_terminal_cuts_text_first_and_leaves_columns_out_then() {
    let rules = [Rule::LEFT.cut_to(4), Rule::LEFT.rank(1), Rule::RIGHT.rank(2), Rule::LEFT];
    let table = table(&rules, &[&["long名name", "middle", "7", "end"]]);
    let at = |width| {
        let mut page = String::new();
        let look = Look { width: Some(width), colour: false };
        let left_out = table.write(look, &mut page).join(",");
        (page.lines().nth(1).unwrap().to_owned(), left_out)
    };
    assert_eq!(at(99), ("long名name  middle   7  end".to_owned(), String::new()));
    assert_eq!(at(25), ("long名n…  middle   7  end".to_owned(), String::new()));
    assert_eq!(at(21), ("lon…  middle   7  end".to_owned(), String::new()));
    assert_eq!(at(20), ("long名…  middle  end".to_owned(), "C2".to_owned()));
    assert_eq!(at(16), ("long名name  end".to_owned(), "C1,C2".to_owned()));
    assert_eq!(at(1), ("lon…  end".to_owned(), "C1,C2".to_owned()), "the rest stays");
}

#[test]
fn a_line_of_its_own_has_the_widths_of_the_rules() {
    let rules = [Rule::LEFT.least(4), Rule::RIGHT.least(3), Rule::LEFT];
    assert_eq!(line(&rules, &["a", "b", "c"].map(Cell::from), 1), "a      b c");
    assert_eq!(line(&rules, &["名前名", "1234", ""].map(Cell::from), 1), "名前名 1234");
}

#[test]
fn a_tone_is_a_colour_around_the_text_and_blanks_have_none() {
    let mut table = table(&[Rule::LEFT, Rule::LEFT], &[]);
    table.row(vec![Cell::new("a", Tone::Bad), Cell::new("", Tone::Bad)]);
    let mut page = String::new();
    let _ = table.write(Look { width: None, colour: true }, &mut page);
    assert_eq!(page.lines().nth(1), Some("\u{1b}[31ma\u{1b}[0m"));
}

/// Letters of every width, and what a name may have of them.
fn text() -> impl Strategy<Value = String> {
    let letter = prop_oneof![
        Just('a'),
        Just('名'),
        Just('\u{301}'),
        Just('😀'),
        Just('\u{fe0f}'),
        any::<char>()
            .prop_filter("cleaned", |letter| { !crate::events::names::controls_terminal(*letter) }),
    ];
    vec(letter, 0..60).prop_map(String::from_iter)
}

fn rule() -> impl Strategy<Value = Rule> {
    (any::<bool>(), 0_usize..9, 0_usize..9, 0_u8..4)
        .prop_map(|(is_right, least, cut_to, rank)| Rule { is_right, least, cut_to, rank })
}

proptest! {
    #[test]
    fn any_text_keeps_its_line_and_its_letters(
        rules in vec(rule(), 1..5), texts in vec(text(), 5), most in 0_usize..200,
    ) {
        let row: Vec<_> = texts.iter().take(rules.len()).map(String::as_str).collect();
        let table = table(&rules, &[&row]);
        let page = written(&table, None);
        prop_assert_eq!(page.matches('\n').count(), 2);
        prop_assert!(row.iter().all(|text| page.contains(text)));
        let narrow = written(&table, Some(most));
        prop_assert_eq!(narrow.matches('\n').count(), 2);
    }

    #[test]
    fn text_is_cut_to_the_width_that_is_asked_for(text in text(), most in 0_usize..70) {
        let cut = cut(&text, most);
        prop_assert!(width(&cut) <= most);
        prop_assert!(width(&text) > most || cut == text);
    }

    #[test]
    fn columns_that_may_go_make_a_table_fit(
        texts in vec(text(), 4), most in 20_usize..200,
    ) {
        let rules = [Rule::LEFT.cut_to(10), Rule::LEFT.rank(1), Rule::RIGHT.rank(2), Rule::LEFT];
        let last = [&texts[0], &texts[1], &texts[2], "end"].map(|text| text as &str);
        let page = written(&table(&rules, &[&last]), Some(most));
        // A column that is not cut may hold text that is longer than any column is made.
        let is_short = texts[1..3].iter().all(|text| width(text) <= MOST);
        prop_assert!(!is_short || page.lines().all(|line| width(line) <= most));
    }
}
