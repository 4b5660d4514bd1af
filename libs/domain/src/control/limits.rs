//! The limits of a tenant where they are its own; what is absent is as configured.

use serde::{Deserialize, Serialize};

use super::Wrong;
use crate::limits::Limits;
use crate::quota::{Quota, Rate};
use crate::tenant::TenantId;
use crate::time::Millis;
use crate::validate::FuturePolicy;

const MAX_EVENTS: u64 = 1_000_000_000;
const MAX_BYTES: u64 = 1_000_000_000_000;
/// A burst is so many seconds of its rate, unless it is given.
const BURST_SECONDS: u64 = 2;
/// A minute of event time takes so many seconds of the rate, unless it is given.
const MINUTE_SECONDS: u64 = 120;

/// The limits of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsRecord {
    /// Whose.
    pub tenant: TenantId,
    /// How much it may send in a time.
    #[serde(default)]
    pub rates: Rates,
    /// What an event and a request may measure.
    #[serde(default)]
    pub sizes: SizeLimits,
    /// Whether going over a rate is only reported.
    #[serde(default)]
    pub dry_run: bool,
    /// What is done about a time too far in the future.
    #[serde(default)]
    pub future: FuturePolicy,
    /// When it was last changed.
    pub updated_at: Millis,
    /// 1 at first, one more with each change.
    pub version: u64,
}

/// Rates of a tenant. What is absent follows from what is there, and else from the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rates {
    /// Events a second.
    pub events_per_second: Option<u64>,
    /// Events at once; absent: two seconds of the rate.
    pub events_burst: Option<u64>,
    /// Bytes of events a second.
    pub bytes_per_second: Option<u64>,
    /// Bytes at once; absent: two seconds of the rate, and at least one event of the largest size.
    pub bytes_burst: Option<u64>,
    /// Events older than an hour, a second; absent: a quarter of the rate.
    pub late_events_per_second: Option<u64>,
    /// Urgent events a second; absent: half the rate.
    pub urgent_events_per_second: Option<u64>,
    /// Events of one minute of event time; absent: two minutes of the rate.
    pub minute_events: Option<u64>,
}

/// Sizes of a tenant; none is larger than configured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SizeLimits {
    /// One event as it was sent, in bytes.
    pub event_bytes: Option<u64>,
    /// Events in a request.
    pub batch_events: Option<u64>,
    /// `attributes`, in bytes.
    pub attributes_bytes: Option<u64>,
    /// Keys in `attributes`.
    pub attribute_keys: Option<u64>,
    /// How old an event may be, in milliseconds.
    pub max_age_ms: Option<u64>,
    /// How far in the future an event may be, in milliseconds.
    pub max_future_ms: Option<u64>,
}

