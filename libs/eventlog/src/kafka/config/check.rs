//! Settings that can't be meant are refused, by name, before anything is made of them.

use std::fs::File;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::{Config, Tls};
use crate::kafka::ConnectError;

/// Names of topics have at most 249 bytes; ours have at most 200 of them.
const MAX_PREFIX_BYTES: usize = 49;
const RECORD_BYTES: RangeInclusive<usize> = 1 << 10..=64 << 20;
const MAX_BUFFER_BYTES: usize = 1 << 30;
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_hours(1);
/// The client takes no more.
const REQUEST_TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_mins(5);

impl Config {
    /// Refuses settings that can't be meant, and files that can't be read.
    pub(in crate::kafka) fn check(&self) -> Result<(), ConnectError> {
        self.check_names()?;
        bytes("max_record_bytes", self.max_record_bytes, &RECORD_BYTES)?;
        let at_least_a_record = self.max_record_bytes..=MAX_BUFFER_BYTES;
        bytes(
            "max_in_flight_bytes",
            self.max_in_flight_bytes,
            &at_least_a_record,
        )?;
        bytes("delivery_bytes", self.delivery_bytes, &(1..=MAX_BUFFER_BYTES))?;
        bytes(
            "fetch_ahead_bytes",
            self.fetch_ahead_bytes,
            &(1..=MAX_BUFFER_BYTES),
        )?;
        span("delivery_timeout", self.delivery_timeout, &TIMEOUT)?;
        span("stall", self.stall, &TIMEOUT)?;
        span("request_timeout", self.request_timeout, &REQUEST_TIMEOUT)?;
        span("session_timeout", self.session_timeout, &TIMEOUT)?;
        span("revocation_budget", self.revocation_budget, &TIMEOUT)?;
        self.security.tls.as_ref().map_or(Ok(()), Tls::check)
    }

    fn check_names(&self) -> Result<(), ConnectError> {
        let valid = |name: &str| name.chars().all(is_valid);
        if !self.brokers.split(',').all(is_address) {
            let reason = format!(
                "brokers must be host:port, with commas between, not {:?}",
                self.brokers
            );
            return Err(ConnectError { reason });
        }
        if self.client_id.is_empty() || !valid(&self.client_id) {
            let reason = format!(
                "client_id must be made of a-z A-Z 0-9 . _ -, not {:?}",
                self.client_id
            );
            return Err(ConnectError { reason });
        }
        if self.prefix.len() > MAX_PREFIX_BYTES || !valid(&self.prefix) {
            let reason = format!(
                "prefix must be at most {MAX_PREFIX_BYTES} of a-z A-Z 0-9 . _ -, not {:?}",
                self.prefix
            );
            return Err(ConnectError { reason });
        }
        Ok(())
    }
}

impl Tls {
    fn check(&self) -> Result<(), ConnectError> {
        let identity = self.identity.iter();
        let identity = identity.flat_map(|(certificate, key)| [certificate, key]);
        self.ca_file
            .iter()
            .chain(identity)
            .try_for_each(|path| readable(path))
    }
}

/// The client does not say which file it could not read.
fn readable(path: &Path) -> Result<(), ConnectError> {
    match File::open(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(ConnectError {
            reason: format!("{}: {error}", path.display()),
        }),
    }
}

fn bytes(name: &str, found: usize, allowed: &RangeInclusive<usize>) -> Result<(), ConnectError> {
    if allowed.contains(&found) {
        return Ok(());
    }
    Err(ConnectError {
        reason: format!(
            "{name} must be {} to {}, not {found}",
            allowed.start(),
            allowed.end()
        ),
    })
}

fn span(name: &str, found: Duration, allowed: &RangeInclusive<Duration>) -> Result<(), ConnectError> {
    if allowed.contains(&found) {
        return Ok(());
    }
    Err(ConnectError {
        reason: format!(
            "{name} must be {:?} to {:?}, not {found:?}",
            allowed.start(),
            allowed.end()
        ),
    })
}

fn is_valid(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn is_address(address: &str) -> bool {
    let Some((host, port)) = address.trim().rsplit_once(':') else {
        return false;
    };
    !host.is_empty() && port.parse().is_ok_and(|port: u16| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::new("localhost:9092");
        config.check().unwrap();
        change(&mut config);
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn settings_that_cannot_be_meant_are_refused_by_name() {
        for brokers in [
            "",
            "localhost",
            "localhost:",
            ":9092",
            "localhost:0",
            "a:1,,b:2",
            "a:1,b",
        ] {
            assert!(refused(|config| config.brokers = brokers.to_owned()).contains("brokers"));
        }
        assert!(refused(|config| config.client_id = String::new()).contains("client_id"));
        assert!(refused(|config| config.prefix = "a b".to_owned()).contains("prefix"));
        assert!(refused(|config| config.prefix = "a".repeat(50)).contains("prefix"));
        assert!(refused(|config| config.max_record_bytes = 0).contains("max_record_bytes"));
        assert!(refused(|config| config.max_in_flight_bytes = 1 << 20).contains("max_in_flight_bytes"));
        assert!(refused(|config| config.fetch_ahead_bytes = 0).contains("fetch_ahead_bytes"));
        assert!(refused(|config| config.stall = Duration::ZERO).contains("stall"));
        assert!(
            refused(|config| config.request_timeout = Duration::from_hours(1)).contains("request_timeout")
        );
    }

    #[test]
    fn several_brokers_and_addresses_in_brackets_are_taken() {
        for brokers in ["a:1,b:2", "a:1, b:2", "[::1]:9092", "SSL://kafka.internal:9093"] {
            Config::new(brokers).check().unwrap();
        }
    }

    #[test]
    fn file_that_cannot_be_read_is_named() {
        let reason = refused(|config| {
            config.security.tls = Some(Tls {
                ca_file: None,
                identity: Some(("/nowhere/client.pem".into(), "/nowhere/client.key".into())),
            });
        });
        assert!(reason.contains("/nowhere/client.pem"), "{reason}");
    }
}
