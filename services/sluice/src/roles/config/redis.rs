//! Settings of Redis, which may be absent.

use chassis::config::{Problem, Secret, Span, Validate};

use super::client_tls::ClientTls;

chassis::section! {
    /// Redis, which may be absent and may be away: nothing waits for it.
    pub(crate) struct Redis {
        /// Its address, `host:port`; empty where there is none.
        address: String = String::new(),
        /// Our name to it, where it has users.
        username: Option<String> = None,
        /// Our password to it, or `{ file = "..." }`.
        password: Option<Secret> = None,
        /// The number of the database.
        database: u32 = 0,
        /// How long connecting and answering may take.
        timeout: Span = Span::from_ms(500),
        /// Encryption of connections to it.
        tls: ClientTls => ClientTls::default(),
    }
}

impl Redis {
    /// Host and port; none where there is no Redis.
    pub(crate) fn host_and_port(&self) -> Option<(String, u16)> {
        super::host_and_port(&self.address)
    }
}

impl Validate for Redis {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        if !self.address.is_empty() && self.host_and_port().is_none() {
            problems.push(Problem::new("address", "must be `host:port`, or empty"));
        }
        if self.username.is_some() && self.password.is_none() {
            problems.push(Problem::new("password", "must be given with `username`"));
        }
        if !(Span::from_ms(1)..=Span::from_secs(60)).contains(&self.timeout) {
            problems.push(Problem::new("timeout", "must be 1ms to 1m"));
        }
        Problem::none_of(problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_is_valid_and_a_bad_one_is_not() {
        assert!(Redis::default().validate().is_ok());
        assert_eq!(Redis::default().host_and_port(), None);
        let redis = Redis {
            address: "redis".to_owned(),
            username: Some("sluice".to_owned()),
            timeout: Span::default(),
            ..Redis::default()
        };
        let keys: Vec<String> = redis
            .validate()
            .unwrap_err()
            .into_iter()
            .map(|problem| problem.key)
            .collect();
        assert_eq!(keys, ["address", "password", "timeout"]);
    }
}
