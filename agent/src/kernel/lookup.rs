//! Keeps a static program from loading modules of the system's C library.
//!
//! glibc looks up hosts, which `--agent` may name, through the modules that `/etc/nsswitch.conf`
//! names. A static program would load them with the C library of the machine beside its own, and
//! two versions of it in one process are undefined. What it has inside reads `/etc/hosts`, and asks
//! the servers of `/etc/resolv.conf`. Groups are read by `config::names`.

/// What is looked up, and with which of the parts that a static glibc has inside
/// (`nss_module_load_builtin`, 2.34).
#[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
const LOOKUPS: [(&std::ffi::CStr, &std::ffi::CStr); 1] = [(c"hosts", c"files dns")];

/// Makes lookups do without modules in a static program. Does nothing in any other.
pub fn without_modules() {
    #[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
    for (what, with) in LOOKUPS {
        // SAFETY: the function reads two texts that end with a zero and live as long as the
        // program. It is called before another thread exists that could look something up.
        #[expect(unsafe_code, reason = "glibc offers this through a foreign function only")]
        let status = unsafe { foreign::__nss_configure_lookup(what.as_ptr(), with.as_ptr()) };
        debug_assert_eq!(status, 0, "{what:?}");
    }
}

#[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
mod foreign {
    //! What `nss.h` of glibc declares.
    use std::ffi::{c_char, c_int};

    #[expect(unsafe_code, reason = "a foreign function has to be declared")]
    // SAFETY: the declaration is that of `nss.h` (glibc 2.0 to 2.42).
    unsafe extern "C" {
        /// Sets with which services a database is looked up, in place of `/etc/nsswitch.conf`.
        pub(super) fn __nss_configure_lookup(
            database: *const c_char,
            services: *const c_char,
        ) -> c_int;
    }
}
