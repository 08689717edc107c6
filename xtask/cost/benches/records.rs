//! Times `cost::records`.

const fn main() {}
