//! Cassandra, asked by hand in its native protocol.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;

const STARTUP: u8 = 0x01;
const AUTHENTICATE: u8 = 0x03;
const QUERY: u8 = 0x07;
const RESULT: u8 = 0x08;
const AUTH_RESPONSE: u8 = 0x0f;
const AUTH_SUCCESS: u8 = 0x10;

/// Sends a frame of the native protocol, version 4, and returns the opcode and body of the answer.
fn ask(stream: &mut (impl Read + Write), opcode: u8, body: &[u8]) -> (u8, Vec<u8>) {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    stream
        .write_all(&[&[4, 0, 0, 0, opcode], &length[..], body].concat())
        .unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).unwrap();
    let length = u32::from_be_bytes(head[5..].try_into().unwrap());
    let mut answer = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut answer).unwrap();
    (head[4], answer)
}

fn greet(stream: &mut (impl Read + Write)) -> u8 {
    ask(stream, STARTUP, b"\0\x01\0\x0bCQL_VERSION\0\x053.0.0").0
}

/// Runs statements and returns the answer to the last.
fn query(cassandra: &Cassandra, statements: &[&str]) -> Vec<u8> {
    let mut stream = TcpStream::connect(cassandra.address()).unwrap();
    greet(&mut stream);
    let mut last = Vec::new();
    for statement in statements {
        let length = u32::try_from(statement.len()).unwrap().to_be_bytes();
        // Consistency ONE, no flags.
        let body = [&length[..], statement.as_bytes(), &[0, 1, 0]].concat();
        let (opcode, answer) = ask(&mut stream, QUERY, &body);
        assert_eq!(
            opcode,
            RESULT,
            "{statement}: {}",
            String::from_utf8_lossy(&answer)
        );
        last = answer;
    }
    last
}

#[test]
fn a_killed_cassandra_has_its_rows_again_at_the_same_address() {
    let mut cassandra = Cassandra::start();
    let address = cassandra.address();
    query(
        &cassandra,
        &[
            "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
            "CREATE TABLE k.t (id int PRIMARY KEY, word text)",
            "INSERT INTO k.t (id, word) VALUES (1, 'remembered')",
        ],
    );

    cassandra.kill();
    cassandra.restart();

    assert_eq!(cassandra.address(), address);
    let rows = query(&cassandra, &["SELECT word FROM k.t"]);
    assert!(String::from_utf8_lossy(&rows).contains("remembered"));
}

#[test]
fn users_of_cassandra_show_their_password_over_tls() {
    let certificates = Certificates::make();
    let cassandra = Cassandra::start_with(&CassandraOptions {
        passwords: true,
        certificates: Some(certificates.clone()),
        ..CassandraOptions::default()
    });
    let answer_to = |password: &str| {
        let mut stream = certificates.connect(&cassandra.address());
        assert_eq!(greet(&mut stream), AUTHENTICATE);
        let token = format!("\0cassandra\0{password}");
        let length = u32::try_from(token.len()).unwrap().to_be_bytes();
        ask(
            &mut stream,
            AUTH_RESPONSE,
            &[&length[..], token.as_bytes()].concat(),
        )
        .0
    };

    assert_eq!(answer_to("cassandra"), AUTH_SUCCESS);
    assert_ne!(answer_to("wrong"), AUTH_SUCCESS);
}
