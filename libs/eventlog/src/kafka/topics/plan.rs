//! How topics are to be: pure values, compared with what the brokers say.

use std::collections::HashMap;
use std::time::Duration;

use super::{Demands, Retention, TopicProblem, TopicSpec};

/// Settings by their names, as the brokers give them.
pub(super) type Settings = HashMap<String, String>;

/// A topic as it is.
pub(super) struct Found {
    pub(super) partitions: u32,
    /// Copies of the partition that has the fewest.
    pub(super) replication: u32,
    pub(super) settings: Settings,
}

/// What topics are compared with, beside their specification.
pub(super) struct Wanted<'a> {
    /// For the commands that mend what is wrong.
    pub(super) brokers: &'a str,
    /// The largest batch that is sent.
    pub(super) max_batch_bytes: usize,
    /// What is asked of the cluster, if anything.
    pub(super) demands: Option<Demands>,
}

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// A compacted topic is read whole at every start, so old values go soon.
const COMPACTED_SEGMENT_BYTES: u32 = 16 << 20;

/// The settings that a topic is made with.
pub(super) fn settings(
    spec: &TopicSpec,
    max_batch_bytes: usize,
    min_insync: u16,
) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("message.timestamp.type", "LogAppendTime".to_owned()),
        ("max.message.bytes", max_batch_bytes.to_string()),
        ("compression.type", "producer".to_owned()),
        ("min.insync.replicas", min_insync.to_string()),
        ("unclean.leader.election.enable", "false".to_owned()),
    ];
    match spec.retention {
        Retention::Age(age) => settings.extend([
            ("cleanup.policy", "delete".to_owned()),
            ("retention.ms", ms(age)),
            ("retention.bytes", "-1".to_owned()),
            // Only whole segments are removed, so they are much shorter than the retention.
            ("segment.ms", ms((age / 8).clamp(HOUR / 6, DAY))),
        ]),
        Retention::Compact => settings.extend([
            ("cleanup.policy", "compact".to_owned()),
            ("delete.retention.ms", ms(DAY)),
            ("segment.bytes", COMPACTED_SEGMENT_BYTES.to_string()),
            ("segment.ms", ms(HOUR)),
            ("min.cleanable.dirty.ratio", "0.1".to_owned()),
        ]),
    }
    settings
}

/// What is wrong with a topic; brokers call it `wire`.
pub(super) fn problems(
    spec: &TopicSpec,
    wire: &str,
    found: Option<&Found>,
    wanted: &Wanted<'_>,
) -> Vec<TopicProblem> {
    let problem = |text: String| TopicProblem {
        topic: spec.name.clone(),
        text: format!("topic {wire} {text}"),
    };
    let Some(found) = found else {
        return vec![problem("does not exist: run `sluice migrate`".to_owned())];
    };
    let mut texts: Vec<String> = partitions(spec.partitions, wire, found.partitions, wanted.brokers)
        .into_iter()
        .collect();
    let settings = Compared {
        wire,
        found: &found.settings,
        brokers: wanted.brokers,
    };
    texts.extend(settings.equals("message.timestamp.type", "LogAppendTime"));
    texts.extend(settings.at_least("max.message.bytes", wanted.max_batch_bytes as u128));
    match spec.retention {
        Retention::Age(age) => {
            texts.extend(settings.equals("cleanup.policy", "delete"));
            texts.extend(settings.at_least_or_endless("retention.ms", age.as_millis()));
            texts.extend(settings.equals("retention.bytes", "-1"));
        }
        Retention::Compact => texts.extend(settings.equals("cleanup.policy", "compact")),
    }
    if let Some(demands) = wanted.demands {
        texts.extend(replication(found.replication, demands.replication));
        texts.extend(settings.at_least("min.insync.replicas", demands.min_insync.into()));
        texts.extend(settings.equals("unclean.leader.election.enable", "false"));
    }
    texts.into_iter().map(problem).collect()
}

fn partitions(wanted: u32, wire: &str, found: u32, brokers: &str) -> Option<String> {
    let mend = if found < wanted {
        format!(
            "run `kafka-topics.sh --bootstrap-server {brokers} --alter --topic {wire} --partitions {wanted}`"
        )
    } else {
        // Partitions can't be taken away.
        format!("set the partitions to {found}, or make the topic anew under another generation")
    };
    (found != wanted).then(|| format!("has {found} partitions, it must have {wanted}: {mend}"))
}

fn replication(found: u32, wanted: u16) -> Option<String> {
    (found < u32::from(wanted)).then(|| {
        format!(
            "has {found} replicas of a partition, it must have at least {wanted}: \
             raise them by `kafka-reassign-partitions.sh`"
        )
    })
}

/// The settings of a topic next to those wanted.
struct Compared<'a> {
    wire: &'a str,
    found: &'a Settings,
    brokers: &'a str,
}

