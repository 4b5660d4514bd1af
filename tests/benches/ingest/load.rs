//! Load from this process onto a running system.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use e2e::client::batch;
use e2e::sample;
use e2e::{Client, System};
use proto::v1;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use crate::samples::Samples;

/// Events without ids: the gateway makes them. About 340 bytes each as protobuf.
pub(crate) fn events() -> Vec<Bytes> {
    json_events().iter().map(sample::protobuf).collect()
}

fn json_events() -> Vec<Value> {
    (0..997)
        .map(|number| {
            let mut event = sample::event(number, domain::time::Millis::EPOCH);
            let fields = event.as_object_mut().unwrap();
            fields.remove("id");
            fields.insert("trace_id".into(), format!("{number:032x}").into());
            fields.insert("session_id".into(), format!("session-{}", number % 100).into());
            event
        })
        .collect()
}

/// Settings with which the probes of a steady load are let in, which wait for one flush and go on at the same moment.
pub(crate) const MANY_PROBES: [(&str, &str); 2] = [
    ("SLUICE__QUERY__SEARCH__PER_TENANT", "32"),
    ("SLUICE__QUERY__STATS__PER_TENANT", "32"),
];

/// One measurement.
pub(crate) struct Run {
    events: usize,
    took: Duration,
    /// From sending a batch to its acknowledgement.
    pub(crate) latencies: Samples,
    last_token: String,
}

impl Run {
    /// Acknowledged events per second.
    pub(crate) fn rate(&self) -> f64 {
        self.rate_until(Duration::ZERO)
    }

    /// Events per second when it took this much longer.
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    pub(crate) fn rate_until(&self, longer: Duration) -> f64 {
        self.events as f64 / (self.took + longer).as_secs_f64()
    }
}

/// A steady load with probes.
pub(crate) struct Paced {
    pub(crate) rate: f64,
    pub(crate) seconds: u64,
    pub(crate) acknowledged: Samples,
    pub(crate) searchable: Samples,
    pub(crate) counted: Samples,
}

/// What a batch is followed to.
#[derive(Clone, Copy)]
enum Followed {
    Searchable,
    Counted,
}

/// Clients of one system.
pub(crate) struct Load<'a> {
    system: &'a System,
    client: Client,
    events: Vec<Bytes>,
}

impl<'a> Load<'a> {
    pub(crate) async fn new(system: &'a System, events: Vec<Bytes>) -> Self {
        Self {
            system,
            client: system.client().await,
            events,
        }
    }

