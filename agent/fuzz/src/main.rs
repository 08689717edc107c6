//! libFuzzer around the targets of `tcpwarden::fuzz`. `cargo xtask test --full fuzz` builds and
//! runs it: `TCPWARDEN_FUZZ_TARGET` names the target, `TCPWARDEN_FUZZ_LAST` a file that always has
//! the input that runs. libFuzzer itself keeps none of a stack that overflows.
#![no_main]

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;

use tcpwarden::fuzz::Target;

/// The variable that names the target.
const TARGET: &str = "TCPWARDEN_FUZZ_TARGET";
/// The variable that names the file of the input; without it no file is written.
const LAST: &str = "TCPWARDEN_FUZZ_LAST";

/// What the environment says.
struct Asked {
    target: &'static Target,
    last: Option<File>,
}

/// Reads the environment once.
///
/// # Panics
/// If it names no target, or a file that cannot be written.
fn asked() -> &'static Asked {
    static ASKED: OnceLock<Asked> = OnceLock::new();
    ASKED.get_or_init(|| {
        let name = std::env::var(TARGET).unwrap_or_default();
        let known = Target::ALL.iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
        let target = Target::ALL.iter().find(|target| target.name == name);
        let target =
            target.unwrap_or_else(|| panic!("{TARGET} is {name:?}: expected one of {known}"));
        let last = std::env::var_os(LAST).map(|path| {
            File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        });
        Asked { target, last }
    })
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let asked = asked();
    if let Some(last) = &asked.last {
        // Without it only a stack that overflows leaves no input.
        let _ = last.set_len(0).and_then(|()| last.write_all_at(data, 0));
    }
    (asked.target.run)(data);
});
