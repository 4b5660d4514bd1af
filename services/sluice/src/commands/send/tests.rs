//! Files that are sent, mended and sent again, to a server that takes everything.

use std::ffi::OsStr;
use std::fs;
use std::future::pending;
use std::net::SocketAddr;

use clap::Parser;
use domain::key::ApiKey;
use prost::Message;
use proto::v1::Event;
use proto::v1::event::Body;

use super::*;
use crate::cli::{Cli, Command};
use crate::send::fake::Server;

fn key(seed: u8) -> ApiKey {
    ApiKey::generate(&[seed; ApiKey::RANDOM_BYTES])
}

async fn send(server: SocketAddr, key: &ApiKey, file: &Path) -> anyhow::Result<ExitCode> {
    run_until(sending(server, key, file), pending()).await
}

fn sending(server: SocketAddr, key: &ApiKey, file: &Path) -> Send {
    let grpc = format!("http://{server}");
    let words = ["sluice", "send", "--grpc", &grpc, "--key", key.reveal()];
    let words = words.iter().map(OsStr::new).chain([file.as_os_str()]);
    let Ok(Cli {
        command: Command::Send(args),
    }) = Cli::try_parse_from(words)
    else {
        panic!("not a sending");
    };
    args
}

/// Name and id of each event, in the order of their first arrival, each once.
fn taken(server: &Server) -> Vec<(String, String)> {
    let mut taken = vec![];
    for bytes in server.seen.lock().unwrap().concat() {
        let event = Event::decode(bytes).unwrap();
        let Some(Body::Generic(generic)) = event.body else {
            panic!("another kind");
        };
        let named = (generic.name, event.id);
        if !taken.contains(&named) {
            taken.push(named);
        }
    }
    taken
}

fn names(server: &Server) -> Vec<String> {
    taken(server).into_iter().map(|(name, _)| name).collect()
}

fn line(name: &str) -> String {
    format!("{{\"kind\":\"generic\",\"name\":\"{name}\"}}\n")
}

#[tokio::test]
async fn a_repeat_reports_rejections_again_and_a_mended_line_leaves_the_others_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    let server = Server::default();
    let address = server.start().await;
    fs::write(&file, format!("{}nonsense\n{}", line("name1"), line("name3"))).unwrap();
    for _ in 0..2 {
        assert_eq!(send(address, &key(1), &file).await.unwrap(), ExitCode::FAILURE);
        assert_eq!(names(&server), ["name1", "name3"]);
    }
    fs::write(
        &file,
        format!("{}{}{}", line("name1"), line("name2"), line("name3")),
    )
    .unwrap();
    assert_eq!(send(address, &key(1), &file).await.unwrap(), ExitCode::SUCCESS);
    assert_eq!(names(&server), ["name1", "name3", "name2"]);
}

#[tokio::test]
async fn a_file_that_changed_after_it_was_sent_whole_is_sent_again_under_the_same_ids() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    let server = Server::default();
    let address = server.start().await;
    fs::write(&file, format!("{}{}", line("name1"), line("name2"))).unwrap();
    send(address, &key(1), &file).await.unwrap();
    for second in ["name2", "name4"] {
        fs::write(
            &file,
            format!("{}{}{}", line("name1"), line(second), line("name3")),
        )
        .unwrap();
        assert_eq!(send(address, &key(1), &file).await.unwrap(), ExitCode::SUCCESS);
    }
    assert_eq!(names(&server), ["name1", "name2", "name3", "name4"]);
    fs::write(&file, line("name5")).unwrap();
    assert_eq!(send(address, &key(1), &file).await.unwrap(), ExitCode::SUCCESS);
    assert_eq!(names(&server).last().unwrap(), "name5");
}

#[tokio::test]
async fn an_interrupted_sending_says_so_by_its_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    fs::write(&file, line("name1")).unwrap();
    // No server is there, so nothing but the interrupt ends it.
    let args = sending("127.0.0.1:9".parse().unwrap(), &key(1), &file);
    let code = run_until(args, async {}).await.unwrap();
    assert_eq!(code, ExitCode::from(INTERRUPTED));
    assert!(dir.path().join("f.sluice-resume").exists());
}

#[tokio::test]
async fn what_was_sent_with_one_key_is_not_taken_for_sent_with_another() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    let server = Server::default();
    let address = server.start().await;
    fs::write(&file, line("name1")).unwrap();
    assert_eq!(send(address, &key(1), &file).await.unwrap(), ExitCode::SUCCESS);
    let refused = format!("{:#}", send(address, &key(2), &file).await.unwrap_err());
    assert!(refused.contains("--resume PATH"), "{refused}");
    assert!(refused.contains(key(2).id().as_str()), "{refused}");
    assert!(!refused.contains(key(2).reveal()), "{refused}");
    let resume = fs::read_to_string(dir.path().join("f.sluice-resume")).unwrap();
    assert!(!resume.contains(key(1).reveal()));
}

#[test]
fn times_move_so_that_the_newest_is_now() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    let now: Millis = "2026-01-31T08:30:00Z".parse().unwrap();
    let line = |second: u32| {
        format!("{{\"kind\":\"generic\",\"name\":\"a\",\"timestamp\":\"2020-01-01T00:00:{second:02}Z\"}}\n")
    };
    fs::write(&path, format!("nonsense\n{}{}{}", line(1), line(50), line(20))).unwrap();
    let newest: Millis = "2020-01-01T00:00:50Z".parse().unwrap();
    assert_eq!(newest.plus_ms(shift_to(now, &path).unwrap()), now);

    fs::write(&path, "{}\n").unwrap();
    assert!(
        shift_to(now, &path)
            .unwrap_err()
            .to_string()
            .contains("no event of")
    );
}
