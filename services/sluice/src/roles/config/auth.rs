//! What keys of the API are checked with.

use chassis::config::{Problem, Secret, Validate};
use domain::key::Peppers;

use crate::pepper;

chassis::section! {
    /// What keys of the API are checked with.
    pub(crate) struct Auth {
        /// The pepper of new keys: an id, a blank, a secret of at least 32 bytes; or `{ file = "..." }`. Gateway,
        /// query and `sluice keys bootstrap` need it. Without it no key works, so keep a copy.
        pepper: Option<Secret> = None,
        /// Peppers of before, under which older keys still work.
        older_peppers: Vec<Secret> = Vec::new(),
    }
}

impl Auth {
    /// The peppers; none where `pepper` is not set.
    pub(crate) fn peppers(&self) -> anyhow::Result<Option<Peppers>> {
        let Some(first) = &self.pepper else {
            return Ok(None);
        };
        let older = self
            .older_peppers
            .iter()
            .map(|secret| pepper::parse(secret.reveal()));
        Ok(Some(Peppers::new(
            pepper::parse(first.reveal())?,
            older.collect::<anyhow::Result<_>>()?,
        )))
    }
}

impl Validate for Auth {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        let mut ids = Vec::new();
        let first = self.pepper.iter().map(|secret| ("pepper", secret));
        let older = self.older_peppers.iter().map(|secret| ("older_peppers", secret));
        for (key, secret) in first.chain(older) {
            match pepper::parse(secret.reveal()) {
                Err(error) => problems.push(Problem::new(key, error.to_string())),
                Ok(pepper) if ids.contains(&pepper.id().to_owned()) => {
                    problems.push(Problem::new(key, "must have an id of its own"));
                }
                Ok(pepper) => ids.push(pepper.id().to_owned()),
            }
        }
        Problem::none_of(problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(id: &str) -> Secret {
        Secret::new(format!("{id} {}", "x".repeat(32)))
    }

    #[test]
    fn new_keys_get_the_first_pepper_and_old_ones_keep_theirs() {
        let auth = Auth {
            pepper: Some(secret("b")),
            older_peppers: vec![secret("a")],
        };
        assert!(auth.validate().is_ok());
        let peppers = auth.peppers().unwrap().unwrap();
        assert_eq!(peppers.first().id(), "b");
        assert!(peppers.get("a").is_some());
        assert!(Auth::default().peppers().unwrap().is_none());
    }

    #[test]
    fn a_short_secret_and_an_id_that_is_there_twice_are_refused_unseen() {
        let auth = Auth {
            pepper: Some(Secret::new("a hunter2")),
            older_peppers: vec![secret("b"), secret("b")],
        };
        let problems = auth.validate().unwrap_err();
        let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["pepper", "older_peppers"]);
        assert!(!format!("{problems:?}{auth:?}").contains("hunter2"));
    }
}
