//! What a piece of work costs on both sides, and whether that may be.

use serde_json::{Value, json};

/// How many times as much a piece may cost.
pub(super) const LIMIT: f64 = 1.1;
/// Allocations that may come to a unit where there were none: a table that doubles now and then
/// while records go through it is one in some ten thousand units; one in a thousand is what no
/// buffer's growth comes to.
const SPARE: f64 = 0.001;

/// What was counted for a piece of work as a whole.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figures {
    /// How many units it was; not zero.
    pub(super) units: u64,
    /// What they are.
    pub(super) unit: String,
    /// Instructions.
    pub(super) instructions: u64,
    /// Allocations.
    pub(super) allocations: u64,
    /// Bytes allocated.
    pub(super) bytes: u64,
}

/// A piece of work on both sides, as far as each knows it.
pub(super) struct Piece {
    /// Its name.
    pub(super) name: String,
    /// On the base.
    pub(super) then: Option<Figures>,
    /// In the working tree.
    pub(super) now: Option<Figures>,
}

/// What is to be thought of a piece.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Within the limit.
    Held,
    /// Beyond it, and in what.
    Grown(String),
    /// The base does not know it, or counts it in other units.
    New,
    /// The working tree does not know it any more.
    Gone,
}

/// One of the counts.
type Measure = fn(&Figures) -> u64;

impl Figures {
    fn per_unit(&self, count: u64) -> f64 {
        float(count) / float(self.units)
    }
}

impl Piece {
    /// Both sides, where they can be compared.
    fn both(&self) -> Option<(&Figures, &Figures)> {
        self.then.as_ref().zip(self.now.as_ref()).filter(|(then, now)| then.unit == now.unit)
    }

    /// What is to be thought of it.
    pub(super) fn verdict(&self) -> Verdict {
        let Some((then, now)) = self.both() else {
            return if self.now.is_some() { Verdict::New } else { Verdict::Gone };
        };
        let measures: [(_, Measure, f64); 2] = [
            ("instructions", |figures| figures.instructions, 0.0),
            ("allocations", |figures| figures.allocations, SPARE),
        ];
        let grown = measures.iter().filter_map(|(what, of, spare)| {
            let [before, after] = [then, now].map(|figures| figures.per_unit(of(figures)));
            (after > before * LIMIT + spare).then(|| {
                format!("{before:.3} -> {after:.3} {what} a {}{}", now.unit, percent(before, after))
            })
        });
        let grown: Vec<_> = grown.collect();
        if grown.is_empty() { Verdict::Held } else { Verdict::Grown(grown.join(", ")) }
    }

    /// Its line in the table, without the name.
    pub(super) fn line(&self) -> String {
        let side = |figures: &Option<Figures>, of: Measure| {
            figures
                .as_ref()
                .map_or_else(|| "-".to_owned(), |figures| short(figures.per_unit(of(figures))))
        };
        let pair = |of: Measure| format!("{} -> {}", side(&self.then, of), side(&self.now, of));
        let ratio = self.both().map_or_else(String::new, |(then, now)| {
            format!(" ({:.3})", now.per_unit(now.instructions) / then.per_unit(then.instructions))
        });
        let unit = self.now.as_ref().or(self.then.as_ref()).map_or("", |figures| &figures.unit);
        let word = match self.verdict() {
            Verdict::Held => "",
            Verdict::Grown(_) => "  GROWN",
            Verdict::New => "  new",
            Verdict::Gone => "  gone",
        };
        let (instructions, allocations, bytes) =
            (pair(|of| of.instructions), pair(|of| of.allocations), pair(|of| of.bytes));
        format!(
            "a {unit}: {instructions} instructions{ratio}, {allocations} allocations, {bytes} \
            bytes{word}"
        )
    }

    /// Everything known of it.
    pub(super) fn json(&self) -> Value {
        let side = |figures: &Option<Figures>| {
            figures.as_ref().map(|figures| {
                json!({
                    "unit": figures.unit,
                    "units": figures.units,
                    "instructions": figures.instructions,
                    "allocations": figures.allocations, "allocated_bytes": figures.bytes })
            })
        };
        let (verdict, why) = match self.verdict() {
            Verdict::Held => ("held", None),
            Verdict::Grown(why) => ("grown", Some(why)),
            Verdict::New => ("new", None),
            Verdict::Gone => ("gone", None),
        };
        json!({
            "name": self.name,
            "base": side(&self.then),
            "now": side(&self.now),
            "verdict": verdict,
            "why": why,
        })
    }
}

