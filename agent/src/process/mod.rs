//! What a process is called and how it was started, for an operator who must find it.
//!
//! `read` reads the facts of a process from `/proc`, `name` makes its name of them by the rules of
//! `rules`, `cmdline` makes its command line fit to be shown. Guarantees: every input is bounded
//! and can be hostile; no text from here has control characters or characters that reorder text;
//! no name is an option, an assignment or a URL; a value that its option calls a secret is masked.

mod argv;
pub(crate) mod cmdline;
mod defaults;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod mask;
pub(crate) mod name;
pub(crate) mod read;
pub(crate) mod rules;
mod script;
mod secret;
mod text;

#[cfg(test)]
mod cmdline_tests;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod name_tests;
