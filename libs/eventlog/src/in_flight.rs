//! The bound on bytes that wait for their acknowledgement, over everything that appends to one log.
//!
//! What does not fit is refused at once and counted; nothing waits for room.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use metrics::Gauge;

use crate::metric_definitions as definitions;
use crate::port::Error;

/// What a waiting record takes beside its bytes.
pub(crate) const RECORD_OVERHEAD_BYTES: usize = 64;

/// The bound. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    total: Arc<AtomicUsize>,
    max_bytes: usize,
}

impl InFlight {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            total: Arc::default(),
            max_bytes,
        }
    }

    /// Takes a share of these bytes, or none of them.
    #[expect(clippy::cast_precision_loss, reason = "a gauge of bytes")]
    pub(crate) fn reserve(&self, bytes: usize) -> Result<Share, Error> {
        let reserved = self
            .total
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |total| {
                total.checked_add(bytes).filter(|total| *total <= self.max_bytes)
            });
        if let Err(in_flight_bytes) = reserved {
            metrics::counter!(definitions::REFUSED_CALLS).increment(1);
            return Err(Error::Full {
                in_flight_bytes,
                max_bytes: self.max_bytes,
            });
        }
        let gauge = metrics::gauge!(definitions::IN_FLIGHT_BYTES);
        gauge.increment(bytes as f64);
        Ok(Share {
            bytes,
            total: self.total.clone(),
            gauge,
        })
    }
}

/// A share of the bound, given back when it is dropped.
pub(crate) struct Share {
    bytes: usize,
    total: Arc<AtomicUsize>,
    gauge: Gauge,
}

impl Share {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Share {
    #[expect(clippy::cast_precision_loss, reason = "a gauge of bytes")]
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::AcqRel);
        self.gauge.decrement(self.bytes as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_fit_the_bound_and_are_given_back() {
        let in_flight = InFlight::new(100);
        let first = in_flight.reserve(60).unwrap();
        let refused = in_flight.reserve(41).err();
        assert!(matches!(
            refused,
            Some(Error::Full {
                in_flight_bytes: 60,
                max_bytes: 100
            })
        ));
        let rest = in_flight.reserve(40).unwrap();
        assert!(in_flight.reserve(1).is_err());
        assert!(in_flight.reserve(usize::MAX).is_err());
        drop((first, rest));
        assert_eq!(in_flight.reserve(100).unwrap().bytes(), 100);
    }
}