/// How much more, where there was something.
fn percent(before: f64, after: f64) -> String {
    if before > 0.0 {
        format!(" ({:+.1} %)", (after / before - 1.0) * 100.0)
    } else {
        String::new()
    }
}

/// As many digits as tell something.
fn short(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        small if small < 10.0 => format!("{small:.4}"),
        large => format!("{large:.1}"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^53")]
const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(units: u64, instructions: u64, allocations: u64) -> Figures {
        Figures {
            units,
            unit: "record".to_owned(),
            instructions,
            allocations,
            bytes: 8 * allocations,
        }
    }

    fn piece(then: Option<Figures>, now: Option<Figures>) -> Piece {
        Piece { name: "work".to_owned(), then, now }
    }

    fn verdict(then: Figures, now: Figures) -> Verdict {
        piece(Some(then), Some(now)).verdict()
    }

    #[test]
    fn a_tenth_more_is_held_and_beyond_it_the_figures_are_named() {
        assert_eq!(verdict(figures(10, 1000, 0), figures(10, 1100, 0)), Verdict::Held);
        assert_eq!(verdict(figures(10, 1000, 0), figures(10, 400, 0)), Verdict::Held);
        let Verdict::Grown(why) = verdict(figures(10, 1000, 0), figures(10, 1101, 0)) else {
            panic!("not seen")
        };
        assert_eq!(why, "100.000 -> 110.100 instructions a record (+10.1 %)");
    }

    #[test]
    fn another_amount_of_work_is_compared_by_the_unit() {
        assert_eq!(verdict(figures(10, 1000, 20), figures(20, 2000, 40)), Verdict::Held);
        assert!(matches!(verdict(figures(20, 2000, 40), figures(10, 2000, 40)), Verdict::Grown(_)));
    }

    #[test]
    fn an_allocation_where_there_was_none_is_seen_but_for_a_buffer_that_grew() {
        assert_eq!(verdict(figures(20_000, 100, 0), figures(20_000, 100, 5)), Verdict::Held);
        let Verdict::Grown(why) = verdict(figures(20_000, 100, 0), figures(20_000, 100, 20_000))
        else {
            panic!("not seen")
        };
        assert_eq!(why, "0.000 -> 1.000 allocations a record");
        assert!(matches!(verdict(figures(1, 100, 0), figures(1, 100, 1)), Verdict::Grown(_)));
        assert!(matches!(verdict(figures(1, 100, 85), figures(1, 100, 94)), Verdict::Grown(_)));
        assert_eq!(verdict(figures(1, 100, 85), figures(1, 100, 93)), Verdict::Held);
    }

    #[test]
    fn both_measures_are_named_where_both_grew() {
        let Verdict::Grown(why) = verdict(figures(1, 100, 10), figures(1, 200, 20)) else {
            panic!("not seen")
        };
        assert_eq!(
            why,
            "100.000 -> 200.000 instructions a record (+100.0 %), 10.000 -> 20.000 allocations a \
            record (+100.0 %)"
        );
    }

    #[test]
    fn what_only_one_side_knows_is_new_or_gone() {
        assert_eq!(piece(None, Some(figures(1, 1, 1))).verdict(), Verdict::New);
        assert_eq!(piece(Some(figures(1, 1, 1)), None).verdict(), Verdict::Gone);
        let other = Figures { unit: "row".to_owned(), ..figures(1, 1000, 1000) };
        assert_eq!(verdict(figures(1, 1, 1), other), Verdict::New);
    }

    #[test]
    fn a_line_and_the_json_have_both_sides() {
        let line = piece(Some(figures(10, 1000, 0)), Some(figures(10, 1200, 1))).line();
        assert_eq!(
            line,
            "a record: 100.0 -> 120.0 instructions (1.200), 0 -> 0.1000 allocations, 0 -> 0.8000 \
            bytes  GROWN"
        );
        let new = piece(None, Some(figures(10, 1200, 0)));
        assert_eq!(
            new.line(),
            "a record: - -> 120.0 instructions, - -> 0 allocations, - -> 0 bytes  new"
        );
        let json = new.json();
        assert_eq!(
            (&json["verdict"], &json["base"], &json["now"]["instructions"]),
            (&json!("new"), &Value::Null, &json!(1200))
        );
    }
}
