//! The beginning of a connection: TLS where the rules want it.
//!
//! Used by `serve`. Guarantees: a handshake takes at most [`HANDSHAKE`], and ends nothing but its
//! own connection; a client that speaks plain HTTP there is told so.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::listener::{Accepted, Stream};
use super::web::Web;

/// The longest handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The first byte of a client that speaks TLS (RFC 8446, 5.1: a record of a handshake).
const TLS: u8 = 22;
/// What another client is told, as other servers do.
const PLAIN: &[u8] = b"HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\r\n\
    this port speaks TLS: ask with https://\n";

/// A connection on which HTTP is spoken.
pub(super) struct Begun {
    pub(super) stream: Box<dyn Stream>,
    /// Whether the client has shown a certificate that was verified.
    pub(super) is_verified: bool,
}

/// Returns the connection on which HTTP is spoken.
///
/// # Errors
/// Why there is none.
pub(super) async fn begin(accepted: Accepted, web: Option<&Web>) -> io::Result<Begun> {
    let plain = |stream| Ok(Begun { stream, is_verified: false });
    let rules = web.map(Web::rules).unwrap_or_default();
    match (accepted, &rules.tls) {
        (Accepted::Tcp(stream), Some(tls)) => {
            let late = |_elapsed| io::Error::from(io::ErrorKind::TimedOut);
            let tls = TlsAcceptor::from(Arc::clone(tls));
            let stream = timeout(HANDSHAKE, handshake(stream, tls)).await.map_err(late)??;
            let has_shown = stream.get_ref().1.peer_certificates().is_some();
            Ok(Begun { stream: Box::new(stream), is_verified: has_shown && rules.verifies })
        }
        (Accepted::Tcp(stream), None) => plain(Box::new(stream)),
        (Accepted::Unix(stream), _) => plain(Box::new(stream)),
    }
}

async fn handshake(mut stream: TcpStream, tls: TlsAcceptor) -> io::Result<TlsStream<TcpStream>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first != [TLS] {
        stream.write_all(PLAIN).await?;
        stream.shutdown().await?;
        // What the client still sends would reset the connection before it has read.
        let mut rest = [0; 1024];
        while tokio::io::AsyncReadExt::read(&mut stream, &mut rest).await? > 0 {}
        return Err(io::Error::other("the client speaks no TLS"));
    }
    tls.accept(stream).await
}

#[cfg(test)]
mod tests {
    use testkit::certificates::Certificates;
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;
    use crate::web::Web as File;

    #[tokio::test(start_paused = true)]
    async fn a_handshake_that_does_not_go_on_ends_after_its_time() {
        let files = Certificates::new().unwrap();
        files.authority("ca").unwrap();
        let text = "tls_server_config: {cert_file: ca.pem, key_file: ca.key}";
        let file = File::open(&files.write("web.yml", text).unwrap()).unwrap();
        let web = Arc::new(Web::of_tests(&file));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _silent = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let start = Instant::now();
        let accepted = Accepted::Tcp(listener.accept().await.unwrap().0);
        let error = begin(accepted, Some(&web)).await.err().unwrap();
        assert_eq!((error.kind(), start.elapsed()), (io::ErrorKind::TimedOut, HANDSHAKE));
    }
}
