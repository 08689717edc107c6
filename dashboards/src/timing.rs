//! How long an alert looks and waits: the production values, and short ones for the proof on a live agent.

use std::time::Duration;

/// The times in a rule.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Between two evaluations of the rules.
    pub interval: Duration,
    /// Production minutes are multiplied with this; the floor of the result is four scrapes.
    pub scale: f64,
    /// Between two scrapes.
    pub scrape: Duration,
}

/// What the committed files say.
pub const PRODUCTION: Timing = Timing { interval: Duration::from_secs(30), scale: 1.0, scrape: Duration::from_secs(15) };

/// For the proof on a live agent: the same expressions with windows, ages and `for` shortened.
pub const LIVE: Timing = Timing { interval: Duration::from_secs(1), scale: 1.0 / 60.0, scrape: Duration::from_secs(1) };

impl Timing {
    /// A duration of production, as this timing has it, in whole seconds: never under four scrapes.
    #[must_use]
    pub fn seconds(&self, production: Duration) -> u64 {
        let scaled = production.mul_f64(self.scale).as_secs();
        scaled.max(4 * self.scrape.as_secs()).min(production.as_secs().max(4 * self.scrape.as_secs()))
    }
}
