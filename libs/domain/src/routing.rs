//! Which partition an event goes to: rendezvous hashing (Thaler and Ravishankar, 1998), twice.
//!
//! A tenant has a few partitions of all, its spread; within them the routing key decides. Growing the
//! spread by one moves only the keys that the new partition wins.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::event::RoutingKey;
use crate::tenant::TenantId;

/// Partitions of a tenant, unless there are fewer in all.
pub const DEFAULT_SPREAD: u32 = 4;

/// The partitions of one tenant, in the order in which its spread grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    ranked: Vec<Ranked>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ranked {
    partition: u32,
    /// Weight of the partition for the tenant. As a seed it makes keys fall differently for each tenant.
    weight: u64,
}

impl Spread {
    /// The first `spread` of `partitions` partitions for this tenant, at least one.
    pub fn new(tenant: &TenantId, partitions: u32, spread: u32) -> Self {
        let weight = |partition: u32| xxh3_64_with_seed(tenant.as_str().as_bytes(), u64::from(partition));
        let mut ranked: Vec<Ranked> = (0..partitions.max(1))
            .map(|partition| Ranked {
                partition,
                weight: weight(partition),
            })
            .collect();
        ranked.sort_by_key(|ranked| std::cmp::Reverse((ranked.weight, ranked.partition)));
        ranked.truncate(usize::try_from(spread.max(1)).unwrap_or(usize::MAX));
        Self { ranked }
    }

    /// The partition of this key.
    pub fn partition(&self, key: RoutingKey<'_>) -> u32 {
        let weight = |ranked: &&Ranked| match key {
            RoutingKey::Text(text) => xxh3_64_with_seed(text.as_bytes(), ranked.weight),
            RoutingKey::Id(id) => xxh3_64_with_seed(&id.bytes(), ranked.weight),
        };
        self.ranked
            .iter()
            .max_by_key(weight)
            .map_or(0, |ranked| ranked.partition)
    }

    /// The partitions.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = u32> {
        self.ranked.iter().map(|ranked| ranked.partition)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    proptest! {
        #[test]
        fn a_larger_spread_moves_only_the_keys_that_the_new_partition_wins(
            name in "[a-z]{1,8}", partitions in 1..64_u32, spread in 1..32_u32, keys in prop::collection::vec(".{0,12}", 1..50),
        ) {
            let tenant = tenant(&name);
            let small = Spread::new(&tenant, partitions, spread);
            let large = Spread::new(&tenant, partitions, spread + 1);
            prop_assert!(large.partitions().zip(small.partitions()).all(|(a, b)| a == b));
            for key in &keys {
                let (before, after) = (small.partition(RoutingKey::Text(key)), large.partition(RoutingKey::Text(key)));
                prop_assert!(after < partitions);
                prop_assert!(after == before || !small.partitions().any(|known| known == after));
            }
        }
    }

    #[test]
    fn tenants_and_keys_are_spread_evenly() {
        let mut per_partition = [0_u32; 8];
        for number in 0..1000 {
            let spread = Spread::new(&tenant(&format!("t{number}")), 8, 2);
            for key in 0..10 {
                let text = key.to_string();
                per_partition[usize::try_from(spread.partition(RoutingKey::Text(&text))).unwrap()] += 1;
            }
        }
        for count in per_partition {
            assert!((1000..1500).contains(&count), "{per_partition:?}");
        }
    }

    #[test]
    fn where_a_key_goes_never_changes() {
        let spread = Spread::new(&tenant("demo"), 12, 4);
        let found = ["u-1", "u-2", "u-3"].map(|key| spread.partition(RoutingKey::Text(key)));
        assert_eq!(
            (spread.partitions().collect::<Vec<_>>(), found),
            (vec![6, 8, 3, 5], [8, 8, 3])
        );
    }
}
