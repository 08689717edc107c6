//! `cargo xtask test --full page`: the page at `/` in a browser.
//!
//! The pages are those that the agent's own tests compare with: a healthy machine, one with leaks,
//! an agent in trouble, and what a reader sees who may not ask the API. Each is opened at two
//! widths in a light and in a dark scheme, looked at (`looks`), and left as a picture in
//! `target/page`.

mod browser;
mod looks;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use stack::Folder;

use crate::packages::{self, Consent};
use crate::results::Counts;
use crate::{process, workspace};
use browser::Browser;
use looks::Seen;

/// Where the pages are.
const PAGES: &str = "agent/src/http/page/tests/golden";
/// The widths of the window, in pixels.
const WIDTHS: [u32; 2] = [400, 1400];
/// The height of the window.
const HEIGHT: u32 = 900;
/// The most pixels of a picture from top to bottom.
const TALLEST: u64 = 20_000;
/// The schemes, as CSS has them.
const SCHEMES: [&str; 2] = ["light", "dark"];

/// Opens each page, and says what is not as it should be.
pub(crate) fn main(consent: Consent) -> Result<ExitCode> {
    if !process::on_path("chromium") {
        packages::install(&["chromium"], "to look at the page at /", consent)?;
    }
    let pictures = workspace::root().join("target/page");
    fs::create_dir_all(&pictures).with_context(|| format!("make {}", pictures.display()))?;
    let folder = Folder::new()?;
    let mut browser = Browser::start(folder.path())?;
    let mut counts = Counts::default();
    for page in pages()? {
        let name = page.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for width in WIDTHS {
            let looks = SCHEMES
                .map(|scheme| look(&mut browser, &page, width, scheme, &pictures, &name))
                .into_iter()
                .collect::<Result<Vec<_>>>()?;
            let faults = looks::faults(&looks);
            for fault in &faults {
                println!("page: {name} at {width} pixels: {fault}");
            }
            let links = looks.first().map_or(0, |seen| seen.links);
            println!("page: {name} at {width} pixels: {links} links, {} faults", faults.len());
            *if faults.is_empty() { &mut counts.passed } else { &mut counts.failed } += 1;
        }
    }
    println!("\n== page: {counts}; pictures in {}", pictures.display());
    let is_ok = counts.failed == 0 && counts.passed > 0;
    Ok(if is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns the files of the pages, in order.
fn pages() -> Result<Vec<PathBuf>> {
    let folder = workspace::root().join(PAGES);
    let entries = fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let is_page = |path: &PathBuf| path.extension().is_some_and(|end| end == "html");
    let mut pages: Vec<_> = paths.filter(is_page).collect();
    pages.sort_unstable();
    Ok(pages)
}

/// Opens a page in a window, takes its picture, and goes through it with the keyboard.
fn look(
    browser: &mut Browser,
    page: &Path,
    width: u32,
    scheme: &str,
    pictures: &Path,
    name: &str,
) -> Result<Seen> {
    browser.events();
    let window =
        json!({ "width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": false });
    browser.call("Emulation.setDeviceMetricsOverride", &window)?;
    let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
    browser.call("Emulation.setEmulatedMedia", &json!({ "features": features }))?;
    let url = format!("file://{}", page.display());
    browser.open(&url)?;
    let height = browser.value("document.documentElement.scrollHeight")?;
    let height = height.as_u64().unwrap_or_default().clamp(1, TALLEST);
    let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
    let wanted = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
    let picture = browser.call("Page.captureScreenshot", &wanted)?;
    let picture = STANDARD.decode(picture["data"].as_str().unwrap_or_default());
    let file = pictures.join(format!("{name}-{width}-{scheme}.png"));
    fs::write(&file, picture.context("read the picture")?)
        .with_context(|| format!("write {}", file.display()))?;
    Seen::of(browser, &url)
}
