//! Reading a partition at an offset: clients that are assigned one partition each, without a group.
//!
//! A read is a matter of its offset alone, so one whose caller is gone has lost nothing. An empty answer is given only
//! after the end was seen while the call ran; when the brokers do not answer, the read fails.
//!
//! The client swallows what is no record (markers of transactions, aborted records) and tells by its position how far
//! it came. The newest records of a partition are never compacted away, so at the end the position is the end.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use super::config::Config;
use super::connection::{Listener, Names, client_config};
use super::consumer::decode::{Decoder, Undecodable};
use super::error::{Doing, code, is_unknown};
use crate::port::{Error, Read};
use crate::record::{Record, TopicPartition};

/// How long the client waits before it looks whether its caller is still there.
const SLICE: Duration = Duration::from_millis(100);
/// How long a broker holds a fetch at the end of the partition. What asks for the end waits for it.
const FETCH_WAIT_MS: &str = "50";
/// Bytes of one fetch, and bytes that are fetched ahead.
const FETCH_BYTES: &str = "1048576";
const AHEAD_KBYTES: &str = "1024";

/// What is to be read.
pub(super) struct Order {
    pub(super) partition: TopicPartition,
    pub(super) from: u64,
    pub(super) max_bytes: usize,
    /// How long the end waits for a record.
    pub(super) wait: Duration,
    /// How long the brokers may take.
    pub(super) timeout: Duration,
    /// Ends the read when nobody waits for it any more.
    pub(super) cancelled: CancellationToken,
}

/// Why a read failed.
pub(super) enum Failure {
    /// As the port says it.
    Port(Error),
    /// The offset is not between start and end.
    OutOfRange,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Port(error)
    }
}

/// A client with the place where it reads.
pub(super) struct Reader {
    client: BaseConsumer<Listener>,
    names: Names,
    decoder: Decoder,
    place: Option<Place>,
    /// When it was last used.
    pub(super) used: Instant,
    /// Whether the client can be used again.
    pub(super) is_usable: bool,
}

/// Where a client stands.
struct Place {
    partition: TopicPartition,
    next: u64,
    /// It has said that there is nothing more; it says so once.
    at_end: bool,
}

/// What a client gives.
enum Next {
    Record(Record),
    End,
    Nothing,
}

impl Reader {
    /// Makes a client. Contacts nobody.
    pub(super) fn new(config: &Config) -> KafkaResult<Self> {
        let names = Names::new(config);
        let mut client = client_config(config);
        client
            // Without one the client can't be assigned anything. It joins no group and commits nothing.
            .set("group.id", names.group("reader"))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("check.crcs", "true")
            .set("fetch.wait.max.ms", FETCH_WAIT_MS)
            .set("fetch.message.max.bytes", FETCH_BYTES)
            .set("fetch.max.bytes", FETCH_BYTES)
            .set("fetch.error.backoff.ms", "100")
            .set("fetch.queue.backoff.ms", "2")
            .set("queued.max.messages.kbytes", AHEAD_KBYTES)
            .set(
                "socket.timeout.ms",
                config.request_timeout.as_millis().to_string(),
            );
        Ok(Self {
            client: client.create_with_context(Listener::default())?,
            names,
            decoder: Decoder::default(),
            place: None,
            used: Instant::now(),
            is_usable: true,
        })
    }

    /// Whether it stands where the order begins.
    pub(super) fn is_at(&self, order: &Order) -> bool {
        let place = self.place.as_ref();
        place.is_some_and(|place| place.partition == order.partition && place.next == order.from)
    }

    /// Reads as ordered. Blocks.
    pub(super) fn read(&mut self, order: &Order) -> Result<Read, Failure> {
        let began = Instant::now();
        let waited = began + order.wait;
        let mut answer_by = began + order.timeout;
        // That it saw the end some time ago is no answer to this call.
        let mut saw_end_before = self.is_at(order) && self.place.as_ref().is_some_and(|place| place.at_end);
        if saw_end_before {
            answer_by = waited;
        } else if !self.is_at(order) {
            self.go_to(order)?;
        }
        let mut at_end = false;
        loop {
            let now = Instant::now();
            let until = if at_end { waited } else { answer_by };
            match self.next(order, until.saturating_duration_since(now).min(SLICE))? {
                Next::Record(first) => {
                    let records = self.read_ahead(order, first);
                    return Ok(self.found(order, records));
                }
                Next::End if !self.is_at(order) => return Ok(self.found(order, Vec::new())),
                Next::End => at_end = true,
                Next::Nothing => {}
            }
            let now = Instant::now();
            if order.cancelled.is_cancelled() || (at_end && now >= waited) {
                return Ok(self.found(order, Vec::new()));
            }
            if !at_end && now >= answer_by {
                if !saw_end_before {
                    return Err(self.silence(order).into());
                }
                saw_end_before = false;
                answer_by = now + order.timeout;
                self.go_to(order)?;
            }
        }
    }

