//! The committed picture: that it can be shown anywhere, and is of the program that there is.

use super::tests::{fault, is_alone, texts};
use super::*;

fn committed() -> String {
    std::fs::read_to_string(workspace::root().join(PICTURE)).unwrap()
}

#[test]
fn the_committed_picture_is_well_formed_small_and_loads_nothing() {
    let svg = committed();
    assert_eq!(fault(&svg), None);
    assert!(svg.len() <= MOST && is_alone(&svg), "{} bytes", svg.len());
}

#[test]
fn the_committed_picture_tells_the_story_that_there_is() {
    let svg = committed();
    let texts = texts(&svg);
    for scene in story::SCENES {
        let missing = scene.shows.iter().find(|text| !texts.contains(**text));
        assert_eq!(missing, None, "{}", scene.caption);
        assert!(texts.contains(scene.caption), "{}", scene.caption);
    }
    let screens: u32 = story::SCENES.iter().map(|scene| scene.frames).sum();
    assert_eq!(svg.matches("<g class=\"f ").count(), usize::try_from(screens).unwrap());
    assert!(svg.contains(ABOUT.title) && svg.contains(ABOUT.description));
}

#[test]
fn the_readme_shows_the_picture_and_says_what_it_is() {
    let readme = std::fs::read_to_string(workspace::root().join("README.md")).unwrap();
    let (before, _) = readme.split_once(&format!("]({PICTURE})")).unwrap();
    let (_, text) = before.rsplit_once("![").unwrap();
    assert!(text.len() > 20 && before.lines().count() < 15, "{text}");
}
