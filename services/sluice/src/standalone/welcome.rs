//! What is told once everything runs: where it is, and the lines to type next.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use super::first_start::{DEMO_FILE, MadeKey};

/// Where it listens.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(super) struct Addresses {
    pub(super) http: SocketAddr,
    pub(super) grpc: SocketAddr,
    pub(super) ops: SocketAddr,
}

impl Addresses {
    /// The same, as a program on this machine reaches them.
    fn reachable(self) -> Self {
        let local = |address: SocketAddr| match address.ip() {
            ip if !ip.is_unspecified() => address,
            IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())),
            IpAddr::V6(_) => SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, address.port())),
        };
        Self {
            http: local(self.http),
            grpc: local(self.grpc),
            ops: local(self.ops),
        }
    }
}

/// The whole text. `program` is how this program was called.
pub(super) fn text(program: &str, dir: &Path, addresses: Addresses, made: &[MadeKey]) -> String {
    let Addresses { http, grpc, ops } = addresses.reachable();
    let mut text = format!("\nsluice is running: HTTP http://{http}, gRPC http://{grpc}, ops http://{ops}\n");
    for made in made {
        let why = if made.replaces {
            "made anew, for the file was lost; shown only now"
        } else {
            "shown only now"
        };
        let line = writeln!(
            text,
            "\n{} ({why}):\n  {}",
            made.path.display(),
            made.key.reveal()
        );
        line.expect("writing to a String never fails");
    }
    let key_file = quoted(&dir.join(DEMO_FILE).display().to_string());
    let program = quoted(program);
    let events = format!("http://{http}/api/v1/ingestion/events");
    let defaults = http.port() == 8400
        && grpc.port() == 8401
        && http.ip() == grpc.ip()
        && http.ip() == Ipv4Addr::LOCALHOST;
    let (to_grpc, to_http) = if defaults {
        (String::new(), String::new())
    } else {
        (format!(" --grpc http://{grpc}"), format!(" --url http://{http}"))
    };
    let lines = format!(
        "
Send an event and find it, with curl:
  export SLUICE_KEY=$(cat {key_file})
  curl -H \"Authorization: Bearer $SLUICE_KEY\" -H 'Content-Type: application/json' -d '{{\"kind\":\"generic\",\"name\":\"hello\"}}' {events}
  curl -H \"Authorization: Bearer $SLUICE_KEY\" {events}
or with this program:
  echo '{{\"kind\":\"generic\",\"name\":\"hello\"}}' | {program} send -{to_grpc}
  {program} search{to_http}
The interface is described at http://{http}/api/v1/docs
"
    );
    text + &lines
}

/// A word of the shell.
fn quoted(text: &str) -> String {
    let is_plain = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte));
    if is_plain {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(http: &str, grpc: &str) -> Addresses {
        Addresses {
            http: http.parse().unwrap(),
            grpc: grpc.parse().unwrap(),
            ops: "127.0.0.1:8409".parse().unwrap(),
        }
    }

    #[test]
    fn the_default_ports_need_no_words() {
        let text = text(
            "sluice",
            Path::new("./data"),
            addresses("127.0.0.1:8400", "127.0.0.1:8401"),
            &[],
        );
        assert!(text.contains("| sluice send -\n  sluice search\n"), "{text}");
        assert!(text.contains("$(cat ./data/demo.key)"), "{text}");
    }

    #[test]
    fn other_addresses_are_told_as_they_are_reached() {
        let text = text(
            "sluice",
            Path::new("my data"),
            addresses("0.0.0.0:1", "127.0.0.1:2"),
            &[],
        );
        assert!(
            text.contains(
                "sluice send - --grpc http://127.0.0.1:2\n  sluice search --url http://127.0.0.1:1\n"
            ),
            "{text}"
        );
        assert!(text.contains("$(cat 'my data/demo.key')"), "{text}");
    }

    #[test]
    fn a_word_with_a_quote_is_quoted() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
