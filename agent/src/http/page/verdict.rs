//! The first line of the page: whether something leaks, hangs or fills up, in words, and who. Below
//! it whether the agent can be believed, and the four numbers to look at first.

use std::cmp::Reverse;

use catalogue::metrics::{agent, connections, lifecycle};

use super::html::Html;
use super::{Details, NEARLY, Overview, filling, health, source, stuck};
use crate::conn::Totals;
use crate::metrics::stats::Whose;

/// The most names in one sentence.
const NAMES: usize = 3;

/// The line, and what is wrong with the agent itself.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) line: String,
    accuses: bool,
    troubles: Vec<String>,
}

/// Who does the same.
#[derive(Debug, Default)]
struct Who(Vec<String>);

impl Who {
    fn add(&mut self, name: &str) {
        if !self.0.iter().any(|known| known == name) {
            self.0.push(name.to_owned());
        }
    }

    /// Adds a sentence about them to the line; a verb for one and a verb for several.
    fn tell(&self, line: &mut Vec<String>, one: &str, several: &str) {
        let Some((last, first)) = self.0[..self.0.len().min(NAMES)].split_last() else { return };
        let more = self.0.len().saturating_sub(NAMES);
        let names = match (first, more) {
            ([], _) => last.clone(),
            (first, 0) => format!("{} and {last}", first.join(", ")),
            (first, more) => format!("{}, {last} and {more} more", first.join(", ")),
        };
        line.push(format!("{names} {}.", if self.0.len() == 1 { one } else { several }));
    }
}

/// Returns the verdict.
pub(super) fn verdict(overview: &Overview, details: Option<&Details>) -> Verdict {
    let mut line = Vec::new();
    if let Some(details) = details {
        accuse(details, &mut line);
    } else {
        let mut who = Who::default();
        for one in stuck::lines(&overview.snapshot) {
            who.add(one.process);
        }
        who.tell(&mut line, "has stuck connections", "have stuck connections");
    }
    fills_up(overview).tell(&mut line, "fills up", "fill up");
    let accuses = !line.is_empty();
    let troubles = health::troubles(overview);
    if !accuses {
        line.push(all_is_well(overview, details.is_some(), troubles.is_empty()).to_owned());
    }
    Verdict { line: line.join(" "), accuses, troubles }
}

/// Returns the line where nobody is accused.
const fn all_is_well(overview: &Overview, is_whole: bool, is_sure: bool) -> &'static str {
    match (overview.snapshot.last_reconcile, is_whole, is_sure) {
        (None, _, _) => "The first look at the sockets is not over yet.",
        (Some(_), true, true) => "Nothing leaks, hangs or fills up.",
        (Some(_), true, false) => "Nothing is seen that leaks, hangs or fills up.",
        (Some(_), false, true) => "Nothing is stuck, nothing fills up.",
        (Some(_), false, false) => "Nothing is seen that is stuck or fills up.",
    }
}

/// Tells who leaks and who hangs.
fn accuse(details: &Details, line: &mut Vec<String>) {
    let [mut leaks, mut may_leak, mut hangs, mut may_hang] = [(); 4].map(|()| Who::default());
    for suspect in &details.leaks.suspects {
        let hang = matches!(
            suspect.kind.as_str(),
            "never_read" | "never_accepted" | "no_answer" | "unacknowledged"
        );
        let who = match (hang, suspect.certainty == "likely") {
            (false, true) => &mut leaks,
            (false, false) => &mut may_leak,
            (true, true) => &mut hangs,
            (true, false) => &mut may_hang,
        };
        who.add(&suspect.process);
    }
    leaks.tell(line, "leaks connections", "leak connections");
    hangs.tell(line, "hangs", "hang");
    may_leak.tell(line, "may leak connections", "may leak connections");
    may_hang.tell(line, "may hang", "may hang");
}

