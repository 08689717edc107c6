//! The end of the suite: one line a step, then the sum of all tests.
use std::process::ExitCode;

use super::step::{Done, Outcome};
use crate::results::Counts;

/// Prints the summary; a failure when anything failed.
pub(super) fn print(mut outcomes: Vec<Outcome>, filter: Option<&str>) -> ExitCode {
    outcomes.sort_by_key(|outcome| outcome.step);
    let (text, ok) = summary(&outcomes, filter);
    print!("\n== summary\n{text}");
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns the lines, and whether all went well. A step that ran no test fails, if none was chosen
/// by name.
fn summary(outcomes: &[Outcome], filter: Option<&str>) -> (String, bool) {
    let mut lines = Vec::new();
    let mut sum = Counts::default();
    let mut ok = true;
    for Outcome { step, result, seconds } in outcomes {
        let end = match result {
            Err(error) => {
                format!("FAILED, {}", format!("{error:#}").lines().next().unwrap_or_default())
            }
            Ok(Done::Checked) => "ok".to_owned(),
            Ok(Done::Nothing(why)) => format!("NOT DONE, {why}"),
            Ok(Done::Ran(counts)) => {
                sum += *counts;
                let none = *counts == Counts::default() && filter.is_none();
                let word = if counts.failed > 0 || none { "FAILED, " } else { "" };
                format!("{word}{counts}")
            }
        };
        ok &= !end.starts_with("FAILED");
        lines.push(format!("{}: {end} ({seconds} s)\n", step.name()));
    }
    if sum == Counts::default() {
        lines.push("FAILED: no test ran\n".to_owned());
        ok = false;
    }
    lines.push(format!("tests: {sum}\n"));
    (lines.concat(), ok)
}

#[cfg(test)]
mod tests {
    use super::super::step::Step;
    use super::*;

    fn outcome(step: Step, result: anyhow::Result<Done>) -> Outcome {
        Outcome { step, result, seconds: 7 }
    }

    #[test]
    fn every_step_has_a_line_and_the_last_one_adds_up_the_tests() {
        let outcomes = [
            outcome(Step::Clippy, Ok(Done::Checked)),
            outcome(Step::Unit, Ok(Done::Ran(Counts { passed: 5, failed: 0 }))),
            outcome(Step::Cost, Ok(Done::Nothing("nothing compared: no base".to_owned()))),
            outcome(Step::Live, Ok(Done::Ran(Counts { passed: 1, failed: 2 }))),
            outcome(Step::Lab, Err(anyhow::anyhow!("no nft\nmore"))),
        ];
        let (text, ok) = summary(&outcomes, None);
        assert!(!ok);
        assert_eq!(
            text,
            "clippy: ok (7 s)\n\
             unit: 5 passed, 0 failed (7 s)\n\
             cost: NOT DONE, nothing compared: no base (7 s)\n\
             live: FAILED, 1 passed, 2 failed (7 s)\n\
             lab: FAILED, no nft (7 s)\n\
             tests: 6 passed, 2 failed\n"
        );
    }

    #[test]
    fn a_suite_that_ran_no_test_fails() {
        let (text, ok) = summary(&[outcome(Step::Format, Ok(Done::Checked))], None);
        assert!(!ok && text.contains("FAILED: no test ran\n"), "{text}");
        let none = [outcome(Step::Unit, Ok(Done::Ran(Counts::default())))];
        assert!(summary(&none, None).0.starts_with("unit: FAILED, 0 passed"));
        let some = outcome(Step::Live, Ok(Done::Ran(Counts { passed: 1, failed: 0 })));
        let [unit] = none;
        assert!(summary(&[unit, some], Some("name")).1);
    }
}