    fn found(&self, order: &Order, records: Vec<Record>) -> Read {
        let next = self.place.as_ref().map_or(order.from, |place| place.next);
        Read { records, next }
    }

    /// What the client has fetched already, after a first record.
    fn read_ahead(&mut self, order: &Order, first: Record) -> Vec<Record> {
        let mut bytes = first.bytes();
        let mut records = vec![first];
        while bytes < order.max_bytes {
            // An error is told to whoever reads on from here.
            let Ok(Next::Record(record)) = self.next(order, Duration::ZERO) else {
                break;
            };
            bytes = bytes.saturating_add(record.bytes());
            records.push(record);
        }
        records
    }

    /// Assigns the place of the order, anew if it is the one it has.
    fn go_to(&mut self, order: &Order) -> Result<(), Failure> {
        self.place = None;
        let doing = reading(order);
        let wire = self.names.topic(&order.partition.topic);
        let number = i32::try_from(order.partition.partition).map_err(|_too_large| doing.unknown())?;
        let from = i64::try_from(order.from).map_err(|_too_large| Failure::OutOfRange)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&wire, number, Offset::Offset(from))
            .and_then(|()| self.client.assign(&list))
            .map_err(|error| doing.failed(&error, None))?;
        self.place = Some(Place {
            partition: order.partition.clone(),
            next: order.from,
            at_end: false,
        });
        Ok(())
    }

    fn next(&mut self, order: &Order, wait: Duration) -> Result<Next, Failure> {
        let Some(place) = &mut self.place else {
            return Err(reading(order).failed_with(Code::State, None).into());
        };
        let message = match self.client.poll(wait) {
            None => return Ok(Next::Nothing),
            Some(Ok(message)) => message,
            Some(Err(KafkaError::PartitionEOF(_))) => {
                place.at_end = true;
                place.next = place.next.max(position(&self.client));
                return Ok(Next::End);
            }
            Some(Err(error)) => return self.trouble(order, &error),
        };
        self.client.context().works();
        match self.decoder.record(&message) {
            Ok(record) if record.offset >= place.next => {
                place.next = record.offset + 1;
                place.at_end = false;
                Ok(Next::Record(record))
            }
            Ok(_before) => Ok(Next::Nothing),
            Err(Undecodable { what }) => {
                let partition = place.partition.to_string();
                drop(message);
                self.place = None;
                Err(Error::Corrupt { partition, what }.into())
            }
        }
    }

    /// What an error of the client is to this read. Most are its own to get over, within the timeout.
    fn trouble(&mut self, order: &Order, error: &KafkaError) -> Result<Next, Failure> {
        if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
            self.is_usable = false;
        }
        let failure = match code(error) {
            _ if !self.is_usable => reading(order).failed(error, self.client.context().cause()).into(),
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => Failure::OutOfRange,
            Some(
                Code::BadMessage
                | Code::BadCompression
                | Code::InvalidMessage
                | Code::UnsupportedCompressionType,
            ) => {
                let next = self.place.as_ref().map_or(order.from, |place| place.next);
                Failure::Port(Error::Corrupt {
                    partition: order.partition.to_string(),
                    what: format!("batch at {next}"),
                })
            }
            Some(code) if is_unknown(code) || code == Code::TopicAuthorizationFailed => {
                reading(order).failed_with(code, None).into()
            }
            _ => return Ok(Next::Nothing),
        };
        self.place = None;
        Err(failure)
    }

    fn silence(&mut self, order: &Order) -> Error {
        self.place = None;
        reading(order).failed_with(Code::OperationTimedOut, self.client.context().cause())
    }
}

/// How far the client came in its one partition; 0 when it has found nothing yet.
fn position(client: &BaseConsumer<Listener>) -> u64 {
    let positions = client.position().unwrap_or_default();
    let offsets = positions.elements().into_iter().map(|place| place.offset());
    let offset = |offset| match offset {
        Offset::Offset(offset) => u64::try_from(offset).ok(),
        _ => None,
    };
    offsets.filter_map(offset).max().unwrap_or_default()
}

fn reading(order: &Order) -> Doing<'_, TopicPartition> {
    Doing {
        verb: "read",
        to: &order.partition,
    }
}
