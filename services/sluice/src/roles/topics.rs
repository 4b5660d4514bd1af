//! The topics that Kafka must have.

use std::time::Duration;

use domain::source::Lane;
use domain::topic;
use eventlog::kafka::{Demands, Retention, TopicSpec};

use super::config::{Config, LEAST_IN_SYNC, LEAST_REPLICATION};

/// For how long it is known who changed what.
pub(crate) const KEEP_AUDIT: Duration = Duration::from_hours(24 * 400);

/// How each topic is to be.
pub(super) fn specs(config: &Config) -> Vec<TopicSpec> {
    let of_events = |name: &str| TopicSpec {
        name: name.to_owned(),
        partitions: config.kafka.partitions,
        retention: Retention::Age(config.kafka.keep.duration()),
    };
    let control = TopicSpec {
        name: topic::CONTROL.to_owned(),
        partitions: 1,
        retention: Retention::Compact,
    };
    let audit = TopicSpec {
        name: topic::AUDIT.to_owned(),
        partitions: 1,
        retention: Retention::Age(KEEP_AUDIT),
    };
    vec![
        of_events(topic::accepted(Lane::Standard)),
        of_events(topic::enriched(Lane::Standard)),
        control,
        audit,
    ]
}

/// What is asked of the cluster; nothing of a developer's.
pub(super) fn demands(config: &Config) -> Option<Demands> {
    let demands = Demands {
        replication: LEAST_REPLICATION,
        min_insync: LEAST_IN_SYNC,
    };
    (!config.dev).then_some(demands)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enriched_partitions_are_those_of_accepted() {
        let specs = specs(&Config::default());
        assert_eq!(specs[0].partitions, specs[1].partitions);
        assert_eq!((specs[2].partitions, specs[2].retention), (1, Retention::Compact));
    }

    #[test]
    fn only_a_developers_cluster_may_be_of_one() {
        let mut config = Config::default();
        let demands =
            |config: &Config| demands(config).map(|demands| (demands.replication, demands.min_insync));
        assert_eq!(demands(&config), Some((3, 2)));
        config.dev = true;
        assert_eq!(demands(&config), None);
    }
}
