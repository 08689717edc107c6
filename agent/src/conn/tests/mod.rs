//! Tests of the connection table: sequences of records in, counters out.

mod anything;
mod between;
mod budgets;
mod ledger;
mod lists;
mod losses;
mod monotony;
mod owners;
mod passes;
mod pressure;
mod random;
mod reuse;
mod scenarios;
mod settling;
mod slices;
mod steps;
mod support;
mod tenure;
mod workloads;
