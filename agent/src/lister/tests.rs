//! A child that a test plays: what it may say, and what becomes of the list.

use std::io::Write as _;

use super::frame::PIECE;
use super::*;

const NETNS: u32 = 7;

/// A list whose child is played by the returned end of its socket.
fn listing() -> (Listing, UnixStream) {
    let (socket, played) = UnixStream::pair().unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let lister = Lister { child, socket };
    (
        Listing { lister, netns: NETNS, rest: 0, state: State::Reading, patience: ALL_PATIENCE },
        played,
    )
}

fn piece(mut to: &UnixStream, bytes: &[u8]) {
    Frame::Piece(bytes.len()).write(to).unwrap();
    to.write_all(bytes).unwrap();
}

#[test]
fn pieces_are_joined_and_a_child_whose_list_has_ended_reads_the_next() {
    let (mut listing, played) = listing();
    piece(&played, b"one ");
    piece(&played, &[b'x'; 1000]);
    Frame::End.write(&played).unwrap();
    let mut bytes = Vec::new();
    listing.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, [b"one ".to_vec(), vec![b'x'; 1000]].concat());
    let mut listers = Listers::default();
    assert!(!listers.end(listing));
    assert!(listers.idle.is_some() && !listers.is_held(NETNS, false));
}

#[test]
fn an_error_of_the_kernel_has_its_number() {
    let (mut listing, played) = listing();
    Frame::Error(12).write(&played).unwrap();
    let error = listing.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(12));
    assert_eq!(listing.read(&mut [0; 8]).unwrap(), 0, "nothing comes after it");
}

#[test]
fn a_child_that_breaks_off_or_talks_nonsense_is_not_asked_again() {
    let says: [&dyn Fn(&UnixStream); 4] = [
        &|_| (),
        &|played| Frame::Piece(8).write(played).unwrap(),
        &|mut played| played.write_all(&[0xff, 0, 0]).unwrap(),
        &|played| Frame::Piece(PIECE + 1).write(played).unwrap(),
    ];
    for (number, say) in says.into_iter().enumerate() {
        let (mut listing, played) = listing();
        say(&played);
        drop(played);
        assert!(listing.read_to_end(&mut Vec::new()).is_err(), "case {number}");
        let mut listers = Listers::default();
        assert!(!listers.end(listing), "case {number}: no lock is to blame");
        assert!(listers.idle.is_none(), "case {number}");
    }
}

#[test]
fn a_list_that_stands_still_is_held_until_its_child_ends() {
    let mut listers = Listers::default();
    let (mut listing, _played) = listing();
    let error = listing.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(listers.end(listing));
    assert!(
        listers.is_held(NETNS, false) && !listers.is_held(NETNS + 1, false) && listers.has_late()
    );
    // What it waited for has come: it finds its socket closed.
    drop(listers.held[0].child.stdin.take());
    let ended = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        listers.late.clear();
        !listers.is_held(NETNS, false)
    });
    assert!(ended && !listers.has_late());
}

#[test]
fn no_more_lists_are_begun_than_may_wait() {
    let mut listers = Listers::default();
    for netns in 0..u32::try_from(MOST_HELD).unwrap() {
        assert!(!listers.is_held(NETNS + 100, false), "before {netns}");
        let (mut listing, _played) = listing();
        listing.netns = netns;
        let _ = listing.read(&mut [0; 8]);
        listers.end(listing);
    }
    assert!(listers.is_held(NETNS + 100, false) && !listers.is_held(NETNS + 100, true));
    for held in &mut listers.held {
        held.child.kill().unwrap();
        held.child.wait().unwrap();
    }
}

#[test]
fn a_namespace_that_comes_late_again_and_again_is_left_alone_for_longer() {
    let mut listers = Listers::default();
    let pauses = [(); 4].map(|()| {
        let before = Instant::now();
        listers.put_off(NETNS);
        assert!(listers.is_held(NETNS, false) && !listers.is_held(NETNS + 1, false));
        assert!(!listers.is_held(NETNS, true), "the own namespace is not left alone");
        (listers.late[&NETNS].until - before).as_secs() / PATIENCE.as_secs()
    });
    assert_eq!(pauses, [1, 2, 4, 8]);
}

#[test]
fn pieces_that_all_come_slowly_are_late_in_the_end() {
    let (mut listing, played) = listing();
    listing.patience = Duration::from_millis(1);
    let slow = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(10));
        piece(&played, b"one");
        played
    });
    assert_eq!(listing.read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert!(Listers::default().end(listing));
    drop(slow.join());
}
