//! Asks an engine, in its own protocol, whether it serves.
//!
//! A listening socket says little: Kafka accepts connections before it is a member of its own cluster. Each
//! question is written out by hand, so that this crate needs no client. Any failure is a no.

use std::io::{Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(2);

/// Whether Kafka lists at least one broker, so that topics can be made.
pub(crate) fn kafka(port: u16) -> bool {
    // Metadata (key 3) in version 4, correlation 1, no client id, of no topic, making none.
    const REQUEST: [u8; 19] = [0, 0, 0, 15, 0, 3, 0, 4, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0, 0];
    // Length, correlation and throttle time stand before the count of brokers.
    ask::<16>(port, &REQUEST).is_ok_and(|answer| answer[4..8] == [0, 0, 0, 1] && answer[12..] != [0; 4])
}

/// Whether a CQL store answers OPTIONS with SUPPORTED (native protocol 4).
pub(crate) fn cql(port: u16) -> bool {
    const REQUEST: [u8; 9] = [0x04, 0, 0, 0, 0x05, 0, 0, 0, 0];
    ask::<9>(port, &REQUEST).is_ok_and(|answer| answer[0] == 0x84 && answer[4] == 0x06)
}

/// Whether Redis answers a PING, be it by asking for a password.
pub(crate) fn redis(port: u16) -> bool {
    ask::<5>(port, b"PING\r\n").is_ok_and(|answer| answer == *b"+PONG" || answer == *b"-NOAU")
}

/// Sends `request` and reads the first `N` bytes of the answer.
fn ask<const N: usize>(port: u16, request: &[u8]) -> Result<[u8; N]> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(request)?;
    let mut answer = [0; N];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}
