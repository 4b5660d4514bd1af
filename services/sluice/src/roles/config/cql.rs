//! Settings of Cassandra or ScyllaDB, which has the store.

use chassis::config::{Problem, Secret, Span, Validate};
use store::cql;

use super::client_tls::ClientTls;

chassis::section! {
    /// Cassandra or ScyllaDB, which has the store.
    pub(crate) struct Cql {
        /// Nodes that are asked first: `host:port`, with commas between.
        nodes: String = "127.0.0.1:9042".to_owned(),
        /// Where the tables are. `sluice migrate` makes it.
        keyspace: String = "sluice".to_owned(),
        /// The datacenter whose nodes are asked and whose quorum counts, the same for all roles. May be left out
        /// where the cluster has a single one.
        datacenter: Option<String> = None,
        /// Nodes of the datacenter that have a copy of each row, as `sluice migrate` makes the keyspace. At least 3,
        /// unless `dev`.
        replication_factor: u16 = 3,
        /// Our name, where the store asks for one.
        username: Option<String> = None,
        /// Our password, or `{ file = "..." }`.
        password: Option<Secret> = None,
        /// How long connecting to a node may take.
        connect_timeout: Span = Span::from_secs(5),
        /// How long a request may take, tries on other nodes included.
        request_timeout: Span = Span::from_secs(5),
        /// Requests of this process under way at once; others wait.
        in_flight: u32 = 512,
        /// Encryption of connections to the nodes.
        tls: ClientTls => ClientTls::default(),
    }
}

impl Cql {
    /// The same for the adapter.
    pub(crate) fn adapter(&self) -> cql::Config {
        let nodes = self.nodes.split(',').map(|node| node.trim().to_owned()).collect();
        let credentials = self.username.clone().zip(self.password.as_ref());
        cql::Config {
            datacenter: self.datacenter.clone(),
            credentials: credentials.map(|(username, password)| cql::Credentials {
                username,
                password: password.reveal().to_owned(),
            }),
            tls: self.tls.enabled.then(|| cql::Tls {
                ca_file: self.tls.ca.clone(),
                identity: self.tls.identity(),
            }),
            connect_timeout: self.connect_timeout.duration(),
            request_timeout: self.request_timeout.duration(),
            max_in_flight: usize::try_from(self.in_flight).unwrap_or(usize::MAX),
            ..cql::Config::new(nodes, self.keyspace.as_str())
        }
    }
}

impl Validate for Cql {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        if !self.nodes.split(',').all(super::is_host_and_port) {
            problems.push(Problem::new("nodes", "must be `host:port`, with commas between"));
        }
        if !is_keyspace(&self.keyspace) {
            problems.push(Problem::new(
                "keyspace",
                "must be 1 to 48 of a-z 0-9 _, a letter first",
            ));
        }
        if self.datacenter.as_ref().is_some_and(String::is_empty) {
            problems.push(Problem::new("datacenter", "must be a name"));
        }
        if self.replication_factor == 0 {
            problems.push(Problem::new("replication_factor", "must be at least 1"));
        }
        if self.username.is_some() != self.password.is_some() {
            problems.push(Problem::new("username", "must be given with `password`"));
        }
        let timeouts = [
            ("connect_timeout", self.connect_timeout),
            ("request_timeout", self.request_timeout),
        ];
        for (key, span) in timeouts {
            if !(Span::from_ms(100)..=Span::from_secs(60)).contains(&span) {
                problems.push(Problem::new(key, "must be 100ms to 1m"));
            }
        }
        if !(1..=100_000).contains(&self.in_flight) {
            problems.push(Problem::new("in_flight", "must be 1 to 100000"));
        }
        Problem::none_of(problems)
    }
}

/// A name that needs no quotes.
fn is_keyspace(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() <= 48 && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_store_could_not_take_is_refused_with_its_key() {
        assert!(Cql::default().validate().is_ok());
        let cql = Cql {
            nodes: "a:1,".to_owned(),
            keyspace: "Sluice".to_owned(),
            datacenter: Some(String::new()),
            in_flight: 0,
            replication_factor: 0,
            username: Some("sluice".to_owned()),
            request_timeout: Span::default(),
            ..Cql::default()
        };
        let found = cql.validate().unwrap_err();
        let keys: Vec<&str> = found.iter().map(|problem| problem.key.as_str()).collect();
        let expected = [
            "nodes",
            "keyspace",
            "datacenter",
            "replication_factor",
            "username",
            "request_timeout",
            "in_flight",
        ];
        assert_eq!(keys, expected);
    }
}
