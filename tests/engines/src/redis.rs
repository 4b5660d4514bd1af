//! Redis, as the machine has it, without anything written to disk: a restarted one is empty.

use std::fs;
use std::sync::atomic::AtomicBool;

use anyhow::Result;

use crate::certificates::Certificates;
use crate::folder::Folder;
use crate::ports::Port;
use crate::probe;
use crate::process::{Process, Ready};

/// How a Redis is started. The default is plaintext on a free port, without a password.
#[derive(Clone, Default)]
pub struct RedisOptions {
    /// The password of the default user. It may not hold a quote.
    pub password: Option<String>,
    /// TLS alone, with these.
    pub certificates: Option<Certificates>,
    /// Whether clients must show a certificate too.
    pub mutual: bool,
    /// The port, when it is free; any other when not, or when 0.
    pub port: u16,
}

/// A running Redis; it is ended when dropped.
pub struct Redis {
    process: Process,
    port: Port,
}

impl Redis {
    /// Starts one and waits until it answers.
    pub fn start() -> Self {
        Self::start_with(&RedisOptions::default())
    }

    /// Starts one with `options`.
    pub fn start_with(options: &RedisOptions) -> Self {
        let never = AtomicBool::new(false);
        Self::try_start(options, &never).unwrap_or_else(|error| panic!("{error:#}"))
    }

    pub(crate) fn try_start(options: &RedisOptions, given_up: &AtomicBool) -> Result<Self> {
        let dir = Folder::make("redis")?;
        let port = Port::preferred(options.port)?;
        let number = port.number();
        let mut lines = vec![
            "bind 127.0.0.1".to_owned(),
            "save \"\"".to_owned(),
            "appendonly no".to_owned(),
            format!("dir {}", dir.path().display()),
        ];
        if let Some(password) = &options.password {
            lines.push(format!("requirepass \"{password}\""));
        }
        let ready: Ready = if let Some(certificates) = &options.certificates {
            let files = certificates.write(dir.path())?;
            lines.extend([
                "port 0".to_owned(),
                format!("tls-port {number}"),
                format!("tls-cert-file {}", files.certificate.display()),
                format!("tls-key-file {}", files.key.display()),
                format!("tls-ca-cert-file {}", files.authority.display()),
                format!("tls-auth-clients {}", if options.mutual { "yes" } else { "no" }),
            ]);
            Box::new(|log| log.contains("Ready to accept connections"))
        } else {
            lines.push(format!("port {number}"));
            Box::new(move |_| probe::redis(number))
        };
        let config = dir.path().join("redis.conf");
        fs::write(&config, lines.join("\n") + "\n")?;

        let words = vec!["redis-server".into(), config.into()];
        let mut process = Process::new("redis", words, dir, ready);
        process.start(given_up)?;
        Ok(Self { process, port })
    }

    /// Where clients connect: `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.port.address()
    }
}

crate::process::engine!(Redis);

#[cfg(test)]
mod tests;
