//! What is true of the agent when the load is over: its gauges are the kernel's lists, each
//! transition was applied or counted as lost, and it ends when it is told.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;
use testkit::agent::Agent;
use testkit::census::{FULL_STATES, Sockets};
use testkit::page::Page;

use super::judge::Claim;
use crate::bench::interrupt::Interrupt;

/// How long the machine may take to come to rest.
const REST: Duration = Duration::from_secs(20);
/// How long the agent may take to end.
const END: Duration = Duration::from_secs(10);

/// Compares at a moment at which all agrees; after [`REST`], at whatever moment it is.
pub(super) fn at_rest(agent: &Agent, interrupt: &Interrupt) -> Result<Vec<Claim>> {
    let start = Instant::now();
    loop {
        let before = Sockets::machine();
        let page = agent.scrape()?;
        let is_still = before == Sockets::machine();
        let claims = compare(&page, &before);
        let holds = is_still && claims.iter().all(|claim| claim.holds);
        if holds || start.elapsed() > REST {
            return Ok(claims.into_iter().chain(lived(agent, &page)?).collect());
        }
        interrupt.sleep(Duration::from_millis(250))?;
    }
}

fn compare(page: &Page, listed: &Sockets) -> Vec<Claim> {
    let gauge = |state| page.sum("connections", &[("state", state)]);
    let mut claims: Vec<_> = FULL_STATES
        .iter()
        .map(|state| Claim::equal(&format!("sockets in {state}"), gauge(state), listed.get(state)))
        .collect();
    let carried = page.sum("events_total", &[("event", "transition")]);
    let lost = page.sum("events_lost_total", &[("ring", "state")]);
    let counted = page.sum("transitions_total", &[]);
    claims.push(Claim::equal("transitions applied or counted as lost", carried + lost, counted));
    claims
}

/// What may not have happened, and what must have: without a loss nothing was soaked.
fn lived(agent: &Agent, page: &Page) -> Result<Vec<Claim>> {
    let lost = page.sum("events_lost_total", &[]);
    let errors = page.sum("internal_errors_total", &[]) + page.sum("decode_errors_total", &[]);
    let (ready, _) = agent.client.request("/readyz")?;
    let overflowed = Claim {
        about: "records that the full ring lost, all counted".to_owned(),
        seen: lost.to_string(),
        allowed: "some".to_owned(),
        holds: lost > 0,
    };
    Ok(vec![
        overflowed,
        Claim::none("internal errors and records that were not read", errors.unsigned_abs()),
        Claim::equal("status of /readyz", ready.into(), 200),
    ])
}

/// Ends it, and looks at its log.
pub(super) fn end(mut agent: Agent) -> Result<Vec<Claim>> {
    agent.process.signal(Signal::SIGTERM)?;
    let status = agent.process.wait(END);
    let code = status.context("the agent does not end")?.code().unwrap_or(-1);
    let panics = agent.process.log().matches("panicked").count();
    Ok(vec![
        Claim::equal("exit code after SIGTERM", code.into(), 0),
        Claim::none("panics in its log", u64::try_from(panics)?),
    ])
}
