//! What the kernel's refusals say, in one line each.
//!
//! Called by the loader for every error that it shows. Guarantees: of a verifier log of any length
//! only the lines that tell the reason are left.

/// Returns an error with all its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    text
}

/// Returns whether an error is the kernel's refusal for want of privileges. (The verifier says
/// EACCES.)
pub(super) fn is_denied(text: &str) -> bool {
    text.contains("(os error 1)")
}

/// Returns the first line of a verifier's log and the last two that are no statistics: the log can
/// be thousands of lines long, and its reason stands at the end.
pub(super) fn brief(text: &str) -> String {
    const STATISTICS: [&str; 4] =
        ["processed ", "verification time ", "stack depth ", "max_states_per_insn "];
    let telling =
        |line: &&str| !line.is_empty() && !STATISTICS.iter().any(|start| line.starts_with(start));
    let lines: Vec<&str> = text.lines().map(str::trim).filter(telling).collect();
    match lines.as_slice() {
        [first, .., before, last] if lines.len() > 3 => format!("{first} … {before}; {last}"),
        few => few.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn only_a_refusal_for_want_of_privileges_counts_as_denied() {
        let denied = io::Error::from_raw_os_error(1).to_string();
        let refused = io::Error::from_raw_os_error(13).to_string();
        assert!(
            is_denied(&format!("the syscall returned {denied}"))
                && !is_denied(&format!("the syscall returned {refused}"))
        );
    }

    #[test]
    fn a_long_verifier_log_is_cut_to_its_verdict() {
        let log = "the program was refused\n0: R1=ctx\n1: r2 = 0\n2: r2 = r1\n  \
                   access beyond struct sock\n processed 7 insns\nstack depth 16\n";
        assert_eq!(brief(log), "the program was refused … 2: r2 = r1; access beyond struct sock");
        assert_eq!(brief("one\ntwo"), "one; two");
        assert_eq!(brief(""), "");
    }
}
