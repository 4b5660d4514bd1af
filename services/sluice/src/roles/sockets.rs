//! Where a role listens, and how others get to know.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use chassis::listen;
use edge::Listener;
use serde::Serialize;
use tokio::net::TcpListener;

use super::config::listen::Public;
use crate::secret_file;

/// The sockets of an API, bound and not served yet.
pub(super) struct Api {
    pub(super) http: Listener,
    pub(super) grpc: Listener,
}

/// Where a process listens.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Addresses {
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc: Option<SocketAddr>,
    ops: SocketAddr,
}

impl Api {
    /// Binds both; `key` is the section that has the addresses.
    pub(super) async fn bind(key: &str, listen: &Public) -> anyhow::Result<Self> {
        let tls = listen.tls.open().with_context(|| format!("{key}.tls"))?;
        Ok(Self {
            http: Listener {
                socket: listen::bind(&format!("{key}.http"), listen.http).await?,
                tls: tls.clone(),
            },
            grpc: Listener {
                socket: listen::bind(&format!("{key}.grpc"), listen.grpc).await?,
                tls,
            },
        })
    }
}

impl Addresses {
    /// Of these sockets.
    pub(super) fn of(api: Option<&Api>, ops: &TcpListener) -> io::Result<Self> {
        let local = |listener: &TcpListener| listener.local_addr();
        Ok(Self {
            http: api.map(|api| local(&api.http.socket)).transpose()?,
            grpc: api.map(|api| local(&api.grpc.socket)).transpose()?,
            ops: local(ops)?,
        })
    }

    /// Tells people.
    pub(super) fn log(&self, role: &str) {
        let shown = |address: Option<SocketAddr>| address.map(tracing::field::display);
        tracing::info!(role, http = shown(self.http), grpc = shown(self.grpc), ops = %self.ops, "listening");
    }

    /// Tells programs. The file is written whole or not at all.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string(self)?;
        secret_file::write(path, &format!("{text}\n")).with_context(|| format!("writing {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_are_told_for_what_is_there() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listen = Public {
            http: any,
            grpc: any,
            ops: any,
            tls: edge::TlsConfig::default(),
        };
        let api = Api::bind("listen.query", &listen).await.unwrap();
        let ops = listen::bind("listen.query.ops", any).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("addresses.json");
        for (api, names) in [(Some(&api), &["grpc", "http", "ops"][..]), (None, &["ops"])] {
            Addresses::of(api, &ops).unwrap().write(&path).unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            let read: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
            assert_eq!(read.keys().collect::<Vec<_>>(), names);
        }
    }
}
