//! What is to be seen of an open page, and what of that is wrong.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

use super::browser::Browser;

/// The most keys that are pressed on a page.
const KEYS: usize = 1000;
/// The elements that a reader goes to with the keyboard.
const ELEMENTS: &str = "[...document.querySelectorAll('a[href],summary')]";
/// The parts whose content does not fit into their width, by how they begin. In a narrow window a
/// part with a table may: it is moved with a finger.
const CUT: &str = "[...document.querySelectorAll('body *')].filter(one => \
    one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== 'visible' && \
    !(innerWidth < 600 && one.querySelector('table'))).map(one => one.innerText.slice(0, 60))";

/// A page as it was seen in one window and scheme.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    /// How wide its content is, and its window, in pixels.
    pub(super) content: u64,
    pub(super) window: u64,
    /// Parts that are wider than their place, by how they begin.
    pub(super) cut: Vec<String>,
    /// The colours of its ground and of its text, as CSS has them.
    pub(super) colors: (String, String),
    /// How many links and foldings there are.
    pub(super) links: usize,
    /// Those that the keyboard does not reach, by their text.
    pub(super) out_of_reach: Vec<String>,
    /// Those that show no outline while they are selected.
    pub(super) without_outline: BTreeSet<String>,
    /// What it asked for besides itself.
    pub(super) requests: Vec<String>,
    /// What the browser found wrong with it.
    pub(super) errors: Vec<String>,
}

/// Where the keyboard is.
#[derive(Debug, Deserialize)]
struct Place {
    /// The place of the element; -1 for none of them.
    at: i64,
    /// Whether it is a folding that is closed.
    is_closed: bool,
    /// Whether it has an outline.
    has_outline: bool,
}

impl Seen {
    /// Looks at the page that is open, of which the address is `url`.
    ///
    /// # Errors
    /// The browser does not answer.
    pub(super) fn of(browser: &mut Browser, url: &str) -> Result<Self> {
        let number = |value: Value| value.as_u64().context("the page tells no number");
        let content = number(browser.value("document.documentElement.scrollWidth")?)?;
        let window = number(browser.value("window.innerWidth")?)?;
        let style = "getComputedStyle(document.body)";
        let mut color = |name: &str| -> Result<String> {
            Ok(browser.value(&format!("{style}.{name}"))?.as_str().unwrap_or_default().to_owned())
        };
        let colors = (color("backgroundColor")?, color("color")?);
        let cut = serde_json::from_value(browser.value(CUT)?).context("read what is cut")?;
        let texts = browser.value(&format!("{ELEMENTS}.map(one => one.innerText)"))?;
        let texts: Vec<String> = serde_json::from_value(texts).context("read the links")?;
        let (reached, without_outline) = walk(browser, texts.len())?;
        let text = |place: &usize| texts.get(*place).cloned().unwrap_or_default();
        let missing: Vec<usize> =
            (0..texts.len()).filter(|place| !reached.contains(place)).collect();
        let (requests, errors) = told(&browser.events(), url);
        Ok(Self {
            content,
            window,
            cut,
            colors,
            links: texts.len(),
            out_of_reach: missing.iter().map(text).collect(),
            without_outline: without_outline.iter().map(text).collect(),
            requests,
            errors,
        })
    }
}

/// Goes through the page with Tab, and opens each folding on the way. Returns the places of the
/// elements that were reached, and of those without an outline.
fn walk(browser: &mut Browser, count: usize) -> Result<(BTreeSet<usize>, BTreeSet<usize>)> {
    let place = format!(
        "(() => {{ const at = document.activeElement; \
         return {{ at: {ELEMENTS}.indexOf(at), \
         is_closed: at.tagName === 'SUMMARY' && !at.parentElement.open, \
         has_outline: parseFloat(getComputedStyle(at).outlineWidth) > 0 \
         && getComputedStyle(at).outlineStyle !== 'none' }} }})()"
    );
    let (mut reached, mut without_outline) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..KEYS {
        browser.press("Tab", 9, "")?;
        let there: Place =
            serde_json::from_value(browser.value(&place)?).context("read where the key led")?;
        // Behind the last element comes the window itself, then the first once more.
        let Ok(at) = usize::try_from(there.at) else { continue };
        if !reached.insert(at) {
            break;
        }
        if !there.has_outline {
            without_outline.insert(at);
        }
        if there.is_closed {
            browser.press("Enter", 13, "\r")?;
        }
        if reached.len() == count {
            break;
        }
    }
    Ok((reached, without_outline))
}

