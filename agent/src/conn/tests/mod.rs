//! Tests of the connection table: sequences of records in, counters out.

mod anything;
mod between;
mod budgets;
mod holders;
mod ledger;
mod lists;
mod losses;
mod migration;
mod monotony;
mod owners;
mod pass_namespaces;
mod passes;
mod ports;
mod pressure;
mod random;
mod retirement;
mod retransmits;
mod reuse;
mod scenarios;
mod slice_world;
mod slices;
mod step_order;
mod steps;
mod support;
mod workload_limits;
mod workloads;
