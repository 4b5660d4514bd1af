//! Redis, and what all engines share: pausing, ending, failing.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::{Pid, test_kill_process};

use super::*;

/// Sends lines and returns as many bytes of the answers as `expected` has.
fn talk(redis: &Redis, lines: &str, expected: &str) -> String {
    let mut stream = TcpStream::connect(redis.address()).unwrap();
    stream.write_all(lines.as_bytes()).unwrap();
    let mut answer = vec![0; expected.len()];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

#[track_caller]
fn assert_talk(redis: &Redis, lines: &str, expected: &str) {
    assert_eq!(talk(redis, lines, expected), expected);
}

#[test]
fn a_stopped_redis_is_empty_again_at_the_same_address() {
    let mut redis = Redis::start();
    let address = redis.address();
    assert_talk(&redis, "SET a 1\r\nGET a\r\n", "+OK\r\n$1\r\n1\r\n");

    redis.stop();
    assert!(TcpStream::connect(&address).is_err());
    redis.restart();

    assert_eq!(redis.address(), address);
    assert_talk(&redis, "GET a\r\n", "$-1\r\n");
}

#[test]
fn a_paused_redis_answers_after_it_goes_on() {
    let redis = Redis::start();
    redis.pause();
    assert!(!probe::redis(redis.port.number()));
    redis.resume();
    assert_talk(&redis, "PING\r\n", "+PONG\r\n");
}

#[test]
fn a_dropped_redis_leaves_no_process_and_no_folder() {
    let redis = Redis::start();
    let (pid, dir) = (redis.pid(), redis.dir().to_owned());
    let pid = Pid::from_raw(pid.cast_signed()).unwrap();
    assert!(test_kill_process(pid).is_ok() && dir.exists());

    // Also when it can't hear of it.
    redis.pause();
    drop(redis);

    assert!(test_kill_process(pid).is_err() && !dir.exists());
}

#[test]
fn a_redis_with_a_password_asks_for_it() {
    let redis = Redis::start_with(&RedisOptions {
        password: Some("right".to_owned()),
        ..RedisOptions::default()
    });
    assert_talk(&redis, "GET a\r\n", "-NOAUTH");
    assert_talk(&redis, "AUTH wrong\r\n", "-WRONGPASS");
    assert_talk(&redis, "AUTH right\r\nGET a\r\n", "+OK\r\n$-1\r\n");
}

#[test]
fn a_redis_with_certificates_speaks_tls() {
    let certificates = Certificates::make();
    let redis = Redis::start_with(&RedisOptions {
        certificates: Some(certificates.clone()),
        ..RedisOptions::default()
    });
    let mut stream = certificates.connect(&redis.address());
    stream.write_all(b"PING\r\n").unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+PONG");
}

#[test]
#[should_panic(expected = "Unbalanced quotes")]
fn an_engine_that_does_not_start_fails_with_its_log() {
    Redis::start_with(&RedisOptions {
        password: Some("a \" b".to_owned()),
        ..RedisOptions::default()
    });
}
