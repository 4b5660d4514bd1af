//! A map whose clones share what has not changed, so that showing each change costs no copy of the whole.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

/// Parts of a map. A change behind a clone copies one of them.
const SHARDS: usize = 512;

/// A map in parts, each of which clones share until it changes.
#[derive(Clone, Debug)]
pub(super) struct Shards<K, V> {
    hasher: RandomState,
    parts: Arc<[Arc<HashMap<K, V>>]>,
    len: usize,
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            parts: (0..SHARDS).map(|_| Arc::default()).collect(),
            len: 0,
        }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Shards<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.parts[self.shard(key)].get(key)
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        let shard = self.shard(&key);
        let before = Arc::make_mut(&mut Arc::make_mut(&mut self.parts)[shard]).insert(key, value);
        self.len += usize::from(before.is_none());
    }

    pub(super) fn remove(&mut self, key: &K) {
        if self.contains(key) {
            let shard = self.shard(key);
            Arc::make_mut(&mut Arc::make_mut(&mut self.parts)[shard]).remove(key);
            self.len -= 1;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// In no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.parts.iter().flat_map(|shard| shard.iter())
    }

    fn shard(&self, key: &K) -> usize {
        usize::try_from(self.hasher.hash_one(key) >> 32).expect("32 bits") % SHARDS
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_and_a_clone_stays_as_it_was(
            before in prop::collection::vec((0..200_u32, any::<u8>()), 0..300),
            after in prop::collection::vec((0..200_u32, prop::option::of(any::<u8>())), 0..300),
        ) {
            let mut model = HashMap::new();
            let mut map = Shards::default();
            for (key, value) in before {
                model.insert(key, value);
                map.insert(key, value);
            }
            let (old_model, old) = (model.clone(), map.clone());
            for (key, value) in after {
                if let Some(value) = value {
                    model.insert(key, value);
                    map.insert(key, value);
                } else {
                    model.remove(&key);
                    map.remove(&key);
                }
            }
            let collected = |map: &Shards<u32, u8>| map.iter().map(|(k, v)| (*k, *v)).collect::<HashMap<_, _>>();
            prop_assert_eq!(map.len(), model.len());
            prop_assert_eq!(collected(&map), model);
            prop_assert_eq!(collected(&old), old_model);
        }
    }
}