    fn batch(&self, number: usize, size: usize) -> impl Iterator<Item = Bytes> + '_ {
        (0..size).map(move |index| self.events[(number * size + index) % self.events.len()].clone())
    }

    /// One stream of batches, so many of them without an answer at a time.
    pub(crate) async fn stream(&self, events: usize, size: usize, in_flight: usize) -> Run {
        let (requests, received) = tokio::sync::mpsc::channel(in_flight);
        let mut answers = self
            .client
            .ingestion()
            .ingest_stream(ReceiverStream::new(received))
            .await
            .unwrap()
            .into_inner();
        let begin = Instant::now();
        let mut run = Run {
            events: 0,
            took: Duration::ZERO,
            latencies: Samples::default(),
            last_token: String::new(),
        };
        let mut sent: VecDeque<Instant> = VecDeque::new();
        for number in 0..events / size {
            if sent.len() == in_flight {
                note(&mut run, &mut sent, answers.next().await);
            }
            let events = self.batch(number, size).collect();
            let request = v1::IngestStreamRequest {
                number: number as u64 + 1,
                events,
                ..v1::IngestStreamRequest::default()
            };
            sent.push_back(Instant::now());
            requests.send(request).await.unwrap();
        }
        while !sent.is_empty() {
            note(&mut run, &mut sent, answers.next().await);
        }
        run.took = begin.elapsed();
        run
    }

    /// JSON batches over so many connections.
    pub(crate) async fn http(&self, events: usize, size: usize, connections: usize) -> Run {
        let json = json_events();
        let bodies: Vec<String> = (0..16)
            .map(|number| {
                serde_json::to_string(
                    &json
                        .iter()
                        .cycle()
                        .skip(number * size)
                        .take(size)
                        .collect::<Vec<_>>(),
                )
                .unwrap()
            })
            .collect();
        let begin = Instant::now();
        let mut tasks = JoinSet::new();
        for connection in 0..connections {
            let client = self.system.client().await;
            let bodies = bodies.clone();
            let batches = events / size / connections;
            tasks.spawn(async move {
                let mut latencies = Samples::default();
                let mut token = String::new();
                for number in 0..batches {
                    let begin = Instant::now();
                    let body = bodies[(connection + number) % bodies.len()].clone();
                    let answer = client
                        .post("/api/v1/ingestion/events/batch", "application/json", body)
                        .await;
                    assert_eq!(answer.body["accepted"].as_u64(), Some(size as u64), "{answer:?}");
                    latencies.add(begin.elapsed());
                    answer.body["token"].as_str().unwrap().clone_into(&mut token);
                }
                (batches * size, latencies, token)
            });
        }
        let mut run = Run {
            events: 0,
            took: Duration::ZERO,
            latencies: Samples::default(),
            last_token: String::new(),
        };
        while let Some(done) = tasks.join_next().await {
            let (events, latencies, token) = done.unwrap();
            run.events += events;
            run.latencies.extend(latencies);
            run.last_token = token;
        }
        run.took = begin.elapsed();
        run
    }

    /// How long it takes until everything of a run can be found.
    pub(crate) async fn until_visible(&self, run: &Run) -> Duration {
        let begin = Instant::now();
        loop {
            let path = format!("/api/v1/ingestion/events?limit=1&after={}", run.last_token);
            match self.client.get(&path).await.status {
                200 => return begin.elapsed(),
                // The service waits for so long and no longer.
                503 | 504 => {}
                other => panic!("search answered {other}"),
            }
        }
    }

    /// A steady load of batches of 100; every tenth is followed until a search with its token answers, and one of fifty
    /// until statistics do.
    pub(crate) async fn paced(&self, rate: f64, duration: Duration) -> Paced {
        const SIZE: usize = 100;
        #[expect(clippy::cast_precision_loss, reason = "counts are small")]
        let pause = Duration::from_secs_f64(SIZE as f64 / rate);
        let mut ticks = tokio::time::interval(pause);
        let begin = Instant::now();
        let mut tasks = JoinSet::new();
        let mut batches = 0;
        while begin.elapsed() < duration {
            ticks.tick().await;
            let request = batch(self.batch(batches, SIZE));
            let mut ingestion = self.client.ingestion();
            let probe = match batches % 50 {
                0 | 10 | 20 | 30 | 40 => Some((Followed::Searchable, "/api/v1/ingestion/events?limit=1")),
                // Each waits for about a second, and few may wait at once.
                5 => Some((Followed::Counted, "/api/v1/ingestion/stats?from=now-5m")),
                _ => None,
            };
            let probe = probe.map(|(followed, path)| (followed, self.client.request("GET", path)));
            batches += 1;
            tasks.spawn(async move {
                let begin = Instant::now();
                let token = ingestion.ingest_batch(request).await.unwrap().into_inner().token;
                let acknowledged = begin.elapsed();
                let Some((followed, probe)) = probe else {
                    return (acknowledged, None);
                };
                let answer = probe.query(&[("after", &token)]).send().await.unwrap();
                let (status, path) = (answer.status().as_u16(), answer.url().path().to_owned());
                assert_eq!(status, 200, "{path}: {:?}", answer.text().await);
                let visible = begin.elapsed().saturating_sub(acknowledged);
                (acknowledged, Some((followed, visible)))
            });
        }
        #[expect(clippy::cast_precision_loss, reason = "counts are small")]
        let rate = (batches * SIZE) as f64 / begin.elapsed().as_secs_f64();
        let mut paced = Paced {
            rate,
            seconds: duration.as_secs(),
            acknowledged: Samples::default(),
            searchable: Samples::default(),
            counted: Samples::default(),
        };
        while let Some(done) = tasks.join_next().await {
            let (acknowledged, followed) = done.unwrap();
            paced.acknowledged.add(acknowledged);
            match followed {
                Some((Followed::Searchable, visible)) => paced.searchable.add(visible),
                Some((Followed::Counted, visible)) => paced.counted.add(visible),
                None => {}
            }
        }
        paced
    }
}

fn note(
    run: &mut Run,
    sent: &mut VecDeque<Instant>,
    answer: Option<Result<v1::IngestStreamResponse, tonic::Status>>,
) {
    let answer = answer.expect("an answer for every batch").unwrap();
    assert_eq!(answer.rejected, 0, "{answer:?}");
    run.events += answer.accepted as usize;
    run.latencies.add(sent.pop_front().unwrap().elapsed());
    run.last_token = answer.token;
}
