//! Does one piece of work, for the gate to count.
#![forbid(unsafe_code)]

const fn main() {}
