//! Fresh segments: what is found until it is sealed.

use std::collections::HashSet;
use std::sync::Arc;

use chassis::random::Random;
use domain::index::manifest::Minute;
use domain::retention::Class;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use store::index::{self, Index};

use crate::batch::Segment;
use crate::error::Error;
use crate::metric_definitions as definitions;

/// Tenants of one minute that are remembered. Beyond, some are told to the store again.
const MAX_TOLD: usize = 100_000;

/// Writes the fresh segments of one source.
pub(crate) struct Fresh {
    index: Arc<dyn Index>,
    source: Source,
    /// Tells this writer's segments from those of others; its last byte tells classes apart.
    nonce: u64,
    /// The store knows that these tenants may have segments in the minute.
    told: HashSet<TenantId>,
    minute: Minute,
}

impl Fresh {
    pub(crate) fn new(index: Arc<dyn Index>, source: Source, random: &dyn Random) -> Self {
        let mut nonce = [0; 8];
        random.fill(&mut nonce);
        Self {
            index,
            source,
            nonce: u64::from_be_bytes(nonce) & !0xff,
            told: HashSet::new(),
            minute: Minute(i64::MIN),
        }
    }

    /// Writes segments of a minute. Again after an error.
    pub(crate) async fn put(
        &mut self,
        segments: &[Segment],
        minute: Minute,
        now: Millis,
    ) -> Result<(), Error> {
        if segments.is_empty() {
            return Ok(());
        }
        self.tell(segments, minute, now).await?;
        let fresh: Vec<_> = segments.iter().map(|segment| self.fresh(segment)).collect();
        self.index.put_fresh(self.source, minute, &fresh, now).await?;
        let bytes = segments.iter().map(|segment| segment.bytes.len() as u64).sum();
        metrics::counter!(definitions::FRESH_SEGMENTS).increment(segments.len() as u64);
        metrics::counter!(definitions::FRESH_BYTES).increment(bytes);
        Ok(())
    }

    /// Before there is a segment the store knows where to look for it.
    async fn tell(&mut self, segments: &[Segment], minute: Minute, now: Millis) -> Result<(), Error> {
        if minute != self.minute || self.told.len() > MAX_TOLD {
            self.minute = minute;
            self.told.clear();
        }
        let mut new: Vec<TenantId> = segments
            .iter()
            .filter(|segment| !self.told.contains(&segment.tenant))
            .map(|segment| segment.tenant.clone())
            .collect();
        new.dedup();
        if !new.is_empty() {
            self.index.mark_fresh(&new, self.source, minute, now).await?;
            self.told.extend(new);
        }
        Ok(())
    }

    fn fresh(&self, segment: &Segment) -> index::Fresh {
        index::Fresh {
            tenant: segment.tenant.clone(),
            last_origin: segment.last_origin,
            nonce: self.nonce | u64::from(Class::number(segment.class)),
            segment: segment.bytes.clone(),
        }
    }
}
