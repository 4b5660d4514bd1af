//! A connection that fails when its peer neither speaks at the begin nor reads what is written to it.
//!
//! HTTP/1 heads and HTTP/2 peers have timeouts of their own once the protocol is known; this covers what comes before,
//! and every write.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::ServerLimits;
use crate::metric_definitions as definitions;

/// Length of the greeting of HTTP/2: after so many bytes the protocol is known.
const PREFACE_BYTES: usize = 24;

pub(super) struct StallGuard<S> {
    stream: S,
    listener: &'static str,
    /// Bytes of the greeting that are missing.
    missing: usize,
    greeting: Pin<Box<Sleep>>,
    write_stall: Duration,
    writing: Pin<Box<Sleep>>,
    blocked: bool,
}

impl<S: Unpin> StallGuard<S> {
    pub(super) fn new(stream: S, listener: &'static str, limits: ServerLimits) -> Self {
        Self {
            stream,
            listener,
            missing: PREFACE_BYTES,
            greeting: Box::pin(sleep(limits.header_read)),
            write_stall: limits.write_stall,
            writing: Box::pin(sleep(limits.write_stall)),
            blocked: false,
        }
    }

    /// Fails when writes have made no progress for too long.
    fn watch<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.blocked = false;
            return polled;
        }
        if !self.blocked {
            self.blocked = true;
            self.writing.as_mut().reset(Instant::now() + self.write_stall);
        }
        ready!(self.writing.as_mut().poll(cx));
        Poll::Ready(Err(self.stalled("write")))
    }

    fn stalled(&self, cause: &'static str) -> io::Error {
        metrics::counter!(
            definitions::STALLED_CONNECTIONS, "listener" => self.listener, "cause" => cause
        )
        .increment(1);
        io::Error::new(io::ErrorKind::TimedOut, format!("peer stalled the {cause}"))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for StallGuard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if self.missing == 0 {
            return polled;
        }
        if polled.is_ready() {
            let read = buffer.filled().len() - before;
            self.missing = self.missing.saturating_sub(read);
            return polled;
        }
        ready!(self.greeting.as_mut().poll(cx));
        Poll::Ready(Err(self.stalled("read")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StallGuard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.watch(cx, polled)
    }
}
