//! The listening socket and the connections it accepts.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tonic::transport::server::Connected;

#[cfg(unix)]
pub(super) use super::unix::Listener;

/// Where the host finds us, in go-plugin's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) network: &'static str,
    pub(super) address: String,
}

/// How long a client may take for the TLS handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An accepted connection, encrypted or not.
pub(super) struct Connection(Box<dyn Stream>);

impl Connected for Connection {
    type ConnectInfo = ();
    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Accepts connections until the receiver is gone. TLS handshakes run side by side, so that a client that
/// never finishes one keeps nobody waiting.
pub(super) async fn accept(
    listener: &Listener,
    tls: Option<TlsAcceptor>,
    ready: mpsc::Sender<Result<Connection, io::Error>>,
) {
    while !ready.is_closed() {
        let stream = match listener.accept().await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                // Out of file descriptors, most likely: a moment may help, a busy loop would not.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (tls, ready) = (tls.clone(), ready.clone());
        tokio::spawn(async move {
            let connection = match tls {
                None => Connection(Box::new(stream)),
                Some(tls) => match tokio::time::timeout(HANDSHAKE_LIMIT, tls.accept(stream)).await {
                    Ok(Ok(stream)) => Connection(Box::new(stream)),
                    Ok(Err(error)) => return tracing::warn!(%error, "refused a connection"),
                    Err(_) => return tracing::warn!("refused a connection: no TLS handshake in time"),
                },
            };
            // The server is shutting down when nobody takes it.
            let _ = ready.send(Ok(connection)).await;
        });
    }
}

/// TCP on loopback, where there are no unix sockets.
#[cfg(not(unix))]
pub(super) use tcp::Listener;

#[cfg(any(not(unix), test))]
mod tcp {
    use std::io;
    use std::net::Ipv4Addr;

    use tokio::net::{TcpListener, TcpStream};

    use super::Address;
    use crate::server::handshake::Placement;

    pub(in crate::server) struct Listener(TcpListener);

    impl Listener {
        /// Listens on the first free port of the range that the host gives; on any when it gives none.
        pub(in crate::server) async fn bind(placement: &Placement) -> io::Result<Self> {
            let (min, max) = placement.ports;
            for port in min..=max.max(min) {
                if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
                    return Ok(Self(listener));
                }
            }
            Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                format!("no free port from {min} to {max}"),
            ))
        }

        pub(in crate::server) fn address(&self) -> io::Result<Address> {
            Ok(Address {
                network: "tcp",
                address: self.0.local_addr()?.to_string(),
            })
        }

        pub(in crate::server) async fn accept(&self) -> io::Result<TcpStream> {
            self.0.accept().await.map(|(stream, _)| stream)
        }
    }

    #[cfg(test)]
    #[tokio::test]
    async fn takes_the_first_free_port_of_the_range() {
        let any = Listener::bind(&Placement::default()).await.unwrap();
        let taken = any.0.local_addr().unwrap().port();
        assert_eq!(
            any.address().unwrap(),
            Address {
                network: "tcp",
                address: format!("127.0.0.1:{taken}")
            }
        );
        let only_taken = Placement {
            ports: (taken, taken),
            ..Default::default()
        };
        assert!(Listener::bind(&only_taken).await.is_err());
        let range = Placement {
            ports: (taken, taken.saturating_add(50)),
            ..Default::default()
        };
        let next = Listener::bind(&range).await.unwrap();
        let client = TcpStream::connect(next.0.local_addr().unwrap()).await.unwrap();
        let served = next.accept().await.unwrap();
        assert_eq!(served.peer_addr().unwrap(), client.local_addr().unwrap());
    }
}
