//! The roles as processes on real engines: end to end, per role, and enrichment beside a bare loop.

use std::time::{Duration, Instant};

use bytes::Bytes;
use e2e::distributed::{Distributed, Endpoints, Role};
use e2e::{Stack, System};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::counting;
use crate::load::{self, Load};

/// Events of each measurement.
const EVENTS: usize = 200_000;
const WAIT: Duration = Duration::from_secs(30);

pub(crate) async fn run(events: Vec<Bytes>) {
    let mut system = System::start_with(Stack::Distributed, load::MANY_PROBES).await;
    end_to_end(&system, events.clone()).await;
    // So that each catches up by itself.
    for role in [Role::Retention, Role::Analytics, Role::Enrichment] {
        system.stop_role(role).await;
    }
    let topics = Topics::of(system.distributed());
    let enriched = topics.end(&topics.enriched);
    enrichment(&mut system, &topics, events).await;
    counting::catching_up(&mut system, &topics, &enriched).await;
    counting::sketches();
}

async fn end_to_end(system: &System, events: Vec<Bytes>) {
    let roles = system.distributed();
    let load = Load::new(system, events).await;
    let before: Vec<Duration> = roles.processes().map(e2e::process::Process::cpu).collect();
    let stream = load.stream(EVENTS, 500, 16).await;
    let visible = load.until_visible(&stream).await;
    println!(
        "every role a process, gRPC IngestStream, batches of 500, 16 in flight:\n    \
         acknowledged {:.0} events/s (p50 {:.1} ms, p99 {:.1} ms), to searchable {:.0} events/s",
        stream.rate(),
        stream.latencies.ms(50),
        stream.latencies.ms(99),
        stream.rate_until(visible)
    );
    for (process, before) in roles.processes().zip(before) {
        let cpu = process.cpu().saturating_sub(before);
        println!(
            "    {:<14} {:>6.2} us of CPU an event, {:>4} MiB at the peak",
            process.name(),
            cpu.as_secs_f64() * 1e6 / count(EVENTS),
            process.peak_bytes() >> 20
        );
    }
    let paced = load
        .paced(stream.rate_until(visible) / 2.0, Duration::from_secs(15))
        .await;
    println!(
        "    at {:.0} events/s: acknowledged p50 {:.1} ms, p99 {:.1} ms; then searchable p50 {:.1} ms, p99 {:.1} ms, \
         counted p50 {:.1} ms, p99 {:.1} ms",
        paced.rate,
        paced.acknowledged.ms(50),
        paced.acknowledged.ms(99),
        paced.searchable.ms(50),
        paced.searchable.ms(99),
        paced.counted.ms(50),
        paced.counted.ms(99)
    );
}

