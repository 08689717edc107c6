//! Gives the memory back that loading needed.
//!
//! Parsing the kernel's types takes tens of thousands of small allocations, which glibc keeps for
//! later use; the agent will not need them again.

/// Gives free memory of the heap back to the system. Does nothing with another C library than
/// glibc.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "glibc offers this through a foreign function only")]
    // SAFETY: the function takes no pointers and may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