/// Returns what is nearly used up, or will be by its trend.
fn fills_up(overview: &Overview) -> Who {
    let mut who = Who::default();
    let stats = &overview.stats;
    for one in filling::listeners(&overview.snapshot).iter().filter(|one| one.fullest >= NEARLY) {
        who.add(&queue(&one.process, one.port));
    }
    for (process, read) in filling::processes(&overview.snapshot) {
        if filling::share(read) >= NEARLY {
            who.add(&format!("{} (descriptors)", process.process));
        }
    }
    for one in overview.snapshot.pressure.ports.iter().filter(|one| one.ratio() >= NEARLY) {
        who.add(&format!("{} (local ports)", filling::netns(one.netns, stats.host_netns)));
    }
    let mut soonest: Vec<_> = stats.running_out.iter().collect();
    soonest.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    for one in soonest {
        who.add(&match &one.whose {
            Whose::Descriptors(process, _) => format!("{process} (descriptors)"),
            Whose::AcceptQueue(process, _, port) => queue(process, *port),
            Whose::Ports(netns) => {
                format!("{} (local ports)", filling::netns(*netns, stats.host_netns))
            }
        });
    }
    who
}

fn queue(process: &str, port: Option<u16>) -> String {
    let port = port.map(|port| format!(" of port {port}")).unwrap_or_default();
    format!("{process} (accept queue{port})")
}

impl Verdict {
    /// Writes the head of the page.
    pub(super) fn write(&self, html: &mut Html) {
        html.raw(match (self.accuses, self.troubles.is_empty()) {
            (true, _) => "<section class='verdict bad'>",
            (false, false) => "<section class='verdict doubt'>",
            (false, true) => "<section class='verdict good'>",
        });
        html.raw("<h1>").text(&self.line).raw("</h1>\n");
        if !self.troubles.is_empty() {
            html.raw("<p>The agent itself is in trouble, so this may be incomplete:</p>\n<ul>");
            for trouble in &self.troubles {
                html.raw("<li>").text(trouble).raw("\n");
            }
            html.raw("</ul>\n");
        }
        html.raw("</section>\n");
    }
}

/// Writes the four numbers to look at first.
pub(super) fn tiles(html: &mut Html, overview: &Overview, details: Option<&Details>) {
    let snapshot = &overview.snapshot;
    html.raw("<dl class=tiles>\n");
    if let Some(details) = details {
        html.raw("<div><dt>suspects<dd>")
            .count(wide(details.leaks.matched), &source::leaks("/matched"));
        html.raw("</div>\n<div><dt>failing destinations<dd>");
        html.count(wide(details.failures.matched), &source::failures("/matched"));
    } else {
        let stuck: u64 = stuck::lines(snapshot).iter().map(|one| one.older_than[0]).sum();
        let of = source::sum(&connections::CONNECTIONS_STUCK, &[("min_age", "60")]);
        html.raw("<div><dt>connections stuck<dd>").count(stuck, &of);
        html.raw("</div>\n<div><dt>connects failed<dd>");
        let failed = Totals::of(snapshot).failed;
        html.count(failed, &source::sum(&lifecycle::CONNECT_FAILURES, &[]));
    }
    html.raw("</div>\n<div><dt>nearest to its limit<dd>");
    match nearest(overview) {
        Some((share, of)) => html.number(format_args!("{:.0} %", share * 100.0), share, &of),
        None => html.raw("–"),
    };
    html.raw("</div>\n<div><dt>sockets followed<dd>");
    html.count(snapshot.tracked, &source::series(&agent::CONNECTIONS_TRACKED, &[]));
    html.raw("</div>\n</dl>\n");
}

/// Returns the largest share in use of a queue, of descriptors or of ports, and where it stands.
fn nearest(overview: &Overview) -> Option<(f64, String)> {
    let (snapshot, host) = (&overview.snapshot, overview.stats.host_netns);
    let queue =
        filling::listeners(snapshot).first().map(|one| (one.fullest, filling::fullest(one)));
    let process = filling::processes(snapshot)
        .first()
        .map(|(of, read)| (filling::share(*read), filling::of_descriptors(of)));
    let ports = snapshot.pressure.ports.iter().max_by(|one, other| {
        one.ratio().total_cmp(&other.ratio()).then(Reverse(one.netns).cmp(&Reverse(other.netns)))
    });
    let ports = ports.map(|one| (one.ratio(), filling::of_ports(one.netns, host)));
    [queue, process, ports].into_iter().flatten().max_by(|one, other| one.0.total_cmp(&other.0))
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
