//! How long an alert looks and waits: the production values, and short ones for the proof on a live
//! agent.

use std::sync::Arc;
use std::time::Duration;

use crate::settings::Options;
use crate::site::Site;

/// The times in a rule.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Between two evaluations of the rules.
    pub interval: Duration,
    /// Production minutes are multiplied with this; the floor of the result is four scrapes.
    pub scale: f64,
    /// Between two scrapes.
    pub scrape: Duration,
    /// What the site sets; `None` for nothing.
    pub(crate) options: Option<Arc<Options>>,
    /// The alert whose limits are asked for; empty for none.
    pub(crate) alert: &'static str,
}

/// What the committed files say. They also fit scrapes a minute apart, as Prometheus has them by
/// default: every window and every `for` is four minutes or more.
pub const PRODUCTION: Timing = Timing {
    interval: Duration::from_secs(30),
    scale: 1.0,
    scrape: Duration::from_secs(15),
    options: None,
    alert: "",
};

/// For the proof on a live agent: the same expressions with windows, ages and `for` shortened.
pub const LIVE: Timing = Timing {
    interval: Duration::from_secs(1),
    scale: 1.0 / 60.0,
    scrape: Duration::from_secs(1),
    options: None,
    alert: "",
};

/// The window of rates: long enough for four scrapes a minute apart.
pub const RATE: Duration = Duration::from_mins(5);
/// The age from which a socket in a transient state is stuck. Normal closes take
/// milliseconds, slow ones seconds; the kernel's own timeout of an unanswered close is a minute.
/// One of the values of the label `min_age`.
pub const STUCK_AGE: Duration = Duration::from_mins(5);
/// The age from which a connection that its client has left in the accept queue says that the
/// server hangs. One of the values of `min_age` too.
pub const HUNG_AGE: Duration = Duration::from_mins(1);
/// The age of the last pass over the kernel's lists from which an agent is stalled: twenty times
/// the interval.
pub const PASS_AGE: Duration = Duration::from_mins(10);
/// The scrapes of which an agent must have answered a share: long enough for several rounds of an
/// agent that crashes.
pub const ANSWERED: Duration = Duration::from_mins(15);
/// The starts of an agent are counted for so long: a crash loop that waits five minutes between two
/// starts has many in it, an upgrade one.
pub const RESTARTS: Duration = Duration::from_hours(1);
/// For so long an agent counts as running the version that it showed last.
pub const SEEN: Duration = Duration::from_hours(1);
/// How far back a leak's growth is told: the lowest count of the last [`RATE`] against that of so
/// long ago.
pub const GROWTH: Duration = Duration::from_mins(10);
/// The history that a prediction rests on, twice: the last, and as much before it. A step lies in
/// one of the two only, so that what stays flat after it is never taken for a climb.
pub const TREND: Duration = Duration::from_mins(10);
/// How far ahead a prediction looks: time enough for a person to come and act.
pub const HORIZON: Duration = Duration::from_hours(1);

/// The shortest `for`.
pub const FOR_SHORT: Duration = Duration::from_mins(5);
/// `for` of what no one has to be woken up for.
pub const FOR_LONG: Duration = Duration::from_mins(10);
/// `for` of what the agent corrects by itself if it is given time.
pub const FOR_AGENT: Duration = Duration::from_mins(15);
/// `for` of what a rollout does too, as long as it goes on.
pub const FOR_ROLLOUT: Duration = Duration::from_hours(6);
/// How long an alert goes on after its expression ended, against flapping.
pub const KEEP: Duration = Duration::from_mins(5);

/// The same for alerts by age. An agent that starts anew sees ages from then on: the alert goes on
/// until they are past [`STUCK_AGE`] again, and as long as a slow start of the agent may take.
pub const KEEP_AGED: Duration = Duration::from_mins(15);

impl Timing {
    /// The same times with what a site sets.
    #[must_use]
    pub fn with(self, options: Options) -> Self {
        Self { options: Some(Arc::new(options)), ..self }
    }

    /// The same for the limits of this alert.
    pub(crate) fn of(&self, alert: &'static str) -> Self {
        Self { alert, ..self.clone() }
    }

    /// Where the site publishes its runbooks, without a slash at the end.
    pub(crate) fn runbook_base_url(&self) -> Option<&str> {
        self.options.as_deref().and_then(Options::runbook_base_url)
    }

    /// Whether the site says which jobs are agents.
    pub(crate) fn names_job(&self) -> bool {
        self.options.as_deref().is_some_and(Options::names_job)
    }

    /// What the site adds to expressions of this alert, or to those of recording rules.
    pub(crate) fn site(&self, alert: Option<&str>) -> Site {
        self.options
            .as_deref()
            .map_or_else(|| Options::default().site(alert), |one| one.site(alert))
    }

    /// The limit `key` of the alert that this timing is for: what the site sets, else `default`.
    pub(crate) fn limit(&self, key: &str, default: f64) -> f64 {
        let options = self.options.as_deref();
        options.and_then(|options| options.limit(self.alert, key)).unwrap_or(default)
    }

    /// A duration of production, as this timing has it, in whole seconds: never under four scrapes.
    #[must_use]
    pub fn seconds(&self, production: Duration) -> u64 {
        let scaled = production.mul_f64(self.scale).as_secs();
        scaled
            .max(4 * self.scrape.as_secs())
            .min(production.as_secs().max(4 * self.scrape.as_secs()))
    }

    /// The same as Prometheus writes it: `5m`, `90s`.
    #[must_use]
    pub fn span(&self, production: Duration) -> String {
        match self.seconds(production) {
            hours if hours % 3600 == 0 => format!("{}h", hours / 3600),
            minutes if minutes % 60 == 0 => format!("{}m", minutes / 60),
            seconds => format!("{seconds}s"),
        }
    }
}
