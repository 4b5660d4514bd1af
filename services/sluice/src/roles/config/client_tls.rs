//! Encryption of connections to an engine.

use std::fs::File;
use std::path::PathBuf;

use chassis::config::{Problem, Validate};

chassis::section! {
    /// Encryption of connections to an engine.
    pub(crate) struct ClientTls {
        /// Whether connections are encrypted. Without it everything is sent in the clear.
        enabled: bool = false,
        /// Certificates in PEM that the other side's is checked against, instead of those of the system.
        ca: Option<PathBuf> = None,
        /// Our certificate in PEM, where the other side wants one.
        cert: Option<PathBuf> = None,
        /// The key of `cert` in PEM.
        key: Option<PathBuf> = None,
    }
}

impl ClientTls {
    /// Our certificate and its key.
    pub(crate) fn identity(&self) -> Option<(PathBuf, PathBuf)> {
        self.cert.clone().zip(self.key.clone())
    }
}

impl Validate for ClientTls {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let files = [("ca", &self.ca), ("cert", &self.cert), ("key", &self.key)];
        let given = files
            .into_iter()
            .filter_map(|(key, path)| Some((key, path.as_ref()?)));
        let mut problems: Vec<Problem> = if self.enabled {
            let unreadable = given.filter_map(|(key, path)| {
                let error = File::open(path).err()?;
                Some(Problem::new(
                    key,
                    format!("{} can't be read: {error}", path.display()),
                ))
            });
            unreadable.collect()
        } else {
            given
                .map(|(key, _)| Problem::new(key, "is of no use while `enabled` is false"))
                .collect()
        };
        match (&self.cert, &self.key) {
            (Some(_), None) => problems.push(Problem::new("key", "must be given with `cert`")),
            (None, Some(_)) => problems.push(Problem::new("cert", "must be given with `key`")),
            _ => {}
        }
        Problem::none_of(problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(tls: &ClientTls) -> Vec<String> {
        let found = tls.validate().err().unwrap_or_default();
        found.into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn files_that_are_not_there_or_not_used_are_refused() {
        let file = |name: &str| Some(PathBuf::from(name));
        let mut tls = ClientTls {
            ca: file("/nonexistent/ca.pem"),
            cert: file("Cargo.toml"),
            ..ClientTls::default()
        };
        assert_eq!(problems(&tls), ["ca", "cert", "key"]);
        tls.enabled = true;
        assert_eq!(problems(&tls), ["ca", "key"]);
        tls.ca = None;
        tls.key = file("Cargo.toml");
        assert!(problems(&tls).is_empty());
        assert!(tls.identity().is_some());
    }
}
