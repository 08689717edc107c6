//! The limits that dashboards colour by, alerts fire at and runbooks name: one constant each.
//!
//! Rates are per second, averaged over five minutes; ratios are shares of one.

/// Use of something that has a limit (descriptors, ports, backlog, TCP memory) at which a person
/// should look: from here on an alert fires if the trend reaches the limit.
pub const USED_RATIO_WARNING: f64 = 0.8;
/// The same, at which it is about to fail, whatever the trend.
pub const USED_RATIO_CRITICAL: f64 = 0.95;

/// Sockets of one process that must be stuck: fewer are a loose end, not yet a leak that takes
/// anything away.
pub const STUCK_CONNECTIONS: f64 = 10.0;
/// By how many the lowest count of stuck sockets must have grown in ten minutes: one every two
/// minutes.
pub const LEAK_GROWTH: f64 = 5.0;
/// By how many it must have grown in each half of that time: a jump lies in one half, a leak goes
/// on.
pub const LEAK_GROWTH_HALF: f64 = 2.0;
/// Connections that came and went in the accept queue: health checks alone bring so many to a
/// server that hangs.
pub const UNACCEPTED_CONNECTIONS: f64 = 5.0;

/// Drops a second at a listener while an accept queue of its network namespace overflows: six a
/// minute, each a connect that takes a second longer, or fails.
pub const ACCEPT_DROPS_RATE: f64 = 0.1;

/// How full the accept queue of a listener must have been seen for its drops to be overflows of it.
/// It is looked at once a pass, so a queue that overflows in bursts is seen half full, seldom full.
pub const OVERFLOWING_BACKLOG_RATIO: f64 = 0.5;

/// Failed connects a second towards one port: six a minute; below, a share says nothing.
pub const CONNECT_FAILURE_RATE: f64 = 0.1;
/// Share of connects that fail.
pub const CONNECT_FAILURE_RATIO: f64 = 0.1;
/// Share of connects that the program itself gives up. A client that tries IPv4 and IPv6 side by
/// side gives up one for each that succeeds, so half is normal.
pub const CONNECT_CANCELED_RATIO: f64 = 0.6;
/// Connects a second towards one port that were slow.
pub const CONNECT_SLOW_RATE: f64 = 0.1;
/// The time from which a connect is slow: longer than any way around the world, shorter than the
/// first SYN retransmit, after one second. A bound of the histogram that is the same text in every
/// version of Prometheus.
pub const CONNECT_SLOW_SECONDS: f64 = 0.5;
/// Share of connects that are slow.
pub const CONNECT_SLOW_RATIO: f64 = 0.1;
/// Connects a second that fail because no local port is left: any sustained rate is an outage of
/// the client.
pub const NO_LOCAL_PORT_RATE: f64 = 0.1;
/// SYNs sent again a second.
pub const SYN_RETRANSMIT_RATE: f64 = 0.1;
/// SYNs sent again per connect: a path that loses less than one in twenty is not worth a call.
pub const SYN_RETRANSMIT_RATIO: f64 = 0.05;

/// Segments sent again a second, SYNs left out, below which their share is noise.
pub const RETRANSMIT_RATE: f64 = 5.0;
/// Share of segments sent that were sent again. Within a data centre 0.1 % is bad; towards phones 2
/// % is a usual day, so a limit for every host cannot be lower.
pub const RETRANSMIT_RATIO: f64 = 0.05;

/// Connections a second that a reset ended before any FIN.
pub const RESET_RATE: f64 = 5.0;
/// Share of a service's connections that a reset ended so: some clients and health checks always
/// close so.
pub const RESET_RATIO: f64 = 0.5;

/// Connections a second from one process to one port: below, a handshake for each request costs
/// little.
pub const CHURN_RATE: f64 = 10.0;
/// The life below which a connection served one request. A bound of the histogram, as above.
pub const CHURN_SECONDS: f64 = 0.5;
/// Share of connections that lived no longer.
pub const CHURN_RATIO: f64 = 0.9;

/// Unread bytes of a process that never get less: a receiver that reads has its queue empty again
/// and again.
pub const UNREAD_BYTES: f64 = 262_144.0;
/// Unread bytes for each connection: many busy ones together always have something under way. One
/// that is not read at all holds 64 KiB or more.
pub const UNREAD_BYTES_PER_CONNECTION: f64 = 16_384.0;
/// Connections of a process whose peers let nothing in.
pub const ZERO_WINDOW_CONNECTIONS: f64 = 3.0;
/// Share of a process' connections whose peers let nothing in: a paused download is normal, many
/// are not.
pub const ZERO_WINDOW_RATIO: f64 = 0.1;

/// Share of scrapes that an agent answers from which on it is not there: it crashes and is started
/// again. Above what an outage leaves over that is too short for the alert.
pub const ANSWERED_RATIO: f64 = 0.6;
/// Records lost a second by one agent.
pub const EVENTS_LOST_RATE: f64 = 0.1;
/// Share of records lost: counters are wrong by so much; gauges are put right by the next pass.
pub const EVENTS_LOST_RATIO: f64 = 0.001;
/// Corrections a second by reconcile passes.
pub const DRIFT_RATE: f64 = 0.2;
/// Corrections per state transition.
pub const DRIFT_RATIO: f64 = 0.01;
/// Rows without an owner; below, their share says nothing.
pub const UNATTRIBUTED_CONNECTIONS: f64 = 50.0;
/// Share of rows without an owner.
pub const UNATTRIBUTED_RATIO: f64 = 0.2;
/// Connections or rows a second that fall under `~other` because a budget of labels is used up: six
/// a minute.
pub const LABEL_OVERFLOW_RATE: f64 = 0.1;