impl LimitsRecord {
    /// Nothing of its own.
    pub fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            rates: Rates::default(),
            sizes: SizeLimits::default(),
            dry_run: false,
            future: FuturePolicy::default(),
            updated_at: Millis::EPOCH,
            version: 0,
        }
    }

    /// The rates in effect, given what is configured for tenants without their own.
    pub fn quota(&self, configured: &Quota, sizes: &Limits) -> Quota {
        let rates = &self.rates;
        let largest = u64::try_from(sizes.event_bytes).unwrap_or(u64::MAX);
        let events = rate(rates.events_per_second, rates.events_burst, configured.events, 1);
        let bytes = rate(
            rates.bytes_per_second,
            rates.bytes_burst,
            configured.bytes,
            largest,
        );
        let of_own = |parts: u64, configured: Rate| match rates.events_per_second {
            Some(events) => share(events, parts),
            None => configured,
        };
        let sub = |own: Option<u64>, parts: u64, configured: Rate| {
            own.map_or_else(|| of_own(parts, configured), |own| share(own, 1))
        };
        let minute_events = match (rates.minute_events, rates.events_per_second) {
            (Some(events), _) => events,
            (None, Some(events)) => events.saturating_mul(MINUTE_SECONDS),
            (None, None) => configured.minute_events,
        };
        Quota {
            events,
            bytes,
            late: sub(rates.late_events_per_second, 4, configured.late),
            urgent: sub(rates.urgent_events_per_second, 2, configured.urgent),
            minute_events,
            dry_run: self.dry_run,
        }
    }

    /// The sizes in effect, given what is configured.
    pub fn sizes(&self, configured: &Limits) -> Limits {
        let least = |own: Option<u64>, configured: usize| {
            own.map_or(configured, |own| {
                usize::try_from(own).unwrap_or(usize::MAX).min(configured)
            })
        };
        let least_ms = |own: Option<u64>, configured: i64| {
            own.map_or(configured, |own| {
                i64::try_from(own).unwrap_or(i64::MAX).min(configured)
            })
        };
        let sizes = &self.sizes;
        Limits {
            event_bytes: least(sizes.event_bytes, configured.event_bytes),
            batch_events: least(sizes.batch_events, configured.batch_events),
            attributes_bytes: least(sizes.attributes_bytes, configured.attributes_bytes),
            attribute_keys: least(sizes.attribute_keys, configured.attribute_keys),
            max_age_ms: least_ms(sizes.max_age_ms, configured.max_age_ms),
            max_future_ms: least_ms(sizes.max_future_ms, configured.max_future_ms),
            ..configured.clone()
        }
    }

    /// What is wrong with its values, where `configured` are the sizes without any of its own.
    pub fn wrong(&self, configured: &Limits) -> Vec<Wrong> {
        let rates = &self.rates;
        let bounded = [
            ("events_per_second", rates.events_per_second, MAX_EVENTS),
            ("events_burst", rates.events_burst, MAX_EVENTS),
            ("bytes_per_second", rates.bytes_per_second, MAX_BYTES),
            ("bytes_burst", rates.bytes_burst, MAX_BYTES),
            ("late_events_per_second", rates.late_events_per_second, MAX_EVENTS),
            (
                "urgent_events_per_second",
                rates.urgent_events_per_second,
                MAX_EVENTS,
            ),
            ("minute_events", rates.minute_events, MAX_BYTES),
            (
                "event_bytes",
                self.sizes.event_bytes,
                as_u64(configured.event_bytes),
            ),
            (
                "batch_events",
                self.sizes.batch_events,
                as_u64(configured.batch_events),
            ),
            (
                "attributes_bytes",
                self.sizes.attributes_bytes,
                as_u64(configured.attributes_bytes),
            ),
            (
                "attribute_keys",
                self.sizes.attribute_keys,
                as_u64(configured.attribute_keys),
            ),
            (
                "max_age_ms",
                self.sizes.max_age_ms,
                configured.max_age_ms.unsigned_abs(),
            ),
            (
                "max_future_ms",
                self.sizes.max_future_ms,
                configured.max_future_ms.unsigned_abs(),
            ),
        ];
        let mut wrong: Vec<Wrong> = bounded
            .into_iter()
            .filter_map(|(field, value, most)| out_of_bounds(field, value?, most))
            .collect();
        let largest = as_u64(self.sizes(configured).event_bytes);
        if let Some(burst) = rates.bytes_burst.filter(|burst| *burst < largest) {
            let message = format!(
                "bytes_burst is {burst}, below the largest event of {largest} bytes, which could never be taken: raise it, or lower event_bytes"
            );
            wrong.push(Wrong {
                field: "bytes_burst",
                message,
            });
        }
        wrong
    }

    /// What is allowed and will surprise: a full request that is never taken whole.
    pub fn warnings(&self, configured: &Quota, sizes: &Limits) -> Vec<Wrong> {
        let sizes = self.sizes(sizes);
        let quota = self.quota(configured, &sizes);
        let batch = as_u64(sizes.batch_events);
        let is_below = quota.events.burst < batch;
        let below = is_below.then(|| Wrong {
            field: "events_burst",
            message: format!(
                "events_burst is {}, below the {batch} events of a request: a full one is never taken whole",
                quota.events.burst
            ),
        });
        below.into_iter().collect()
    }
}

impl Quota {
    /// What follows from rates of events and bytes alone.
    pub fn of(events_per_second: u64, bytes_per_second: u64, largest_event_bytes: u64) -> Self {
        Self {
            events: share(events_per_second, 1),
            bytes: Rate {
                burst: bytes_per_second
                    .saturating_mul(BURST_SECONDS)
                    .max(largest_event_bytes),
                ..share(bytes_per_second, 1)
            },
            late: share(events_per_second, 4),
            urgent: share(events_per_second, 2),
            minute_events: events_per_second.saturating_mul(MINUTE_SECONDS).max(1),
            dry_run: false,
        }
    }
}

/// A part of a rate, with its burst.
fn share(per_second: u64, parts: u64) -> Rate {
    let per_second = (per_second / parts).max(1);
    Rate {
        per_second,
        burst: per_second.saturating_mul(BURST_SECONDS),
    }
}

