//! The families of the page, by what they are made from. Each function puts every family of its part
//! together from one snapshot; none reads a clock or a file.

pub(super) mod agent;
pub(super) mod groups;
pub(super) mod pressure;
pub(super) mod services;
pub(super) mod table;
