//! Times `cost::scrape`.

const fn main() {}
