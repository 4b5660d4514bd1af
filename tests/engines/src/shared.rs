//! The engines that run for a whole test run, and names that keep its tests apart.

use std::env;
use std::hash::{BuildHasher, RandomState};

/// The variable with the address of Kafka.
pub const KAFKA: &str = "SLUICE_TEST_KAFKA";
/// The variable with the address of Cassandra, or of another CQL store.
pub const CQL: &str = "SLUICE_TEST_CQL";
/// The variable with the address of Redis.
pub const REDIS: &str = "SLUICE_TEST_REDIS";

/// Longest name that [`unique`] makes: a keyspace may have 48 bytes, and tests add to it.
const NAME_BYTES: usize = 40;

/// Address (`host:port`) of the Kafka that all tests share.
pub fn kafka() -> String {
    address(KAFKA)
}

/// Address (`host:port`) of the CQL store that all tests share.
pub fn cql() -> String {
    address(CQL)
}

/// Address (`host:port`) of the Redis that all tests share.
pub fn redis() -> String {
    address(REDIS)
}

fn address(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set, so there is no engine for this test: run it by `make test-rust`, which starts \
             the engines, or keep them running in another shell by `make engines` and export what that prints"
        )
    })
}

/// A name that no other test uses: the prefix of its topics and keys, its keyspace.
///
/// It starts with `name`, as far as that is made of `a-z`, `0-9` and `_`, and has at most 40 bytes.
pub fn unique(name: &str) -> String {
    // A hasher that the standard library seeds from the randomness of the system, anew in each process.
    let suffix = format!("_{:016x}", RandomState::new().hash_one(std::process::id()));
    let allowed = |c: &char| matches!(c, 'a'..='z' | '0'..='9' | '_');
    let lower = name.to_ascii_lowercase();
    // A keyspace starts with a letter.
    let start = lower.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let kept: String = start
        .chars()
        .filter(allowed)
        .take(NAME_BYTES - suffix.len())
        .collect();
    if kept.is_empty() {
        format!("t{suffix}")
    } else {
        kept + &suffix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unique_name_is_a_valid_keyspace_and_never_the_same() {
        for name in ["", "e2e", "9 Lives-of a cat", "_", "über", &"long".repeat(40)] {
            let (one, other) = (unique(name), unique(name));
            assert_ne!(one, other);
            assert!(one.len() <= NAME_BYTES, "{one}");
            assert!(one.starts_with(|c: char| c.is_ascii_lowercase()), "{one}");
            assert!(
                one.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_')),
                "{one}"
            );
        }
        assert!(unique("e2e").starts_with("e2e_"));
    }
}
