//! Does one piece of work, for the gate to count: `counted` lists the names, `counted NAME` does
//! the work of that name and prints, on one line, how many units it was, in what unit, and how
//! often and how many bytes it allocated.
//!
//! Instructions are counted from outside, by callgrind, inside of [`counted_work`] only.
#![forbid(unsafe_code)]

use std::io::Write as _;
use std::process::ExitCode;

use cost::{Work, records, scrape, top};

/// What the gate knows by its name: everything inside of it counts.
#[inline(never)]
fn counted_work(run: &mut dyn FnMut()) {
    run();
    // Keeps the call from becoming a jump, which callgrind would not see the end of.
    std::hint::black_box(());
}

fn main() -> ExitCode {
    let mut work = records::WORK.iter().chain(scrape::WORK).chain(top::WORK);
    let Some(name) = std::env::args().nth(1) else {
        return say(&work.map(|work| work.name).collect::<Vec<_>>().join("\n"));
    };
    let Some(Work { unit, prepare, .. }) = work.find(|work| work.name == name) else {
        let _ = writeln!(
            std::io::stderr(),
            "there is no work {name}; without an argument all names are listed"
        );
        return ExitCode::FAILURE;
    };
    let mut prepared = prepare();
    let counts = allocation_counter::measure(|| counted_work(&mut prepared.run));
    say(&format!("{} {unit} {} {}", prepared.units, counts.count_total, counts.bytes_total))
}

fn say(text: &str) -> ExitCode {
    if writeln!(std::io::stdout(), "{text}").is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
