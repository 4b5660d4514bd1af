//! A socket with its encryption.

use std::sync::Arc;

use tokio::net::TcpListener;

use crate::tls::Tls;

/// A socket that is bound, and how its connections are encrypted, if they are.
#[derive(Debug)]
pub struct Listener {
    /// The socket.
    pub socket: TcpListener,
    /// Without it connections are in the clear.
    pub tls: Option<Arc<Tls>>,
}

impl From<TcpListener> for Listener {
    /// In the clear.
    fn from(socket: TcpListener) -> Self {
        Self { socket, tls: None }
    }
}