/// Returns of all events what was asked for besides `url`, and what the browser found wrong.
fn told(events: &[Value], url: &str) -> (Vec<String>, Vec<String>) {
    let of = |method: &'static str| events.iter().filter(move |event| event["method"] == method);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let asked = of("Network.requestWillBeSent").map(|event| &event["params"]["request"]["url"]);
    let requests = asked.map(text).filter(|asked| asked != url).collect();
    let entries = of("Log.entryAdded").map(|event| &event["params"]["entry"]);
    let wrong = entries.filter(|entry| entry["level"] == "error" || entry["level"] == "warning");
    (requests, wrong.map(|entry| text(&entry["text"])).collect())
}

/// Returns what is wrong with a page that was seen in a light scheme and then in a dark one.
pub(super) fn faults(seen: &[Seen]) -> Vec<String> {
    let mut faults = BTreeSet::new();
    for one in seen {
        if one.content > one.window {
            let Seen { content, window, .. } = one;
            faults.insert(format!("its content is {content} pixels wide, the window {window}"));
        }
        if one.links == 0 {
            faults.insert("it has no links".to_owned());
        }
        for (what, all) in [
            ("wider than its place is", &one.cut),
            ("the keyboard does not reach", &one.out_of_reach),
            ("it asks for", &one.requests),
            ("the browser says", &one.errors),
        ] {
            faults.extend(all.iter().map(|one| format!("{what} {one:?}")));
        }
        faults.extend(one.without_outline.iter().map(|one| format!("{one:?} has no outline")));
    }
    if let [light, dark] = seen
        && (light.colors.0 == dark.colors.0 || light.colors.1 == dark.colors.1)
    {
        faults.insert(format!("light and dark look alike: {:?}", light.colors));
    }
    faults.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A page with nothing wrong.
    fn good(ground: &str, text: &str) -> Seen {
        Seen {
            content: 400,
            window: 400,
            cut: Vec::new(),
            colors: (ground.to_owned(), text.to_owned()),
            links: 3,
            out_of_reach: Vec::new(),
            without_outline: BTreeSet::new(),
            requests: Vec::new(),
            errors: Vec::new(),
        }
    }

    #[test]
    fn each_fault_of_a_page_is_told_and_a_good_page_has_none() {
        let light = good("white", "black");
        assert_eq!(faults(&[light.clone(), good("black", "white")]), [""; 0]);
        let one = |text: &str| vec![text.to_owned()];
        for (dark, fault) in [
            (good("white", "grey"), "light and dark look alike"),
            (good("grey", "black"), "light and dark look alike"),
            (Seen { content: 401, ..good("b", "w") }, "401 pixels wide, the window 400"),
            (Seen { cut: one("x"), ..good("b", "w") }, "wider than its place is \"x\""),
            (Seen { links: 0, ..good("b", "w") }, "no links"),
            (Seen { out_of_reach: one("x"), ..good("b", "w") }, "does not reach \"x\""),
            (Seen { requests: one("http://x"), ..good("b", "w") }, "asks for \"http://x\""),
            (Seen { errors: one("oh"), ..good("b", "w") }, "the browser says \"oh\""),
            (Seen { without_outline: ["x".to_owned()].into(), ..good("b", "w") }, "no outline"),
        ] {
            let faults = faults(&[light.clone(), dark]);
            assert!(faults.len() == 1 && faults[0].contains(fault), "{fault}: {faults:?}");
        }
    }

    #[test]
    fn what_a_page_asks_for_and_what_is_wrong_with_it_are_told_apart_from_the_page_itself() {
        let request = |url: &str| {
            let parameters = json!({ "request": { "url": url } });
            json!({ "method": "Network.requestWillBeSent", "params": parameters })
        };
        let entry = |level: &str| {
            let entry = json!({ "level": level, "text": level });
            json!({ "method": "Log.entryAdded", "params": { "entry": entry } })
        };
        let events = [
            request("file:///a"),
            request("http://elsewhere/x"),
            entry("verbose"),
            entry("error"),
            json!({ "method": "Page.loadEventFired" }),
        ];
        let (requests, errors) = told(&events, "file:///a");
        assert_eq!((requests, errors), (vec!["http://elsewhere/x".into()], vec!["error".into()]));
    }
}
