//! Tests of socket files: their mode, what is replaced and what is left alone, and who is asked
//! where an agent serves at several addresses.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::tests::{Server, ask, start, temporary};
use super::{Access, Bound};
use crate::config::Listen;
use crate::exit::Error;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn take(path: &Path) -> Result<Bound, Error> {
    Bound::take(&Listen::Unix(path.to_owned()), None, Access::File)
}

/// A folder that is removed with what is in it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = temporary(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn get(path: &Path) -> String {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || ask(UnixStream::connect(path).unwrap(), "/healthz"))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_socket_file_serves_has_mode_0660_and_goes_with_the_server() {
    let path = temporary("serve.sock");
    let server = start(&Listen::Unix(path.clone()));
    assert_eq!(server.url, format!("unix:{}", path.display()));
    assert_eq!(mode(&path), 0o660);
    let answer = get(&path).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let Server { bound, stop, done, .. } = server;
    drop(bound);
    stop.send(()).unwrap();
    done.await.unwrap();
    assert!(!path.exists());
}

#[test]
fn only_a_socket_file_that_nobody_answers_on_is_replaced() {
    let path = temporary("stale.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let bound = take(&path).unwrap();
    let Err(Error::Listen { source, .. }) = take(&path) else { panic!("taken twice") };
    assert_eq!(source.kind(), std::io::ErrorKind::AddrInUse);
    assert_eq!(Bound::holder(&path), Some(std::process::id().cast_signed()), "who has it");
    drop(bound);
    fs::write(&path, "precious").unwrap();
    let error = take(&path).unwrap_err();
    assert!(error.to_string().contains("not a socket"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    fs::remove_file(&path).unwrap();
    let nowhere = take(Path::new("/nonexistent/x.sock")).unwrap_err();
    assert!(nowhere.to_string().contains("create the directory first"), "{nowhere}");
}

#[test]
fn the_file_beside_the_addresses_is_for_its_user_or_for_a_group_and_its_folder_is_made() {
    let folder = Folder::new("beside");
    let path = folder.0.join("made/x.sock");
    let bound = Bound::beside(&path, None).unwrap();
    assert_eq!(bound.url(), format!("unix:{}", path.display()));
    assert!(bound.is_file() && bound.access() == Access::File);
    assert_eq!([mode(&path), mode(path.parent().unwrap())], [0o600, 0o755]);
    drop(bound);
    assert!(!path.exists() && path.parent().unwrap().exists());
    let group = fs::metadata(&folder.0).unwrap().gid();
    let bound = Bound::beside(&path, Some(group)).unwrap();
    assert_eq!((mode(&path), fs::metadata(&path).unwrap().gid()), (0o660, group));
    drop(bound);
    let error = Bound::beside(&folder.0.join("no/such/x.sock"), None).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "only the last folder is made");
}

#[test]
fn what_is_no_stream_socket_of_an_agent_is_left_alone() {
    let folder = Folder::new("others");
    let path = folder.0.join("x.sock");
    let mut open = None;
    for what in ["a file", "a folder", "a link to nothing", "a datagram socket"] {
        match what {
            "a file" => fs::write(&path, "x").unwrap(),
            "a folder" => fs::create_dir(&path).unwrap(),
            "a link to nothing" => symlink("/nonexistent", &path).unwrap(),
            _ => open = Some(UnixDatagram::bind(&path).unwrap()),
        }
        let before = fs::symlink_metadata(&path).unwrap().ino();
        assert!(Bound::beside(&path, None).is_err(), "{what}");
        assert_eq!(fs::symlink_metadata(&path).unwrap().ino(), before, "{what}");
        let _ = fs::remove_file(&path).or_else(|_error| fs::remove_dir(&path));
    }
    drop(open);
}

#[test]
fn of_many_that_start_at_once_one_gets_the_file() {
    let folder = Folder::new("race");
    let path = folder.0.join("x.sock");
    for _ in 0..20 {
        drop(UnixListener::bind(&path).unwrap());
        let all: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| Bound::beside(&path, None))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(all.iter().filter(|bound| bound.is_ok()).count(), 1);
        UnixStream::connect(&path).unwrap();
    }
}

#[test]
fn one_that_does_not_accept_keeps_nobody_waiting() {
    let folder = Folder::new("full");
    let path = folder.0.join("x.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let mut waiting = Vec::new();
    // Until its queue is full.
    while let Ok(stream) = socket_connect(&path) {
        waiting.push(stream);
    }
    let error = Bound::beside(&path, None).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert_eq!(Bound::holder(&path), None, "it cannot be told");
}

/// Connects without waiting.
fn socket_connect(path: &Path) -> rustix::io::Result<std::os::fd::OwnedFd> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
    let flags = SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}