fn rate(per_second: Option<u64>, burst: Option<u64>, configured: Rate, least_burst: u64) -> Rate {
    let rate = per_second.map_or(configured, |per_second| share(per_second, 1));
    Rate {
        per_second: rate.per_second,
        burst: burst.unwrap_or(rate.burst).max(least_burst),
    }
}

fn out_of_bounds(field: &'static str, value: u64, most: u64) -> Option<Wrong> {
    let message = match value {
        0 => format!("{field} is 0, it must be 1 to {most}; to stop a tenant, close it"),
        _ if value > most => format!("{field} is {value}, it must be 1 to {most}"),
        _ => return None,
    };
    Some(Wrong { field, message })
}

fn as_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIGURED: Rate = Rate {
        per_second: 100,
        burst: 500,
    };

    fn configured() -> Quota {
        Quota {
            events: CONFIGURED,
            bytes: Rate {
                per_second: 1_000_000,
                burst: 2_000_000,
            },
            late: Rate {
                per_second: 7,
                burst: 9,
            },
            urgent: Rate {
                per_second: 8,
                burst: 10,
            },
            minute_events: 77,
            dry_run: false,
        }
    }

    fn limits(rates: Rates) -> LimitsRecord {
        LimitsRecord {
            rates,
            ..LimitsRecord::new(TenantId::parse("demo").unwrap())
        }
    }

    fn fields(wrong: Vec<Wrong>) -> Vec<&'static str> {
        wrong.into_iter().map(|wrong| wrong.field).collect()
    }

    #[test]
    fn what_is_absent_is_as_configured() {
        let none = limits(Rates::default());
        assert_eq!(none.quota(&configured(), &Limits::default()), configured());
        assert_eq!(none.sizes(&Limits::default()), Limits::default());
    }

    #[test]
    fn late_urgent_bursts_and_minutes_follow_from_the_rate() {
        let own = limits(Rates {
            events_per_second: Some(1_000),
            ..Rates::default()
        });
        let quota = own.quota(&configured(), &Limits::default());
        assert_eq!(
            quota.events,
            Rate {
                per_second: 1_000,
                burst: 2_000
            }
        );
        assert_eq!(
            quota.late,
            Rate {
                per_second: 250,
                burst: 500
            }
        );
        assert_eq!(
            quota.urgent,
            Rate {
                per_second: 500,
                burst: 1_000
            }
        );
        assert_eq!(quota.minute_events, 120_000);
        assert_eq!(quota.bytes, configured().bytes);
    }

    #[test]
    fn the_largest_event_always_fits_the_burst() {
        let own = limits(Rates {
            bytes_per_second: Some(10),
            ..Rates::default()
        });
        let quota = own.quota(&configured(), &Limits::default());
        assert_eq!(quota.bytes.burst, 256 * 1024);
        let given = limits(Rates {
            bytes_burst: Some(1_000),
            ..Rates::default()
        });
        assert_eq!(fields(given.wrong(&Limits::default())), ["bytes_burst"]);
        let small = LimitsRecord {
            sizes: SizeLimits {
                event_bytes: Some(1_000),
                ..SizeLimits::default()
            },
            ..given
        };
        assert_eq!(fields(small.wrong(&Limits::default())), [""; 0]);
    }

    #[test]
    fn zero_and_absurd_limits_are_refused_and_small_ones_warned_of() {
        let zero = limits(Rates {
            events_per_second: Some(0),
            minute_events: Some(0),
            ..Rates::default()
        });
        assert_eq!(
            fields(zero.wrong(&Limits::default())),
            ["events_per_second", "minute_events"]
        );
        let absurd = limits(Rates {
            events_burst: Some(u64::MAX),
            ..Rates::default()
        });
        assert_eq!(fields(absurd.wrong(&Limits::default())), ["events_burst"]);
        let small = limits(Rates {
            events_per_second: Some(1),
            ..Rates::default()
        });
        assert!(small.wrong(&Limits::default()).is_empty());
        assert_eq!(
            fields(small.warnings(&configured(), &Limits::default())),
            ["events_burst"]
        );
    }

    #[test]
    fn no_size_is_larger_than_configured() {
        let own = LimitsRecord {
            sizes: SizeLimits {
                event_bytes: Some(10_000_000),
                batch_events: Some(10),
                max_age_ms: Some(1),
                ..SizeLimits::default()
            },
            ..limits(Rates::default())
        };
        assert_eq!(fields(own.wrong(&Limits::default())), ["event_bytes"]);
        let sizes = own.sizes(&Limits::default());
        assert_eq!(
            (sizes.event_bytes, sizes.batch_events, sizes.max_age_ms),
            (256 * 1024, 10, 1)
        );
    }
}
