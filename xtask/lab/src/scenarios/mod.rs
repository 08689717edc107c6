//! The scenarios, a file each: who plays, what it does to the network, what to look at.

mod bind_first;
mod black_hole;
mod dead_peer;
mod echo;
mod fd_leak;
mod full_pool;
mod half_close;
mod lossy_link;
mod pool_leak;
mod pooling;
mod proxy_chain;
mod refused;
mod retry_storm;
mod rst_storm;
mod slow_reader;
mod stuck_listener;
mod stuck_worker;
mod time_wait_bomb;

use crate::Scenario;

/// Every scenario, the healthy one first.
pub(crate) const ALL: &[Scenario] = &[
    echo::SCENARIO,
    fd_leak::SCENARIO,
    time_wait_bomb::SCENARIO,
    half_close::SCENARIO,
    stuck_listener::SCENARIO,
    slow_reader::SCENARIO,
    black_hole::SCENARIO,
    refused::SCENARIO,
    rst_storm::SCENARIO,
    lossy_link::SCENARIO,
    pooling::NO_POOL,
    pooling::KEPT,
    retry_storm::SCENARIO,
    pool_leak::LEAK,
    pool_leak::IDLE,
    dead_peer::SCENARIO,
    stuck_worker::SCENARIO,
    bind_first::SCENARIO,
    proxy_chain::SCENARIO,
    full_pool::SCENARIO,
];
