//! The services of a tenant: what enrichment says about the `service` of an event.

use serde::{Deserialize, Serialize};

use super::{MAX_NAME_BYTES, Wrong};
use crate::tenant::TenantId;
use crate::time::Millis;

/// Services that a tenant may register.
pub const MAX_SERVICES: usize = 1_000;

const MAX_REPOSITORY_BYTES: usize = 512;
const MAX_LATENCY_MS: u64 = 24 * 60 * 60 * 1_000;
const WHOLE_PPM: u32 = 1_000_000;

/// A service of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRecord {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name, as events have it in `service`.
    pub name: Box<str>,
    /// Who looks after it.
    pub team: Option<Box<str>>,
    /// How much depends on it, in the tenant's own words.
    pub tier: Option<Box<str>>,
    /// Where its code is.
    pub repository: Option<Box<str>>,
    /// What it has promised.
    pub slo: Option<Slo>,
    /// When it was last changed.
    pub updated_at: Millis,
    /// 1 at first, one more with each change.
    pub version: u64,
}

/// What a service has promised: a share of its requests succeeds within a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slo {
    /// The time, in milliseconds.
    pub latency_ms: u64,
    /// The share, in millionths.
    pub target_ppm: u32,
}

impl ServiceRecord {
    /// What is wrong with its values.
    pub fn wrong(&self) -> Vec<Wrong> {
        let named = [
            ("name", Some(&self.name), MAX_NAME_BYTES),
            ("team", self.team.as_ref(), MAX_NAME_BYTES),
            ("tier", self.tier.as_ref(), MAX_NAME_BYTES),
            ("repository", self.repository.as_ref(), MAX_REPOSITORY_BYTES),
        ];
        let mut wrong: Vec<Wrong> = named
            .into_iter()
            .filter_map(|(field, text, max_bytes)| bad_text(field, text?, max_bytes))
            .collect();
        if let Some(slo) = self.slo {
            if !(1..=MAX_LATENCY_MS).contains(&slo.latency_ms) {
                let message = format!(
                    "slo.latency_ms is {}, it must be 1 to {MAX_LATENCY_MS}",
                    slo.latency_ms
                );
                wrong.push(Wrong {
                    field: "slo.latency_ms",
                    message,
                });
            }
            if !(1..=WHOLE_PPM).contains(&slo.target_ppm) {
                let message = "slo.target must be above 0 and at most 1, such as 0.999".to_owned();
                wrong.push(Wrong {
                    field: "slo.target",
                    message,
                });
            }
        }
        wrong
    }
}

fn bad_text(field: &'static str, text: &str, max_bytes: usize) -> Option<Wrong> {
    let is_bad = text.trim().is_empty() || text.len() > max_bytes || text.contains(char::is_control);
    is_bad.then(|| Wrong {
        field,
        message: format!("{field} must have 1 to {max_bytes} bytes and no control characters"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> ServiceRecord {
        ServiceRecord {
            tenant: TenantId::parse("demo").unwrap(),
            name: "checkout".into(),
            team: Some("payments".into()),
            tier: None,
            repository: None,
            slo: Some(Slo {
                latency_ms: 300,
                target_ppm: 999_000,
            }),
            updated_at: Millis::EPOCH,
            version: 1,
        }
    }

    #[test]
    fn each_wrong_value_is_named() {
        assert!(service().wrong().is_empty());
        let bad = ServiceRecord {
            name: " ".into(),
            team: Some("a\nb".into()),
            repository: Some("x".repeat(MAX_REPOSITORY_BYTES + 1).into()),
            slo: Some(Slo {
                latency_ms: 0,
                target_ppm: WHOLE_PPM + 1,
            }),
            ..service()
        };
        let fields: Vec<_> = bad.wrong().into_iter().map(|wrong| wrong.field).collect();
        assert_eq!(
            fields,
            ["name", "team", "repository", "slo.latency_ms", "slo.target"]
        );
    }
}
