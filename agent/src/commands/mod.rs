//! The commands that work with the kernel, and [`rules`], one module each; `main` dispatches to
//! them. The commands that ask a running agent are in [`crate::query`].

pub mod check;
pub mod events;
pub mod rules;
pub mod run;

use anyhow::Context as _;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::exit::Error;
use crate::kernel::layout::{BTF_PATH, LayoutError};
use crate::kernel::load::{Kernel, LoadError, Maps, Sizes};
use crate::kernel::privileges;
use crate::pressure::memory;

/// The least limit of descriptors: the agent has fewer than half of them open at rest, the rest is
/// for namespaces and connections to its API.
const LEAST_DESCRIPTORS: u64 = 128;

/// Loads the kernel side.
///
/// # Errors
/// What is missing, and what to do about it.
fn load(sizes: Sizes) -> Result<(Kernel, Maps), Error> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("cannot read limits")?;
    enough_descriptors(hard)?;
    if soft < LEAST_DESCRIPTORS {
        setrlimit(Resource::RLIMIT_NOFILE, LEAST_DESCRIPTORS, hard)
            .context("cannot raise the limit of descriptors")?;
    }
    let missing = privileges::missing();
    if !missing.is_empty() {
        return Err(Error::Privilege { missing: missing.join(" and ").to_lowercase() });
    }
    // Before the first large piece is taken: a process that is killed says nothing.
    warn_of_little_memory();
    Kernel::load(sizes).map_err(|error| explain(error, is_locked_down()))
}

fn warn_of_little_memory() {
    if let Some(limit) = memory::limit().filter(|limit| *limit < memory::LEAST) {
        tracing::warn!(
            "the cgroup allows {} MiB of memory and the agent needs {}: the kernel may kill it, or \
             slow it down; raise the limit (MemoryMax= and MemoryHigh= of a unit, resources of a \
             container)",
            limit >> 20,
            memory::LEAST >> 20
        );
    }
}

/// Refuses a limit of descriptors with which some probe would not load, as if the kernel lacked it.
fn enough_descriptors(limit: u64) -> Result<(), Error> {
    if limit < LEAST_DESCRIPTORS {
        return Err(Error::Other(anyhow::anyhow!(
            "this process may have only {limit} descriptors and needs {LEAST_DESCRIPTORS}: raise \
             the limit (`ulimit -n`, LimitNOFILE= of a unit)"
        )));
    }
    Ok(())
}

/// Where the kernel says whether it keeps its memory from root, the mode in force in brackets
/// (`lockdown_read`, 5.4 to 7.x).
const LOCKDOWN: &str = "/sys/kernel/security/lockdown";

/// Returns whether no program may read kernel memory (`LOCKDOWN_BPF_READ_KERNEL`, 5.4). Without
/// securityfs it is not known.
fn is_locked_down() -> bool {
    std::fs::read_to_string(LOCKDOWN).is_ok_and(|modes| modes.contains("[confidentiality]"))
}

/// Returns the error for the user, which determines the exit code.
fn explain(error: LoadError, is_locked_down: bool) -> Error {
    let kernel = |what: &str, hint: String| Error::Kernel { what: what.to_owned(), hint };
    let refused = match &error {
        LoadError::StateProbe(why) => Some(why.as_str()),
        LoadError::Denied => Some("not permitted"),
        _ => None,
    };
    if let Some(why) = refused.filter(|_| is_locked_down) {
        return kernel(
            "a lockdown mode that lets probes read its memory",
            format!(
                "{LOCKDOWN} says confidentiality; boot with lockdown=integrity; the kernel said: \
                 {why}"
            ),
        );
    }
    match error {
        LoadError::Layout(LayoutError::Read { source }) => kernel(
            "BTF type information",
            format!(
                "cannot read {BTF_PATH} ({source}); boot a kernel built with \
                 CONFIG_DEBUG_INFO_BTF=y, as those of most distributions are"
            ),
        ),
        LoadError::Layout(LayoutError::Missing { what }) => {
            kernel(&what, "the state probe needs it; Linux 5.10 and later have it".to_owned())
        }
        LoadError::StateProbe(why) => kernel(
            "a tracepoint inet_sock_set_state that takes the state probe",
            format!("the kernel said: {why}"),
        ),
        LoadError::Maps(why) if lacks_memory(&why) => Error::Other(anyhow::anyhow!(
            "memory for the rings cannot be had ({why}): raise the limit of this process, or \
             choose smaller ones with --ring-bytes and --retransmit-ring-bytes"
        )),
        LoadError::Maps(why) => kernel(
            "the maps that the agent needs",
            format!("the ring buffer came with Linux 5.8; the kernel said: {why}"),
        ),
        LoadError::Denied => Error::Privilege {
            missing: "cap_bpf and cap_perfmon (or the permission to use them: lockdown, seccomp, \
                      a container's profile)"
                .to_owned(),
        },
        LoadError::NoObject | LoadError::Patch(_) => Error::Other(anyhow::anyhow!("{error}")),
    }
}

/// Returns whether the system has refused memory (`ENOMEM`), as the text of an error says.
fn lacks_memory(why: &str) -> bool {
    why.contains(&std::io::Error::from(nix::errno::Errno::ENOMEM).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit;

    #[test]
    fn what_the_kernel_lacks_ends_with_4_and_names_it_and_what_to_do() {
        let no_ring = LoadError::Layout(LayoutError::Missing {
            what: "BPF_FUNC_ringbuf_reserve in enum bpf_func_id".into(),
        });
        let no_map = LoadError::Maps("the BPF_MAP_CREATE syscall returned Invalid argument".into());
        let refused = LoadError::StateProbe("access beyond struct sock".into());
        for (error, named) in [
            (no_ring, "BPF_FUNC_ringbuf_reserve"),
            (no_map, "Linux 5.8"),
            (refused, "access beyond struct sock"),
        ] {
            let error = explain(error, false);
            assert_eq!(error.code(), exit::KERNEL);
            assert!(
                error.to_string().starts_with("the kernel lacks")
                    && error.to_string().contains(named),
                "{error}"
            );
        }
    }

    #[test]
    fn a_refusal_ends_with_3_and_says_what_is_missing() {
        let error = explain(LoadError::Denied, false);
        assert_eq!(error.code(), exit::PRIVILEGE);
        assert!(error.to_string().contains("cap_bpf"), "{error}");
        let error = explain(LoadError::Denied, true);
        assert_eq!(error.code(), exit::KERNEL);
        assert!(error.to_string().contains("lockdown=integrity"), "{error}");
    }

    #[test]
    fn too_little_of_anything_is_not_blamed_on_the_kernel() {
        let error = enough_descriptors(24).unwrap_err();
        assert_eq!(error.code(), exit::FAILURE);
        assert!(error.to_string().contains("only 24 descriptors"), "{error}");
        assert!(enough_descriptors(LEAST_DESCRIPTORS).is_ok());
        let why = "`mmap` failed: Cannot allocate memory (os error 12)";
        let error = explain(LoadError::Maps(why.to_owned()), false);
        assert_eq!(error.code(), exit::FAILURE);
        assert!(error.to_string().contains("--ring-bytes"), "{error}");
    }

    #[test]
    fn a_build_without_its_kernel_side_says_how_to_build_it() {
        let error = explain(LoadError::NoObject, true);
        assert_eq!(error.code(), exit::FAILURE);
        assert!(error.to_string().contains("cargo xtask build"), "{error}");
    }
}
