//! The beginning of a connection: TLS where the rules want it.
//!
//! Used by `serve`. Guarantees: a handshake takes at most [`HANDSHAKE`], and ends nothing but its
//! own connection; a client that speaks plain HTTP there is told so.

use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

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

/// Returns the stream on which HTTP is spoken.
///
/// # Errors
/// Why there is none.
pub(super) async fn begin(accepted: Accepted, web: Option<&Web>) -> io::Result<Box<dyn Stream>> {
    let rules = web.map(Web::rules);
    match (accepted, rules.and_then(|rules| rules.tls.clone())) {
        (Accepted::Tcp(stream), Some(tls)) => {
            let late = |_elapsed| io::Error::from(io::ErrorKind::TimedOut);
            timeout(HANDSHAKE, handshake(stream, tls.into())).await.map_err(late)?
        }
        (Accepted::Tcp(stream), None) => Ok(Box::new(stream)),
        (Accepted::Unix(stream), _) => Ok(Box::new(stream)),
    }
}

async fn handshake(mut stream: TcpStream, tls: TlsAcceptor) -> io::Result<Box<dyn Stream>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first != [TLS] {
        stream.write_all(PLAIN).await?;
        stream.shutdown().await?;
        // What the client still sends would reset the connection before it has read.
        let mut rest = [0; 1024];
        while tokio::io::AsyncReadExt::read(&mut stream, &mut rest).await? > 0 {}
        return Err(io::Error::other("the client speaks no TLS"));
    }
    Ok(Box::new(tls.accept(stream).await?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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
