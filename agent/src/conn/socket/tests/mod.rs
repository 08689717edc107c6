//! Tests of one socket's life: the state machine, whole, and its parts.

mod cases;
mod patterns;
mod report;
mod rules;
mod state_machine;
