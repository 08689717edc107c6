//! Tests of the picture: how two small screens are drawn, and the committed picture.

use std::path::Path;
use std::time::Duration;

use super::screen::Screen;
use super::*;

/// A small screen.
const SMALL: Size = Size { columns: 24, lines: 3 };

/// Returns a frame of a capture.
fn frame(capture: &str, caption: &str, seconds: u64, is_still: bool) -> Frame {
    let screen = Screen::read(capture, SMALL).unwrap();
    Frame { screen, caption: caption.to_owned(), shown: Duration::from_secs(seconds), is_still }
}

/// Returns two frames that have every kind of text.
fn two() -> String {
    let first = "plain  \u{1b}[33mwarn\u{1b}[39m   \u{1b}[1;31mbad\u{1b}[0m\n\
                 \u{1b}[2;4mPROCESS\u{1b}[0m  \u{1b}[2;4mCONNS\u{1b}[0m\n";
    let second = "a<b & \"c\">\u{9b}d\n\u{1b}[7m \u{1b}[33m界 row\u{1b}[39m  x  \u{1b}[0m\n";
    let frames = [frame(first, "first", 1, false), frame(second, "Enter: <it>", 3, true)];
    svg::render(&frames, SMALL, About { title: "t & u", description: "two \"frames\"" })
}

/// Returns the text between the tags, a piece a line.
pub(super) fn texts(svg: &str) -> String {
    let parts = svg.split('<').filter_map(|part| part.split_once('>'));
    parts
        .map(|(_, text)| text)
        .filter(|text| !text.trim().is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns what is wrong with the tags of a document, if anything is.
pub(super) fn fault(svg: &str) -> Option<String> {
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let Some((tag, text)) = part.split_once('>') else { return Some(format!("<{part}")) };
        let entities = ["amp;", "lt;", "gt;", "quot;"];
        let is_known = |rest: &str| entities.iter().any(|known| rest.starts_with(known));
        if text.contains('"') || !text.split('&').skip(1).all(is_known) {
            return Some(text.to_owned());
        }
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Some(format!("</{name}>"));
            }
            continue;
        }
        let outside: Vec<_> = tag.split('"').step_by(2).collect();
        let is_name = |part: &str| part.ends_with('=') && part.matches(['=', ' ']).count() == 1;
        let names = &outside[..outside.len() - 1];
        let all = names.iter().enumerate().all(|(place, part)| match place {
            0 => part.split_once(' ').is_some_and(|(_, name)| is_name(name)),
            _ => part.strip_prefix(' ').is_some_and(is_name),
        });
        if !all || (!names.is_empty() && !["", "/"].contains(outside.last().unwrap())) {
            return Some(format!("<{tag}>"));
        }
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    open.last().map(|name| format!("<{name}> without an end"))
}

#[test]
fn two_screens_are_drawn_as_committed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/picture/golden.svg");
    let svg = two();
    if std::env::var_os("TCPWARDEN_BLESS").is_some() {
        std::fs::write(&path, &svg).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == svg,
        "{} differs; if that is meant, rewrite it with TCPWARDEN_BLESS=1 cargo test -p xtask",
        path.display()
    );
}

#[test]
fn texts_are_escaped_and_the_document_is_well_formed() {
    let svg = two();
    assert_eq!(fault(&svg), None);
    for text in [
        "t &amp; u",
        "two &quot;frames&quot;",
        "Enter: &lt;it&gt;",
        "a&lt;b &amp; ",
        "&gt;\u{fffd}d",
    ] {
        assert!(texts(&svg).contains(text), "{text}");
    }
    for wrong in ["<a><b></a></b>", "<a", "<a>&nbsp;</a>", "<a b=c d=\"e\"></a>", "<a>"] {
        assert!(fault(wrong).is_some(), "{wrong}");
    }
}

#[test]
fn colours_have_their_class_and_a_reversed_text_has_a_ground() {
    let svg = two();
    for part in [
        "<tspan class=\"c3\" x=\"70\" textLength=\"32\">warn</tspan>",
        "<tspan class=\"c1 b\" x=\"126\" textLength=\"24\">bad</tspan>",
        "<tspan class=\"d u\" x=\"14\" textLength=\"56\">PROCESS</tspan>",
        "<rect class=\"c3\" x=\"22\" y=\"55\" width=\"48\" height=\"17\"/>",
        "<tspan class=\"v\" x=\"22\" textLength=\"48\">界 row</tspan>",
    ] {
        assert!(svg.contains(part), "{part}\n{svg}");
    }
}

#[test]
fn each_screen_is_shown_for_its_time_and_one_without_motion() {
    let svg = two();
    for part in [
        "animation:4.0s step-end infinite",
        "@keyframes k0{0.000%{visibility:visible}25.000%{visibility:hidden}}",
        "k1{0%{visibility:hidden}25.000%{visibility:visible}100.000%{visibility:hidden}}",
        "<g class=\"f f0\">",
        "<g class=\"f f1 s\">",
        "prefers-reduced-motion:reduce",
    ] {
        assert!(svg.contains(part), "{part}\n{svg}");
    }
}

/// Whether nothing in it is loaded from elsewhere or run.
pub(super) fn is_alone(svg: &str) -> bool {
    let rest = svg.replacen("http://www.w3.org/2000/svg", "", 1);
    let banned = ["url(", "@import", "@font-face", "<script", "<image", "href", "src="];
    // A text may name the agent's own address.
    let hosts = rest.split("://").skip(1).all(|rest| rest.starts_with("127.0.0.1:"));
    hosts && !banned.iter().any(|banned| rest.contains(banned))
}

#[test]
fn what_loads_something_is_found() {
    assert!(is_alone(&two()));
    for wrong in ["<image href='x'/>", "https://example.org/x"] {
        assert!(!is_alone(&two().replace("first", wrong)), "{wrong}");
    }
}

#[test]
fn an_agent_that_is_not_there_is_named() {
    let args = Args {
        output: None,
        agent: Some("/nonexistent/tcpwarden".into()),
        lab: None,
        consent: ConsentArgs::default(),
    };
    let error = format!("{:#}", main(&args).unwrap_err());
    assert!(error.contains("find /nonexistent/tcpwarden"), "{error}");
}
