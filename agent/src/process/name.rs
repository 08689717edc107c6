//! The name of a process that an operator recognises.
//!
//! A program that chose its command name keeps it. The name of a runtime (`java`, `python3`) and
//! the cut beginning of the executable's name are replaced: by the service, else by the script,
//! module or main class, else by the executable's name. Called once for a process, outside of the
//! ingest thread. Guarantees: a name has 1 to [`MAX`] bytes, no hidden characters, and does not
//! begin with `~`; nothing from the arguments gets into it that is an option, an assignment, a URL
//! or looks like a token.

use super::argv;
use super::rules::{Rules, Runtime};
use super::script::token;
use super::text::{MAX_NAME, base, clean};

/// The longest name, bytes.
pub(crate) const MAX: usize = MAX_NAME;
/// The longest command name, bytes: `TASK_COMM_LEN` without the NUL at its end.
const COMM: usize = 15;
/// The name of a process that has none.
const UNKNOWN: &str = "unknown";

/// What is known of a process. Every field can be empty and can hold any bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts<'a> {
    /// The command name of the thread group's leader.
    pub(crate) comm: &'a [u8],
    /// The path of the executable, as the link `/proc/PID/exe` shows it.
    pub(crate) executable: &'a [u8],
    /// The arguments, as `/proc/PID/cmdline` shows them.
    pub(crate) argv: &'a [u8],
    /// The name of the workload if it is a unit of systemd. Names of containers do not belong here.
    pub(crate) unit: &'a str,
}

/// Where a name is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The command name.
    Comm,
    /// The service.
    Unit,
    /// The script, module or main class in the arguments.
    Script,
    /// The executable.
    Executable,
}

/// A name and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The name.
    pub(crate) name: String,
    /// Where it is from.
    pub(crate) source: Source,
}

/// Returns the name of a process.
#[must_use]
pub(crate) fn name(facts: &Facts<'_>, rules: &Rules) -> Named {
    let comm = clean(facts.comm, MAX);
    let executable = executable(facts.executable).or_else(|| first_argument(facts));
    let runtime = runtime(&comm, executable.as_deref(), rules);
    let script = || runtime.and_then(|runtime| runtime.script(facts.argv));
    let is_cut = |whole: &str| is_cut(facts.comm, whole);
    let replaced = rules.runtime(called(&comm)).is_some()
        || executable.as_deref().is_some_and(is_cut)
        // The kernel names a script that is executed after its file, and cuts that name too.
        || (facts.comm.len() == COMM && script().is_some_and(|script| is_cut(&script)));
    let named = |source| move |name| Named { name, source };
    let chosen = || {
        let name = if comm.is_empty() { UNKNOWN.to_owned() } else { comm.clone() };
        Named { name, source: Source::Comm }
    };
    if !replaced {
        return chosen();
    }
    let service = service(facts.unit).filter(|service| !rules.is_launcher(service));
    // A service that is named after a runtime says as little as that.
    let (silent, telling) =
        service.into_iter().partition::<Vec<_>, _>(|name| rules.runtime(name).is_some());
    let alias = |script: String| rules.aliases.get(&script).map_or(script, |name| short(name));
    (telling.into_iter().map(named(Source::Unit)))
        .chain(script().map(alias).map(named(Source::Script)))
        .chain(silent.into_iter().map(named(Source::Unit)))
        .chain(executable.map(named(Source::Executable)))
        .find(|named| !named.name.is_empty())
        .unwrap_or_else(chosen)
}

/// Returns the runtime of a process: that of its executable, else that of its command name, because
/// a link gives another name to the same executable.
pub(super) fn runtime<'a>(
    comm: &str,
    executable: Option<&str>,
    rules: &'a Rules,
) -> Option<&'a Runtime> {
    executable.and_then(|name| rules.runtime(name)).or_else(|| rules.runtime(called(comm)))
}

/// Returns what a command name calls the program: its first word, because a title can be the
/// command line of a runtime: `node /srv/app.js`.
fn called(comm: &str) -> &str {
    comm.split(' ').next().unwrap_or_default()
}

/// Returns the name of an executable from the text of its link; `None` if it is no name. A file in
/// memory only has none that anyone could look for.
pub(super) fn executable(link: &[u8]) -> Option<String> {
    if link.starts_with(b"/memfd:") {
        return None;
    }
    let link = link.strip_suffix(b" (deleted)").unwrap_or(link);
    let name = link.rsplit(|byte| *byte == b'/').next()?;
    short_of(name).filter(|name| !name.starts_with('-') && !name.contains('='))
}

/// Returns the name of the executable from the arguments if its beginning is the command name; for
/// processes whose link may not be read.
fn first_argument(facts: &Facts<'_>) -> Option<String> {
    let path = argv::tokens(facts.argv).next()?;
    let name = token(base(std::str::from_utf8(path).ok()?))?;
    is_cut(facts.comm, &name).then_some(name)
}

/// Returns the name of a service: without its suffix, and without its instance, which the workload
/// tells. `None` if the unit is no service. `\x2d` and the like, with which systemd escapes, are
/// resolved.
fn service(unit: &str) -> Option<String> {
    let name = unit.strip_suffix(".service")?;
    let name = name.split('@').next()?;
    short_of(&unescape(name)).filter(|name| !name.starts_with('-') && !name.contains(['=', '/']))
}

fn unescape(name: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.strip_prefix(b"x").and_then(|digits| digits.get(..2));
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let escaped = digits
            .filter(|_| *first == b'\\')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[3..] } else { tail };
    }
    bytes
}

/// Returns whether a command name is the beginning of a longer name that the kernel cut.
fn is_cut(comm: &[u8], whole: &str) -> bool {
    comm.len() == COMM && whole.len() > COMM && whole.as_bytes().starts_with(comm)
}

fn short(name: &str) -> String {
    clean(name.as_bytes(), MAX)
}

/// Returns bytes as a name; `None` if nothing is left of them.
fn short_of(bytes: &[u8]) -> Option<String> {
    Some(clean(bytes, MAX)).filter(|name| !name.is_empty())
}
