//! The agent's memory, at rest and with a crowd of live connections.

use std::time::Duration;

use anyhow::Result;

use super::arms::{Arm, Lines};
use super::interrupt::Interrupt;
use super::loads;
use super::report::Memory;
use super::stage::{Crowd, Load};

/// Time for the last records to be drained and the slow numbers to be read again.
const SETTLE: Duration = Duration::from_millis(2500);

/// Measures it; both ends of each of `connections` are on this machine.
pub(super) fn measure(agent: &Arm, connections: u64, interrupt: &Interrupt) -> Result<Memory> {
    let place = Load::start(loads::find("storm")?, interrupt)?;
    let attached = agent.attach(&place, &Lines::Dropped, interrupt)?;
    let look = || {
        interrupt.sleep(SETTLE)?;
        let page = attached.page()?;
        anyhow::Ok((
            page.sum("process_resident_memory_bytes", &[]).unsigned_abs(),
            page.sum("tcpwarden_connections_tracked", &[]).unsigned_abs(),
        ))
    };
    let (idle, few) = look()?;
    let crowd = Crowd::start(connections, interrupt)?;
    let (full, many) = look()?;
    drop(crowd);
    attached.detach(interrupt)?;
    #[expect(clippy::cast_precision_loss, reason = "there is less memory than 2^53 bytes")]
    let bytes_per_socket =
        full.saturating_sub(idle) as f64 / many.saturating_sub(few).max(1) as f64;
    Ok(Memory {
        idle_resident_bytes: idle,
        idle_sockets: few,
        crowd_resident_bytes: full,
        crowd_sockets: many,
        bytes_per_socket,
    })
}
