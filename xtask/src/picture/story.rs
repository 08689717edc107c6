//! What the picture shows: keys, what the screen has then, and for how long that is to be seen.
//!
//! It is the story of the scenario `fd-leak`: nothing is wrong, a server appears among the
//! suspects, and from there it goes down to one of its connections.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::svg::Frame;
use super::terminal::Terminal;
use crate::bench::interrupt::Interrupt;

/// The scenario of the lab, the process that leaks in it, and its port.
pub(super) const SCENARIO: &str = "fd-leak";
pub(super) const LEAKER: &str = "catalog-api";
const PORT: &str = "8080";
/// How long a scene may take to appear. A suspect takes the longest: what leaks counts as stuck
/// after ten seconds, and as growing after some samples.
const PATIENCE: Duration = Duration::from_secs(90);

/// A part of the story.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene {
    /// The keys that lead to it, by the names that tmux has for them.
    pub(super) keys: &'static [&'static str],
    /// What is on the screen once it is there.
    pub(super) shows: &'static [&'static str],
    /// What stands above it.
    pub(super) caption: &'static str,
    /// How many screens are taken, each this long after the one before.
    pub(super) frames: u32,
    pub(super) each: Duration,
    /// Whether it is what is to be seen without motion.
    pub(super) is_still: bool,
}

const fn scene(
    keys: &'static [&'static str],
    shows: &'static [&'static str],
    caption: &'static str,
) -> Scene {
    Scene { keys, shows, caption, frames: 1, each: Duration::from_secs(3), is_still: false }
}

/// The story.
pub(super) const SCENES: [Scene; 9] = [
    Scene {
        frames: 3,
        each: Duration::from_secs(1),
        ..scene(&[], &["no suspects", "per second", "close_wait"], "tcpwarden top: no suspects yet")
    },
    Scene {
        frames: 2,
        each: Duration::from_secs(2),
        ..scene(&[], &["never_closed", LEAKER], "a suspect: it never closes its connections")
    },
    Scene {
        frames: 3,
        each: Duration::from_secs(2),
        is_still: true,
        ..scene(
            &[],
            &["likely", "descriptors 8"],
            "a minute later: likely, and its descriptors run out",
        )
    },
    scene(
        &["Enter", "Down", "Down"],
        &["sockets of catalog-api", "close_wait (read)"],
        "Enter: its sockets, the oldest first",
    ),
    scene(
        &["Enter"],
        &["FIELD", "connection_age_seconds"],
        "Enter: all that is known of one socket",
    ),
    scene(
        &["Escape", "Escape", "2", "/", "c", "a", "t", "Enter"],
        &["OPEN/s", LEAKER],
        "2: what each process has and does",
    ),
    scene(
        &["3", "/", "8", "0", "8", "0", "Enter"],
        &["PEER", PORT],
        "3: who is asked, and whether it answers",
    ),
    scene(
        &["4", "/", "c", "a", "t", "Enter"],
        &["QUEUE", LEAKER],
        "4: whether accept queues fill up",
    ),
    scene(
        &["5", "/", "c", "a", "t", "Enter"],
        &["WITHIN", "suspect"],
        "5: what has changed since it was started",
    ),
];

/// Plays the story, and returns its screens.
///
/// # Errors
/// A scene does not appear.
pub(super) fn play(terminal: &Terminal, interrupt: &Interrupt) -> Result<Vec<Frame>> {
    let mut frames = Vec::new();
    for (number, scene) in SCENES.iter().enumerate() {
        eprintln!("picture: scene {} of {}: {}", number + 1, SCENES.len(), scene.caption);
        terminal.press(scene.keys)?;
        terminal
            .shows(scene.shows, PATIENCE, interrupt)
            .with_context(|| format!("wait for the scene \"{}\"", scene.caption))?;
        for _ in 0..scene.frames {
            // What has just appeared is drawn in the middle of a refresh: the next one is whole.
            interrupt.sleep(scene.each)?;
            frames.push(Frame {
                screen: terminal.screen()?,
                caption: scene.caption.to_owned(),
                shown: scene.each,
                is_still: scene.is_still,
            });
        }
    }
    Ok(frames)
}