impl Compared<'_> {
    fn equals(&self, name: &str, wanted: &str) -> Option<String> {
        let found = self.found.get(name).map(String::as_str);
        (found != Some(wanted)).then(|| self.differs(name, found, wanted, wanted))
    }

    fn at_least(&self, name: &str, wanted: u128) -> Option<String> {
        let found = self.found.get(name).map(String::as_str);
        let enough = found
            .and_then(|found| found.parse().ok())
            .is_some_and(|found: u128| found >= wanted);
        (!enough).then(|| self.differs(name, found, &format!("at least {wanted}"), &wanted.to_string()))
    }

    /// As [`at_least`](Self::at_least); -1 is without end.
    fn at_least_or_endless(&self, name: &str, wanted: u128) -> Option<String> {
        let is_endless = self.found.get(name).is_some_and(|found| found == "-1");
        self.at_least(name, wanted).filter(|_| !is_endless)
    }

    fn differs(&self, name: &str, found: Option<&str>, wanted: &str, value: &str) -> String {
        let Self { wire, brokers, .. } = self;
        let found = found.unwrap_or("unknown");
        format!(
            "has {name} {found}, it must be {wanted}: run `kafka-configs.sh --bootstrap-server {brokers} --alter \
             --entity-type topics --entity-name {wire} --add-config {name}={value}`"
        )
    }
}

fn ms(duration: Duration) -> String {
    duration.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: Duration = Duration::from_hours(24 * 7);
    const DEMANDS: Demands = Demands {
        replication: 3,
        min_insync: 2,
    };

    fn spec(retention: Retention) -> TopicSpec {
        TopicSpec {
            name: "events".to_owned(),
            partitions: 8,
            retention,
        }
    }

    /// The topic as it would have been made.
    fn made(spec: &TopicSpec, min_insync: u16) -> Found {
        let settings = settings(spec, 1_000, min_insync);
        Found {
            partitions: spec.partitions,
            replication: 3,
            settings: settings
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        }
    }

    fn texts(spec: &TopicSpec, found: Option<&Found>, demands: Option<Demands>) -> Vec<String> {
        let wanted = Wanted {
            brokers: "kafka:9092",
            max_batch_bytes: 1_000,
            demands,
        };
        let problems = problems(spec, "test.events", found, &wanted);
        assert!(problems.iter().all(|problem| problem.topic == "events"));
        problems.into_iter().map(|problem| problem.text).collect()
    }

    /// What is said when this setting of a good topic is changed.
    fn changed(retention: Retention, name: &str, value: &str) -> String {
        let spec = spec(retention);
        let mut found = made(&spec, 2);
        found.settings.insert(name.to_owned(), value.to_owned());
        texts(&spec, Some(&found), Some(DEMANDS)).join("\n")
    }

    #[test]
    fn a_topic_as_it_is_made_has_no_problems() {
        for retention in [Retention::Age(WEEK), Retention::Compact] {
            let spec = spec(retention);
            assert_eq!(texts(&spec, Some(&made(&spec, 2)), Some(DEMANDS)), [""; 0]);
        }
    }

    #[test]
    fn a_missing_topic_is_told_with_the_command_that_makes_it() {
        let said = texts(&spec(Retention::Compact), None, None);
        assert_eq!(said, ["topic test.events does not exist: run `sluice migrate`"]);
    }

    #[test]
    fn a_problem_names_the_topic_what_is_found_what_is_wanted_and_the_remedy() {
        assert_eq!(
            changed(Retention::Age(WEEK), "retention.ms", "3600000"),
            "topic test.events has retention.ms 3600000, it must be at least 604800000: run `kafka-configs.sh \
             --bootstrap-server kafka:9092 --alter --entity-type topics --entity-name test.events --add-config \
             retention.ms=604800000`"
        );
    }

    #[test]
    fn partition_counts_must_be_equal() {
        let spec = spec(Retention::Age(WEEK));
        let mut found = made(&spec, 2);
        found.partitions = 4;
        let fewer = texts(&spec, Some(&found), None);
        assert!(fewer[0].contains("has 4 partitions, it must have 8") && fewer[0].contains("--partitions 8"));
        found.partitions = 16;
        let more = texts(&spec, Some(&found), None);
        assert!(
            more[0].contains("has 16 partitions") && !more[0].contains("--alter"),
            "{more:?}"
        );
    }

    #[test]
    fn every_setting_that_matters_is_compared() {
        let age = Retention::Age(WEEK);
        for (name, value) in [
            ("message.timestamp.type", "CreateTime"),
            ("max.message.bytes", "999"),
            ("cleanup.policy", "compact,delete"),
            ("retention.ms", "604799999"),
            ("retention.bytes", "1000000"),
            ("min.insync.replicas", "1"),
            ("unclean.leader.election.enable", "true"),
            ("max.message.bytes", "no number"),
        ] {
            let said = changed(age, name, value);
            assert!(said.contains(name) && said.contains(value), "{said}");
            assert_eq!(said.lines().count(), 1);
        }
        assert!(changed(Retention::Compact, "cleanup.policy", "delete").contains("must be compact"));
        assert_eq!(changed(age, "retention.ms", "-1"), "", "kept without end");
        assert_eq!(changed(age, "max.message.bytes", "1000000000"), "");
    }

    #[test]
    fn a_cluster_of_one_is_good_enough_without_demands() {
        let spec = spec(Retention::Age(WEEK));
        let mut found = made(&spec, 1);
        found.replication = 1;
        assert_eq!(texts(&spec, Some(&found), None), [""; 0]);
        let said = texts(&spec, Some(&found), Some(DEMANDS)).join("\n");
        assert!(
            said.contains("1 replicas") && said.contains("min.insync.replicas 1"),
            "{said}"
        );
    }
}
