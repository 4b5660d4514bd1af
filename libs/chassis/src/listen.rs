//! Binding a TCP listener with an error that an operator can act on: it names the key, the address and the reason.

use std::io;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// The address could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("{key}: address {address} {reason}")]
pub struct Error {
    /// The configuration key that holds the address.
    pub key: String,
    /// The address.
    pub address: SocketAddr,
    reason: String,
    #[source]
    source: io::Error,
}

/// Listens on `address`, which came from the configuration key `key`.
///
/// Port 0 takes any free port; `TcpListener::local_addr` tells which.
pub async fn bind(key: &str, address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error {
        key: key.to_owned(),
        address,
        reason: reason(&source),
        source,
    })
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "is in use by another process; stop it or choose another port".to_owned(),
        io::ErrorKind::AddrNotAvailable => "belongs to no interface of this machine".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "may not be bound by this user (ports below 1024 need a privilege)".to_owned()
        }
        _ => format!("cannot be bound: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_in_use_is_reported_with_its_key() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let first = bind("listen.http", any).await.unwrap();
        let taken = first.local_addr().unwrap();

        let error = bind("listen.http", taken).await.unwrap_err();

        let expected = format!("listen.http: address {taken} is in use");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_refused() {
        // RFC 5737: 192.0.2.0/24 is never assigned.
        let error = bind("listen.ops", SocketAddr::from(([192, 0, 2, 1], 0)))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("belongs to no interface"), "{error}");
    }
}
