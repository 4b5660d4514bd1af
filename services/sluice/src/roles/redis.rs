//! Redis. So far it is only asked whether it is there; limits that replicas share will need it.
//!
//! Nothing waits for it, and a process without it is ready.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

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
/// How often connecting is tried again for one question; the next question tries anew.
const RETRIES: usize = 1;

/// A connection that mends itself.
pub(super) struct Redis {
    client: Client,
    settings: ConnectionManagerConfig,
    manager: Mutex<ConnectionManager>,
}

impl Redis {
    /// Prepares a connection, without making it yet; none where no Redis is configured.
    pub(super) fn new(config: &Config) -> anyhow::Result<Option<Self>> {
        let Some((host, port)) = config.host_and_port() else {
            return Ok(None);
        };
        let settings = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(config.timeout.duration()))
            .set_response_timeout(Some(config.timeout.duration()))
            .set_number_of_retries(RETRIES);
        let client = client(config, host, port).context("redis settings")?;
        let manager = ConnectionManager::new_lazy_with_config(client.clone(), settings.clone());
        Ok(Some(Self {
            client,
            settings,
            manager: Mutex::new(manager.context("redis settings")?),
        }))
    }

    /// Whether it answers.
    pub(super) async fn ping(&self) -> Result<(), RedisError> {
        let mut manager = self.manager().clone();
        let answer = redis::cmd("PING").query_async(&mut manager).await;
        if let Err(error) = &answer
            && !error.is_io_error()
        {
            // A manager tries no more after a refusal, such as that of a password that may be right tomorrow.
            let (client, settings) = (self.client.clone(), self.settings.clone());
            *self.manager() = ConnectionManager::new_lazy_with_config(client, settings)?;
        }
        answer
    }

    fn manager(&self) -> MutexGuard<'_, ConnectionManager> {
        self.manager.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use chassis::config::Secret;

    use super::*;

    #[tokio::test]
    async fn none_is_made_without_an_address() {
        assert!(Redis::new(&Config::default()).unwrap().is_none());
    }

    #[tokio::test]
    async fn one_that_is_away_is_told_soon_with_and_without_tls() {
        let mut config = Config {
            address: "127.0.0.1:1".to_owned(),
            username: Some("sluice".to_owned()),
            password: Some(Secret::new("hunter2")),
            ..Config::default()
        };
        for encrypted in [false, true] {
            config.tls.enabled = encrypted;
            let redis = Redis::new(&config).unwrap().unwrap();
            let error = redis.ping().await.unwrap_err();
            assert!(
                error.is_io_error() && !error.to_string().contains("hunter2"),
                "{error}"
            );
        }
    }
}
