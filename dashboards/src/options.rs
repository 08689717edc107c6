//! What a site sets: limits, severities, times, matchers. Each value is checked where it is set, so
//! that what is made from [`Options`] is always valid.
//!
//! Used by `tcpwarden rules` and `tcpwarden dashboards`, which read a file into it. Without a value
//! the rules are the committed ones.

use std::time::Duration;

use crate::alerts::tcp_retransmit_ratio_high;
use crate::limit::{Limit, Severity};
use crate::matchers;
use crate::rules;
pub use crate::settings::{AlertOptions, Options};
use crate::site;
use crate::timing::PRODUCTION;

/// The most names that an alert leaves out, of either kind.
const MOST_IGNORED: usize = 256;
/// The times that an expression may have to hold: four scrapes, as the rules are made for them, to
/// a week.
const HOLD: [Duration; 2] = [Duration::from_mins(1), Duration::from_hours(7 * 24)];

impl Options {
    /// Sets the matchers of every selector, as PromQL has them: `job="tcpwarden",cluster=~"a|b"`.
    ///
    /// # Errors
    /// What is no matcher, names a label that the agent's own metrics have, or has a value that
    /// cannot stand in a template of Prometheus.
    pub fn set_selector(&mut self, text: &str) -> Result<(), String> {
        self.selector = matchers::parse(text)?;
        Ok(())
    }

    /// Sets the label that tells clusters from each other: aggregations and joins keep it.
    ///
    /// # Errors
    /// What is no name of a label, or one that the agent's own metrics have.
    pub fn set_cluster_label(&mut self, label: &str) -> Result<(), String> {
        matchers::check_label(label)?;
        if ["job", "instance"].contains(&label) {
            return Err(format!("{label} is kept anyway: leave the key out"));
        }
        self.cluster_label = Some(label.to_owned());
        Ok(())
    }

    /// Sets where the runbooks are published: `NAME.md` is added.
    ///
    /// # Errors
    /// What is no address `http://` or `https://` of a host, has `?` or `#`, behind which no page's
    /// name can stand, or what cannot stand in an address.
    pub fn set_runbook_base_url(&mut self, url: &str) -> Result<(), String> {
        let url = url.trim_end_matches('/');
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let is_plain = |letter: char| {
            letter.is_ascii_alphanumeric() || "-._~:/[]@!$&'()*+,;=%".contains(letter)
        };
        let has_host = rest.is_some_and(|rest| {
            let place = rest.split('/').next().unwrap_or_default();
            let host = place.rsplit('@').next().unwrap_or_default();
            host.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '[')
        });
        if !has_host || url.len() > 1024 || !url.chars().all(is_plain) {
            return Err("expected an address such as https://wiki.example/runbooks, of at most \
                        1024 letters without spaces, ? and #"
                .to_owned());
        }
        self.runbook_base_url = Some(url.to_owned());
        Ok(())
    }

    /// What is set of an alert, to be changed.
    ///
    /// # Errors
    /// There is no alert of this name.
    pub fn alert(&mut self, name: &str) -> Result<&mut AlertOptions, String> {
        let known = rules::all().iter().find(|alert| alert.name == name);
        let alert = known.ok_or_else(|| "there is no such alert".to_owned())?;
        Ok(self.alerts.entry(alert.name).or_default())
    }
}

impl AlertOptions {
    /// Sets a limit of the alert `name`; its keys are those of [`limits`].
    ///
    /// # Errors
    /// The alert has no limit of this name, or the value is not possible.
    pub fn set_limit(&mut self, name: &str, key: &str, value: f64) -> Result<(), String> {
        let all = limits(name);
        let (key, limit) = all
            .into_iter()
            .find(|(known, _)| *known == key)
            .ok_or_else(|| "there is no such limit".to_owned())?;
        limit.unit.check(value)?;
        self.limits.insert(key, value);
        Ok(())
    }

    /// Sets the label `severity`.
    ///
    /// # Errors
    /// What is not critical, warning or info.
    pub fn set_severity(&mut self, text: &str) -> Result<(), String> {
        let all = [Severity::Critical, Severity::Warning, Severity::Info];
        let known = all.into_iter().find(|severity| severity.as_str() == text);
        self.severity = Some(known.ok_or("expected critical, warning or info")?);
        Ok(())
    }

    /// Sets how long the expression must hold.
    ///
    /// # Errors
    /// What is shorter than a minute, longer than a week, or has a part of a second.
    pub fn set_hold(&mut self, hold: Duration) -> Result<(), String> {
        if hold < HOLD[0] || hold > HOLD[1] || hold.subsec_nanos() != 0 {
            return Err("expected whole seconds from 1m to 7d".to_owned());
        }
        self.hold = Some(hold);
        Ok(())
    }

    /// Leaves the alert out, or not.
    pub const fn set_disabled(&mut self, is_disabled: bool) {
        self.is_disabled = is_disabled;
    }

    /// Sets the processes that the alert `name` leaves out.
    ///
    /// # Errors
    /// The alert is not about processes or measures a whole machine, there are more than 256, or
    /// one cannot stand in a template of Prometheus.
    pub fn set_ignored_processes(&mut self, name: &str, all: Vec<String>) -> Result<(), String> {
        refuse_whole_machine(name)?;
        let knows = rules::all().iter().find(|one| one.name == name);
        if !knows.is_some_and(|one| site::knows_processes(&(one.expr)(&PRODUCTION))) {
            return Err(format!("{name} looks at no label process"));
        }
        self.processes = ignored(all)?;
        Ok(())
    }

    /// The same of workloads.
    ///
    /// # Errors
    /// As [`Self::set_ignored_processes`].
    pub fn set_ignored_workloads(&mut self, name: &str, all: Vec<String>) -> Result<(), String> {
        refuse_whole_machine(name)?;
        let knows = rules::all().iter().find(|one| one.name == name);
        if !knows.is_some_and(|one| site::knows_workloads(&(one.expr)(&PRODUCTION))) {
            return Err(format!("{name} looks at no label workload"));
        }
        self.workloads = ignored(all)?;
        Ok(())
    }
}

/// Refuses the alert whose share is of what a whole machine sends: who is left out of what is
/// retransmitted would still be in what was sent.
fn refuse_whole_machine(name: &str) -> Result<(), String> {
    if name == tcp_retransmit_ratio_high::ALERT.name {
        return Err(format!("{name} measures a whole machine: nothing of it can be left out"));
    }
    Ok(())
}

fn ignored(all: Vec<String>) -> Result<Vec<String>, String> {
    if all.len() > MOST_IGNORED {
        return Err(format!("{} names, at most {MOST_IGNORED} are allowed", all.len()));
    }
    all.iter().try_for_each(|name| matchers::check_value(name))?;
    Ok(all)
}

/// The limits of an alert that can be set, by name; none where there is no such alert.
#[must_use]
pub fn limits(alert: &str) -> Vec<(&'static str, Limit)> {
    let alert = rules::all().iter().find(|one| one.name == alert);
    let terms = alert.map(|one| (one.terms)(&PRODUCTION)).unwrap_or_default();
    terms.into_iter().filter_map(|term| Some((term.key, term.limit?))).collect()
}
