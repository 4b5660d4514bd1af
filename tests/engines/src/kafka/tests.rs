//! Kafka, asked by hand and by its own commands.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;

/// Makes a topic (CreateTopics, key 19, version 2) and returns the error code of the answer.
fn make_topic(kafka: &Kafka, name: &str) -> i16 {
    let length = |n: usize| u16::try_from(n).unwrap().to_be_bytes();
    let mut request = vec![0, 19, 0, 2, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 1];
    request.extend(length(name.len()));
    request.extend(name.as_bytes());
    // One partition, one replica, no assignment, no setting; 10 s.
    request.extend([0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x27, 0x10, 0]);
    let mut stream = TcpStream::connect(kafka.address()).unwrap();
    stream
        .write_all(&u32::try_from(request.len()).unwrap().to_be_bytes())
        .unwrap();
    stream.write_all(&request).unwrap();
    // Length, correlation, throttle time, one topic, its name, its error.
    let mut answer = vec![0; 16 + 2 + name.len() + 2];
    stream.read_exact(&mut answer).unwrap();
    i16::from_be_bytes(answer[answer.len() - 2..].try_into().unwrap())
}

#[test]
fn a_killed_kafka_has_its_topics_again_at_the_same_address() {
    const DONE: i16 = 0;
    const EXISTS: i16 = 36;
    let mut kafka = Kafka::start();
    let (address, pid) = (kafka.address(), kafka.pid());
    assert_eq!(make_topic(&kafka, "kept"), DONE);

    kafka.kill();
    kafka.restart();

    assert_eq!(kafka.address(), address);
    assert_ne!(kafka.pid(), pid);
    assert_eq!(make_topic(&kafka, "kept"), EXISTS);
}

#[test]
fn users_of_kafka_show_their_password_over_tls() {
    let certificates = Certificates::make();
    let files = tempfile::tempdir().unwrap();
    let authority = certificates.write(files.path()).unwrap().authority;
    let user = |password: &str| User {
        name: "alice".to_owned(),
        password: password.to_owned(),
    };
    let kafka = Kafka::start_with(&KafkaOptions {
        listener: Listener::Sasl {
            certificates: Some(certificates),
            mechanism: Mechanism::ScramSha256,
            users: vec![user("right")],
        },
        ..KafkaOptions::default()
    });

    let list = |password: &str| {
        let client = files.path().join("client.properties");
        let text = format!(
            "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-256\nssl.truststore.type=PEM\n\
             ssl.truststore.location={}\nsasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule \
             required username=\"alice\" password=\"{password}\";\n",
            authority.display()
        );
        fs::write(&client, text).unwrap();
        let words = [
            "--list",
            "--bootstrap-server",
            &kafka.address(),
            "--command-config",
        ]
        .map(OsString::from);
        let call = Call {
            java: &java::find().unwrap(),
            jars: &jars::KAFKA.jars().unwrap(),
            tuning: Tuning::Start,
            heap_mib: 128,
            flags: Vec::new(),
            main: "org.apache.kafka.tools.TopicCommand",
            args: words.into_iter().chain([client.into()]).collect(),
        };
        run(&call.words())
    };

    list("right").unwrap();
    assert!(
        list("wrong")
            .unwrap_err()
            .to_string()
            .contains("SaslAuthenticationException")
    );
}
