//! Connections that do not come about.

use std::error::Error as _;

use tokio::net::TcpListener;

use super::*;

const SHORT: Duration = Duration::from_millis(100);

fn dial(origin: &str) -> Dial {
    let origin = origin.parse().unwrap();
    Dial::new(origin, Protocol::Http1, &Trust::default(), SHORT).unwrap()
}

#[tokio::test]
async fn nobody_there_is_told_with_the_reason() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", socket.local_addr().unwrap());
    drop(socket);
    let error = dial(&origin).connect().await.unwrap_err();
    assert_eq!(error.to_string(), format!("no connection to {origin}"));
    assert!(
        error.source().unwrap().to_string().contains("refused"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_greeting_that_is_not_answered_ends_in_time() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", socket.local_addr().unwrap());
    let error = dial(&origin).connect().await.unwrap_err();
    assert!(matches!(error, DialError::Late { .. }), "{error:?}");
}

#[tokio::test]
async fn a_connection_goes_to_its_address_whatever_a_request_says() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut dial = dial(&format!("http://{}", socket.local_addr().unwrap()));
    let elsewhere = Uri::from_static("http://192.0.2.1:80/");
    let (made, accepted) = tokio::join!(dial.call(elsewhere), socket.accept());
    assert!(made.is_ok() && accepted.is_ok());
}