/// Enrichment catching up with what was accepted while it was stopped, beside a loop that only copies.
async fn enrichment(system: &mut System, names: &Topics, events: Vec<Bytes>) {
    let (accepted, enriched) = (names.end(&names.accepted), names.end(&names.enriched));
    let load = Load::new(system, events).await;
    load.stream(EVENTS, 500, 16).await;

    let begin = Instant::now();
    let copied = names.copy(&accepted);
    let bare = count(copied) / begin.elapsed().as_secs_f64();

    system.start_role(Role::Enrichment).await;
    let last = enriched.iter().sum::<i64>() + i64::try_from(copied).unwrap();
    while names.end(&names.enriched).iter().sum::<i64>() < last {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // By the append times of the log itself, for joining a group is not the work.
    // Not every partition has some.
    let moved = (0..)
        .zip(enriched.iter().zip(names.end(&names.enriched)))
        .filter(|(_, (from, end))| *from < end);
    let times: Vec<i64> = moved
        .flat_map(|(partition, (from, end))| [(partition, *from), (partition, end - 1)])
        .map(|(partition, offset)| names.time(partition, offset))
        .collect();
    let (begin, end) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    let took = Duration::from_millis(u64::try_from(end - begin).unwrap().max(1));
    let rate = count(copied) / took.as_secs_f64();
    println!(
        "enrichment catching up: {rate:.0} events/s, {:.2} of a bare consume-produce loop ({bare:.0} records/s)",
        rate / bare
    );
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
pub(crate) fn count(events: usize) -> f64 {
    events as f64
}

fn consumer(brokers: &str, group: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", format!("{group}bench"))
        .set("enable.auto.commit", "false")
        .create()
        .unwrap()
}

/// The topics of a system, as brokers know them.
pub(crate) struct Topics {
    brokers: String,
    accepted: String,
    pub(crate) enriched: String,
    copy: String,
    partitions: i32,
    consumer: BaseConsumer,
}

impl Topics {
    fn of(system: &Distributed) -> Self {
        let brokers = Endpoints::shared().kafka;
        let prefix = system.topic_prefix();
        let consumer = consumer(&brokers, &prefix);
        let accepted = format!("{prefix}sluice.accepted.standard");
        let metadata = consumer.fetch_metadata(Some(&accepted), WAIT).unwrap();
        let partitions = i32::try_from(metadata.topics()[0].partitions().len()).unwrap();
        Self {
            enriched: format!("{prefix}sluice.enriched.standard"),
            copy: format!("{prefix}copy"),
            brokers,
            accepted,
            partitions,
            consumer,
        }
    }

    pub(crate) fn end(&self, topic: &str) -> Vec<i64> {
        let end = |partition| self.consumer.fetch_watermarks(topic, partition, WAIT).unwrap().1;
        (0..self.partitions).map(end).collect()
    }

    /// Append time of an enriched record, in milliseconds.
    fn time(&self, partition: i32, offset: i64) -> i64 {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.enriched, partition, Offset::Offset(offset))
            .unwrap();
        let consumer = consumer(&self.brokers, &self.copy);
        consumer.assign(&list).unwrap();
        let message = consumer.poll(WAIT).expect("the record is there").unwrap();
        message.timestamp().to_millis().unwrap()
    }

    /// Reads what is between these offsets and does nothing with it.
    pub(crate) fn consume(&self, topic: &str, from: &[i64], end: &[i64]) -> usize {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in (0..).zip(from) {
            list.add_partition_offset(topic, partition, Offset::Offset(*offset))
                .unwrap();
        }
        let consumer = consumer(&self.brokers, &self.copy);
        consumer.assign(&list).unwrap();
        let wanted: i64 = end.iter().zip(from).map(|(end, from)| end - from).sum();
        let wanted = usize::try_from(wanted).unwrap();
        let mut read = 0;
        while read < wanted {
            if let Some(message) = consumer.poll(WAIT) {
                std::hint::black_box(message.unwrap().payload().map(<[u8]>::len));
                read += 1;
            }
        }
        read
    }

    /// Copies everything from `from` on into a topic of its own, as durably as enrichment writes.
    fn copy(&self, from: &[i64]) -> usize {
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .create()
            .unwrap();
        let topic = NewTopic::new(&self.copy, self.partitions, TopicReplication::Fixed(1));
        futures::executor::block_on(admin.create_topics([&topic], &AdminOptions::new())).unwrap();
        let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("enable.idempotence", "true")
            .set("compression.type", "zstd")
            .set("queue.buffering.max.messages", "1000000")
            .set("linger.ms", "2")
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        for (partition, offset) in (0..).zip(from) {
            list.add_partition_offset(&self.accepted, partition, Offset::Offset(*offset))
                .unwrap();
        }
        self.consumer.assign(&list).unwrap();
        let wanted: i64 = self
            .end(&self.accepted)
            .iter()
            .zip(from)
            .map(|(end, from)| end - from)
            .sum();
        let wanted = usize::try_from(wanted).unwrap();
        for _ in 0..wanted {
            let message = loop {
                if let Some(message) = self.consumer.poll(WAIT) {
                    break message.unwrap();
                }
            };
            let headers = message
                .headers()
                .map_or_else(OwnedHeaders::new, rdkafka::message::BorrowedHeaders::detach);
            let record = BaseRecord::<[u8], [u8]>::to(&self.copy)
                .partition(message.partition())
                .key(message.key().unwrap())
                .payload(message.payload().unwrap())
                .headers(headers);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(WAIT).unwrap();
        wanted
    }
}
