//! The commands that work with the kernel, one module each; `main` dispatches to them. The commands
//! that ask a running agent are in [`crate::query`].

pub mod check;
pub mod events;
pub mod run;

use crate::exit::Error;
use crate::kernel::layout::{BTF_PATH, LayoutError};
use crate::kernel::load::{Kernel, LoadError, Maps, Sizes};
use crate::kernel::privileges;

/// Loads the kernel side.
///
/// # Errors
/// What is missing, and what to do about it.
fn load(sizes: Sizes) -> Result<(Kernel, Maps), Error> {
    let missing = privileges::missing();
    if !missing.is_empty() {
        return Err(Error::Privilege { missing: missing.join(" and ").to_lowercase() });
    }
    Kernel::load(sizes).map_err(explain)
}

/// Returns the error for the user, which determines the exit code.
fn explain(error: LoadError) -> Error {
    let kernel = |what: &str, hint: String| Error::Kernel { what: what.to_owned(), hint };
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
            let error = explain(error);
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
        let error = explain(LoadError::Denied);
        assert_eq!(error.code(), exit::PRIVILEGE);
        assert!(error.to_string().contains("cap_bpf"), "{error}");
    }

    #[test]
    fn a_build_without_its_kernel_side_says_how_to_build_it() {
        let error = explain(LoadError::NoObject);
        assert_eq!(error.code(), exit::FAILURE);
        assert!(error.to_string().contains("cargo xtask build"), "{error}");
    }
}
