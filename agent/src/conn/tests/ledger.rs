//! Says in words which balance is broken, and by how much.

/// Terms that are added up, each with its name.
type Side<'a> = &'a [(&'a str, u64)];

/// Panics if both sides do not add up to the same.
pub(super) fn balance(rule: &str, left: Side<'_>, right: Side<'_>) {
    let sum = |side: Side<'_>| side.iter().map(|(_, count)| count).sum::<u64>();
    let (had, wanted) = (sum(left), sum(right));
    assert!(
        had == wanted,
        "{rule}: {} = {had}, but {} = {wanted}: {} {}",
        text(left),
        text(right),
        had.abs_diff(wanted),
        if had > wanted { "too many on the left" } else { "missing on the left" }
    );
}

fn text(side: Side<'_>) -> String {
    side.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(" + ")
}

#[test]
#[should_panic(
    expected = "what opened has closed or is there: opened 3 + adopted 1 = 4, but closed 1 + \
                connected 2 = 3: 1 too many on the left"
)]
fn a_broken_balance_is_said_in_words() {
    balance(
        "what opened has closed or is there",
        &[("opened", 3), ("adopted", 1)],
        &[("closed", 1), ("connected", 2)],
    );
}
