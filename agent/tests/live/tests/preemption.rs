//! A task that is taken off its CPU in the middle of a program: what the next task does there is
//! seen.
//!
//! Since Linux 7.0 tracepoints can be preempted, and a program that is running on a CPU is not run
//! there a second time. Before, only softirqs come between, which this provokes as well.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use super::Test;
use super::equalities::equalities;
use crate::harness::agent::Agent;
use crate::harness::netns::Netns;
use crate::harness::settle::{Between, Moment};
use crate::harness::unreported::Unreported;
use crate::workload::{LOOPBACKS, Site, Tally, short};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[("portable::preempted_programs_lose_nothing", preempted)];

/// How often the urgent thread comes between.
const TIMES: usize = 2_000;

fn preempted() {
    let netns = Netns::new();
    // Each connection has a port, and a place in TIME_WAIT: without one, the kernel answers the
    // last FIN with a reset.
    netns.sysctl("net/ipv4/ip_local_port_range", "2000 64000");
    netns.sysctl("net/ipv4/tcp_max_tw_buckets", "100000");
    let agent = Agent::start(&[]);
    let before = Moment::at_rest(&agent);
    let unreported = Unreported::watch(&[&netns]);
    let ended = AtomicBool::new(false);
    on_the_first_cpu();
    let tally = std::thread::scope(|scope| {
        let steady = scope.spawn(|| {
            netns.enter(|| {
                let (site, mut tally) = (Site::open(LOOPBACKS[0]), Tally::default());
                while !ended.load(Ordering::Relaxed) {
                    tally.merge(&short::mixed(&site, 1));
                }
                tally
            })
        });
        // However this ends, the other thread must.
        let end = End(&ended);
        let mut tally = netns.enter(|| {
            urgent();
            let (site, mut tally) = (Site::open(LOOPBACKS[1]), Tally::default());
            for _ in 0..TIMES {
                std::thread::sleep(Duration::from_micros(200));
                tally.merge(&short::mixed(&site, 1));
            }
            tally
        });
        drop(end);
        tally.merge(&steady.join().expect("the steady thread"));
        tally
    });
    let after = Moment::at_rest(&agent);
    equalities(Between { before: &before, after: &after }, &tally, unreported.terms()).check();
}

/// Says so when it goes.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn on_the_first_cpu() {
    let mut set = CpuSet::new();
    set.set(0).expect("the first CPU");
    sched_setaffinity(Pid::from_raw(0), &set).expect("stay on the first CPU");
}

/// Makes the calling thread one that takes the CPU from every ordinary one, the moment it wakes up;
/// threads that it starts are ordinary ones.
fn urgent() {
    let priority = libc::sched_param { sched_priority: 10 };
    // SAFETY: it reads the parameter, which lives until it returns.
    let result = unsafe {
        libc::sched_setscheduler(
            0,
            libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK,
            &raw const priority,
        )
    };
    Errno::result(result).expect("become a real-time thread");
}
