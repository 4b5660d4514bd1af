//! A sending against a server that does as it is told.

use std::future::pending;
use std::io::BufReader;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use domain::key::KeyId;
use domain::time::Millis;
use tokio::sync::mpsc;

use super::super::batch::{self, Position};
use super::super::epochs::Epochs;
use super::super::fake::{Act, Server};
use super::super::lines::Lines;
use super::super::prepare::Preparer;
use super::super::report::{Counts, Report};
use super::super::resume::{Fresh, Resume, Target};
use super::{Ended, Sending};
use crate::cli::{ClientKey, Connection, Format};
use crate::client::grpc::Grpc;

const START: Millis = Millis::from_ms(1_700_000_000_000);

async fn send(lines: usize, acts: &[Act]) -> (Server, anyhow::Result<Counts>) {
    send_within(Duration::from_secs(5), lines, acts).await
}

async fn send_within(patience: Duration, lines: usize, acts: &[Act]) -> (Server, anyhow::Result<Counts>) {
    let server = Server {
        acts: Arc::new(Mutex::new(acts.to_vec())),
        ..Server::default()
    };
    let (receiver, sender) = batches(&events(lines));
    drop(sender);
    let sending = sending(&server, patience, receiver, None).await;
    let sent = sending.run(pending()).await;
    (server, sent.map(|ended| ended.report.counts()))
}

fn events(lines: usize) -> String {
    let events = (0..lines).map(|n| format!("{{\"kind\":\"generic\",\"name\":\"n{n}\"}}\n"));
    events.collect::<Vec<_>>().concat()
}

/// The batches of a text; the input ends when the sender is dropped too.
fn batches(text: &str) -> (mpsc::Receiver<batch::Batch>, mpsc::Sender<batch::Batch>) {
    let (sender, receiver) = mpsc::channel(1);
    let input = BufReader::with_capacity(1 << 20, std::io::Cursor::new(text.to_owned()));
    let batches = sender.clone();
    std::thread::spawn(move || {
        let preparer = Preparer::new(Epochs::new(START, None), 1);
        batch::read(Lines::new(input), Position::default(), &preparer, &batches)
    });
    (receiver, sender)
}

async fn sending(
    server: &Server,
    patience: Duration,
    input: mpsc::Receiver<batch::Batch>,
    path: Option<&Path>,
) -> Sending {
    let connection = Connection {
        url: String::new(),
        grpc: format!("http://{}", server.start().await),
        ca: None,
        key: Some(ClientKey::from("slk_x")),
        output: Format::Json,
    };
    let fresh = Fresh {
        target: Target {
            server: connection.grpc.clone(),
            key: KeyId::parse("abcdefABCDEF").unwrap(),
        },
        now: START,
        salt: 1,
        shifts: false,
    };
    let resume = Resume::open(path.map(Path::to_owned), false, fresh, || Ok(0)).unwrap();
    let report = Report::new(Format::Json, None);
    Sending::new(Grpc::new(&connection).unwrap(), patience, input, resume, report)
}

fn ids(server: &Server) -> Vec<Bytes> {
    let mut ids: Vec<Bytes> = server.seen.lock().unwrap().concat();
    ids.sort();
    ids.dedup();
    ids
}

#[tokio::test]
async fn what_a_broken_stream_left_unanswered_is_sent_again_as_the_same_events() {
    let (server, counts) = send(2_300, &[Act::Accept, Act::Break, Act::Break]).await;
    assert_eq!(
        counts.unwrap(),
        Counts {
            accepted: 2_300,
            ..Counts::default()
        }
    );
    assert_eq!(ids(&server).len(), 2_300);
    assert!(server.seen.lock().unwrap().concat().len() > 2_300);
}

#[tokio::test]
async fn what_is_over_a_limit_is_sent_again_alone() {
    let (server, counts) = send(3, &[Act::LimitFirst]).await;
    assert_eq!(
        counts.unwrap(),
        Counts {
            accepted: 3,
            ..Counts::default()
        }
    );
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(seen[1][0], seen[0][0]);
}

#[tokio::test]
async fn a_refusal_ends_the_sending() {
    let (server, counts) = send(3, &[Act::Refuse]).await;
    assert_eq!(counts.unwrap_err().to_string(), "no scope");
    assert_eq!(server.seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let (_, counts) = send_within(Duration::from_millis(300), 3, &[Act::Break; 1_000]).await;
    assert!(counts.unwrap_err().to_string().contains("giving up"));
}

#[tokio::test]
async fn an_input_without_events_is_refused_like_any_other() {
    let server = Server {
        is_closed: true,
        ..Server::default()
    };
    for text in ["", "nonsense\n"] {
        let (input, sender) = batches(text);
        drop(sender);
        let sending = sending(&server, Duration::from_secs(5), input, None).await;
        let refused = sending.run(pending()).await.err().unwrap();
        assert_eq!(refused.to_string(), "no scope");
    }
}

#[tokio::test]
async fn a_finished_stream_is_ended_and_not_dropped() {
    let (server, counts) = send(3, &[]).await;
    assert_eq!(counts.unwrap().accepted, 3);
    assert_eq!(server.ended.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn nothing_counts_as_done_from_the_batch_of_the_first_rejection_on() {
    let server = Server::default();
    let (input, sender) = batches(&format!("{}nonsense\n{}", events(1_000), events(700)));
    drop(sender);
    let sending = sending(&server, Duration::from_secs(5), input, None).await;
    let ended = sending.run(pending()).await.unwrap();
    assert_eq!(ended.report.counts().rejected, 1);
    assert_eq!(ended.report.counts().accepted, 1_700);
    assert_eq!(ended.resume.state().done.lines, 1_000);
}

#[tokio::test]
async fn an_interrupted_sending_leaves_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r");
    let server = Server::default();
    // Held, so that the input does not end.
    let (input, _held) = batches(&events(3));
    let sending = sending(&server, Duration::from_secs(5), input, Some(&path)).await;
    let acknowledged = async {
        while !std::fs::read_to_string(&path).is_ok_and(|text| text.contains("\"lines\":3")) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(10), sending.run(acknowledged)).await;
    let Ended {
        resume,
        is_interrupted,
        ..
    } = ended.unwrap().unwrap();
    assert!(is_interrupted && path.exists());
    assert_eq!(resume.state().done.lines, 3);
}
