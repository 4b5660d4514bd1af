//! Redis. So far it is only asked whether it is there; limits that replicas share will need it.
//!
//! Nothing waits for it, and a process without it is ready.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{
    Client, ClientTlsConfig, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisError,
    TlsCertificates,
};

use super::config::client_tls::ClientTls;
use super::config::redis::Redis as Config;

/// Its name in checks and logs.
pub(super) const NAME: &str = "redis";
/// The longest pause between two tries to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A connection that mends itself. Clones share it.
#[derive(Clone)]
pub(super) struct Redis(ConnectionManager);

impl Redis {
    /// Prepares a connection, without making it yet; none where no Redis is configured.
    pub(super) fn new(config: &Config) -> anyhow::Result<Option<Self>> {
        let Some((host, port)) = config.host_and_port() else {
            return Ok(None);
        };
        let settings = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(config.timeout.duration()))
            .set_response_timeout(Some(config.timeout.duration()))
            .set_max_delay(LONGEST_PAUSE);
        let client = client(config, host, port).context("redis settings")?;
        let manager = ConnectionManager::new_lazy_with_config(client, settings).context("redis settings")?;
        Ok(Some(Self(manager)))
    }

    /// Whether it answers.
    pub(super) async fn ping(&self) -> Result<(), RedisError> {
        redis::cmd("PING").query_async(&mut self.0.clone()).await
    }
}

fn client(config: &Config, host: String, port: u16) -> anyhow::Result<Client> {
    let mut who = RedisConnectionInfo::default().set_db(i64::from(config.database));
    if let Some(name) = &config.username {
        who = who.set_username(name);
    }
    if let Some(password) = &config.password {
        who = who.set_password(password.reveal());
    }
    if !config.tls.enabled {
        let info = ConnectionAddr::Tcp(host, port)
            .into_connection_info()?
            .set_redis_settings(who);
        return Ok(Client::open(info)?);
    }
    let address = ConnectionAddr::TcpTls {
        host,
        port,
        insecure: false,
        tls_params: None,
    };
    let info = address.into_connection_info()?.set_redis_settings(who);
    Ok(Client::build_with_tls(info, certificates(&config.tls)?)?)
}

fn certificates(tls: &ClientTls) -> io::Result<TlsCertificates> {
    let read = |path: &Path| fs::read(path);
    let identity = tls.identity();
    let client_tls = identity.map(|(cert, key)| {
        Ok::<_, io::Error>(ClientTlsConfig {
            client_cert: read(&cert)?,
            client_key: read(&key)?,
        })
    });
    Ok(TlsCertificates {
        client_tls: client_tls.transpose()?,
        root_cert: tls.ca.as_deref().map(read).transpose()?,
    })
}
