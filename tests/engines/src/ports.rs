//! Free ports of the loopback that stay free while an engine is down.
//!
//! A port that the system picks may be taken by any outgoing connection between two starts of an engine.
//! So ports come from below the range that systems take those from, and a locked file reserves each
//! against other tests of this machine, for as long as the [`Port`] lives.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;

use anyhow::{Context, Result, bail};

use crate::jars;

/// Below what Linux (32768) and others (49152) hand out by themselves, above what programs listen on.
const RANGE: std::ops::Range<u16> = 18000..32000;
const TRIES: u64 = 200;

/// A port that is ours until it is dropped.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    /// The lock goes with the file.
    _reserved: File,
}

impl Port {
    /// Any free port.
    pub(crate) fn any() -> Result<Self> {
        let random = RandomState::new();
        for attempt in 0..TRIES {
            let width = u64::from(RANGE.end - RANGE.start);
            let step = u16::try_from(random.hash_one(attempt) % width).expect("less than a width of 16 bits");
            if let Some(port) = Self::reserve(RANGE.start + step)? {
                return Ok(port);
            }
        }
        bail!("no free port from {} to {}", RANGE.start, RANGE.end)
    }

    /// `number` if it is free, else any; 0 stands for any.
    pub(crate) fn preferred(number: u16) -> Result<Self> {
        if number == 0 {
            return Self::any();
        }
        Self::reserve(number)?.map_or_else(Self::any, Ok)
    }

    fn reserve(number: u16) -> Result<Option<Self>> {
        let dir = jars::cache()?.join("ports");
        fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
        let path = dir.join(number.to_string());
        let file = File::create(&path).with_context(|| format!("making {}", path.display()))?;
        let free = file.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", number)).is_ok();
        Ok(free.then_some(Self {
            number,
            _reserved: file,
        }))
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_until_it_is_dropped() {
        let port = Port::any().unwrap();
        let number = port.number();
        assert!(Port::reserve(number).unwrap().is_none());
        assert_ne!(Port::preferred(number).unwrap().number(), number);
        drop(port);
        assert_eq!(Port::preferred(number).unwrap().number(), number);
    }
}
