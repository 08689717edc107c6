//! `lab NAME`: runs a scenario; `lab list` names them.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "the output is for the person at the terminal")]

fn main() {
    for scenario in lab::all() {
        println!("{:16} {}", scenario.name, scenario.about);
    }
}
