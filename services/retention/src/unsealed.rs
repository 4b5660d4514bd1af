//! What one partition has stored and not sealed: the segments in memory, and when they are due. Pure.
//!
//! It promises that memory has a bound that the worker can keep: it says what to seal before it takes more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::index::manifest::Period;
use domain::tenant::TenantId;
use tokio::time::Instant;

use crate::batch::Segment;
use crate::config;

/// What a segment takes beside its bytes, about.
const SEGMENT_BYTES: usize = 160;

/// When to seal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    every: Duration,
    bytes: usize,
    tenant_segments: usize,
    tenant_events: usize,
}

impl From<&config::Index> for Limits {
    fn from(config: &config::Index) -> Self {
        Self {
            every: config.seal_every.duration(),
            bytes: config.unsealed.as_usize(),
            tenant_segments: config.tenant_segments as usize,
            tenant_events: config.tenant_events as usize,
        }
    }
}

/// Why something is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The source has no mark.
    First,
    /// It waits for long enough.
    Time,
    /// It takes too much memory.
    Memory,
    /// There is too much of one tenant.
    Tenant,
    /// It covers too many minutes of arrival.
    Minutes,
    /// The partition is given up.
    Close,
}

impl Reason {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Time => "time",
            Self::Memory => "memory",
            Self::Tenant => "tenant",
            Self::Minutes => "minutes",
            Self::Close => "close",
        }
    }
}

/// The segments of one tenant.
#[derive(Debug, Default)]
struct Tenant {
    segments: Vec<Segment>,
    events: usize,
    /// The greatest origin that was applied when it was last sealed, since the mark.
    through: Option<u64>,
    /// The periods of what was sealed since the mark.
    periods: BTreeSet<Period>,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Unsealed {
    limits: Limits,
    tenants: BTreeMap<TenantId, Tenant>,
    /// Those with too much.
    full: BTreeSet<TenantId>,
    bytes: usize,
    segments: usize,
    /// When the first record behind the mark was taken.
    since: Option<Instant>,
    /// Whether it must not wait.
    is_urgent: bool,
}

impl Unsealed {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            tenants: BTreeMap::new(),
            full: BTreeSet::new(),
            bytes: 0,
            segments: 0,
            since: None,
            is_urgent: false,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn segments(&self) -> usize {
        self.segments
    }

    /// A record behind the mark is taken.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// Whether there are records behind the mark.
    pub(crate) fn is_begun(&self) -> bool {
        self.since.is_some()
    }

    /// What there is shall be sealed at the next occasion.
    pub(crate) fn hurry(&mut self) {
        self.is_urgent = true;
    }

    pub(crate) fn keep(&mut self, segments: Vec<Segment>) {
        for segment in segments {
            self.bytes += segment.bytes.len() + SEGMENT_BYTES;
            self.segments += 1;
            let tenant = self.tenants.entry(segment.tenant.clone()).or_default();
            tenant.events += segment.events;
            let is_full = tenant.segments.len() + 1 >= self.limits.tenant_segments
                || tenant.events >= self.limits.tenant_events;
            if is_full {
                self.full.insert(segment.tenant.clone());
            }
            tenant.segments.push(segment);
        }
    }

    /// Why all of it is due, if it is.
    pub(crate) fn due(&self, now: Instant) -> Option<Reason> {
        let since = self.since?;
        if self.bytes >= self.limits.bytes {
            Some(Reason::Memory)
        } else if self.is_urgent || now.duration_since(since) >= self.limits.every {
            Some(Reason::Time)
        } else {
            None
        }
    }

    /// Tenants that are due, whatever the others are.
    pub(crate) fn full(&self) -> Vec<TenantId> {
        self.full.iter().cloned().collect()
    }

    /// Tenants with segments.
    pub(crate) fn tenants(&self) -> Vec<TenantId> {
        let with_some = self
            .tenants
            .iter()
            .filter(|(_, tenant)| !tenant.segments.is_empty());
        with_some.map(|(tenant, _)| tenant.clone()).collect()
    }

    /// What there is of a tenant, and up to where it was sealed since the mark.
    pub(crate) fn of_tenant(&self, tenant: &TenantId) -> (Vec<Segment>, Option<u64>) {
        let found = self.tenants.get(tenant);
        found.map_or_else(Default::default, |tenant| {
            (tenant.segments.clone(), tenant.through)
        })
    }

    /// What there was of a tenant is in listed units of these periods.
    pub(crate) fn sealed(&mut self, tenant: &TenantId, through: u64, periods: BTreeSet<Period>) {
        self.full.remove(tenant);
        let Some(tenant) = self.tenants.get_mut(tenant) else {
            return;
        };
        let segments = std::mem::take(&mut tenant.segments);
        self.segments -= segments.len();
        self.bytes -= segments
            .iter()
            .map(|segment| segment.bytes.len() + SEGMENT_BYTES)
            .sum::<usize>();
        tenant.events = 0;
        tenant.through = Some(through);
        tenant.periods.extend(periods);
    }

    /// Everything is sealed and the mark says so. Answers what was sealed since the mark before.
    pub(crate) fn marked(&mut self) -> Vec<(TenantId, Period)> {
        self.since = None;
        self.is_urgent = false;
        let tenants = std::mem::take(&mut self.tenants).into_iter();
        tenants
            .flat_map(|(name, tenant)| {
                tenant
                    .periods
                    .into_iter()
                    .map(move |period| (name.clone(), period))
            })
            .collect()
    }
}
