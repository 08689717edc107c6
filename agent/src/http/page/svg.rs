//! Lines as inline SVG.
//!
//! Used by `trends`. Guarantee: every coordinate is a finite number inside the picture, whatever
//! the lines have.

use std::fmt::Write as _;

use super::html::Html;
use crate::history::Run;

/// The size of the picture, in its own units.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 40.0;
/// The room above and below, for the width of a line.
const MARGIN: f64 = 2.0;

/// A picture of lines: ages from `span` seconds on the left to 0 on the right, values from 0 to
/// `most`.
pub(super) struct Picture<'a> {
    /// The picture's name, and what it shows, for who cannot see it.
    pub(super) title: &'a str,
    pub(super) description: &'a str,
    /// A word that no other picture of the page has.
    pub(super) id: &'a str,
    pub(super) lines: &'a [Run],
    pub(super) span: f64,
    pub(super) most: f64,
}

impl Picture<'_> {
    /// Writes it.
    pub(super) fn write(&self, html: &mut Html) {
        html.raw("<svg viewBox='0 0 240 40' preserveAspectRatio=none role=img");
        html.attribute("aria-labelledby", format_args!("{0}t {0}d", self.id)).raw("><title");
        html.attribute("id", format_args!("{}t", self.id)).raw(">").text(self.title);
        html.raw("</title><desc").attribute("id", format_args!("{}d", self.id)).raw(">");
        html.text(self.description).raw("</desc><path class=base d='M0 38H240'/>");
        for line in self.lines {
            // A text is cut at its bound, a line is not: each goes by parts.
            for (place, part) in line.chunks(32).enumerate() {
                html.raw("<path class=line d=\"");
                let before = (place * 32).checked_sub(1).and_then(|at| line.get(at));
                html.text(self.path(before.into_iter().chain(part).copied())).raw("\"/>");
            }
        }
        html.raw("</svg>");
    }

    /// Returns the commands of a path; one point alone is a dot.
    fn path(&self, points: impl Iterator<Item = (f64, f64)>) -> String {
        let (mut path, mut count) = (String::new(), 0);
        for (age, value) in points {
            let x = WIDTH * (1.0 - share(age, self.span));
            let room = HEIGHT - 2.0 * MARGIN;
            let y = HEIGHT - MARGIN - room * share(value, self.most);
            // Writing to a String cannot fail.
            let _ = write!(path, "{}{x:.1} {y:.1}", if count == 0 { 'M' } else { 'L' });
            count += 1;
        }
        if count == 1 {
            path.push_str("h0");
        }
        path
    }
}

/// Returns a part of a whole, from 0 to 1.
fn share(part: f64, whole: f64) -> f64 {
    let share = part / whole;
    if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drawn(lines: &[Run], span: f64, most: f64) -> String {
        let mut html = Html::default();
        Picture { title: "<t>", description: "d", id: "p", lines, span, most }.write(&mut html);
        html.finish()
    }

    fn paths(svg: &str) -> Vec<&str> {
        svg.split("class=line d=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn nothing_is_an_empty_picture_with_a_name_and_one_sample_is_a_dot() {
        let empty = drawn(&[], 600.0, 0.0);
        assert_eq!(paths(&empty), [""; 0]);
        assert!(empty.contains("<title id=\"pt\">&lt;t&gt;</title><desc id=\"pd\">d</desc>"));
        assert_eq!(paths(&drawn(&[vec![(300.0, 5.0)]], 600.0, 10.0)), ["M120.0 20.0h0"]);
    }

    #[test]
    fn a_gap_is_two_lines_and_a_long_line_has_no_hole() {
        let svg = drawn(&[vec![(600.0, 0.0), (590.0, 10.0)], vec![(0.0, 10.0)]], 600.0, 10.0);
        assert_eq!(paths(&svg), ["M0.0 38.0L4.0 2.0", "M240.0 2.0h0"]);
        let long: Run = (0..61).rev().map(|place| (f64::from(place) * 10.0, 1.0)).collect();
        let svg = drawn(&[long], 600.0, 1.0);
        let [first, second] = paths(&svg)[..] else { panic!("{svg}") };
        let end = first.rsplit('L').next().unwrap();
        assert!(second.starts_with(&format!("M{end}L")), "{first} {second}");
        assert_eq!(first.matches('L').count() + second.matches('L').count(), 60);
    }

    proptest! {
        #[test]
        fn every_coordinate_is_a_number_inside_the_picture(
            line in prop::collection::vec((any::<f64>(), any::<f64>()), 0..80),
            span in any::<f64>(),
            most in any::<f64>(),
        ) {
            let svg = drawn(&[line], span, most);
            for path in paths(&svg) {
                for pair in path.trim_end_matches("h0").split(['M', 'L']).skip(1) {
                    let numbers: Vec<f64> =
                        pair.split(' ').map(|number| number.parse().unwrap()).collect();
                    prop_assert!((0.0..=WIDTH).contains(&numbers[0]), "{path}");
                    prop_assert!((0.0..=HEIGHT).contains(&numbers[1]), "{path}");
                    prop_assert_eq!(numbers.len(), 2);
                }
            }
        }
    }
}
