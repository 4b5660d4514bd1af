//! Settings of a listener.

use chassis::config::{ByteSize, Problem, Span, Validate};

use super::ServerLimits;

chassis::section! {
    /// Bounds of one listener.
    pub struct Server {
        /// Connections that may be open.
        connections: u32 = 4_096,
        /// Calls that may be open on one HTTP/2 connection.
        streams_per_connection: u32 = 100,
        /// The head of a request must be complete by then.
        header_timeout: Span = Span::from_secs(10),
        /// A peer that takes nothing of what is ready for it for so long is dropped.
        write_stall: Span = Span::from_secs(30),
        /// Bytes of answers that wait for their readers. A tenant has a quarter of it at the most.
        unread: ByteSize = ByteSize::mib(96),
        /// How long connections may take to end once the process drains.
        drain: Span = Span::from_secs(20),
    }
}

impl Server {
    /// What the connections of one listener may take.
    pub fn limits(&self) -> ServerLimits {
        ServerLimits {
            max_connections: usize::try_from(self.connections).unwrap_or(usize::MAX),
            max_concurrent_streams: self.streams_per_connection,
            header_read: self.header_timeout.duration(),
            write_stall: self.write_stall.duration(),
            drain: self.drain.duration(),
            ..ServerLimits::default()
        }
    }
}

impl Validate for Server {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let numbers = [
            ("connections", self.connections),
            ("streams_per_connection", self.streams_per_connection),
        ];
        let spans = [
            ("header_timeout", self.header_timeout),
            ("write_stall", self.write_stall),
        ];
        let numbers = numbers
            .into_iter()
            .filter(|(_, number)| *number == 0)
            .map(|(key, _)| key);
        let spans = spans
            .into_iter()
            .filter(|(_, span)| span.duration().is_zero())
            .map(|(key, _)| key);
        let problems: Vec<_> = numbers
            .chain(spans)
            .map(|key| Problem::new(key, "must be more than 0"))
            .collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }
}
