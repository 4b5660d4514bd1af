//! What was acknowledged of an input, remembered in a file beside it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use domain::time::Millis;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

const VERSION: u32 = 1;

/// How many lines, and a checksum of them all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mark {
    pub(crate) lines: u64,
    checksum: u64,
}

impl Mark {
    /// The mark one line further.
    pub(crate) fn after(self, line: &[u8]) -> Self {
        Self {
            lines: self.lines + 1,
            checksum: xxh3_64_with_seed(line, self.checksum),
        }
    }

    /// Refuses an input whose lines are others than those this mark was made of.
    pub(crate) fn check(self, found: Self) -> anyhow::Result<()> {
        if self != found {
            bail!(
                "the first {} lines are not those that the resume file was written for; delete it to send the input from its begin",
                self.lines
            );
        }
        Ok(())
    }
}

/// What has to be the same when the sending goes on, and how far it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    version: u32,
    /// The time of events that say none.
    pub(crate) start: Millis,
    /// Tells them from those of other sendings.
    pub(crate) salt: u64,
    /// By how much other times are moved.
    pub(crate) shift_ms: Option<i64>,
    /// What is acknowledged or known to be faulty.
    pub(crate) done: Mark,
    /// Whether that was all there was.
    pub(crate) is_complete: bool,
    /// Whether an event says no time, so that a repeat without this file would make another of it.
    has_timeless: bool,
}

/// The file, if there is to be one.
pub(crate) struct Resume {
    path: Option<PathBuf>,
    state: State,
    /// Whether the file is there, or must be as soon as something is done.
    is_kept: bool,
    /// Whether something was left behind, so that a repeat has to begin there.
    is_frozen: bool,
}

impl Resume {
    /// Reads the file at `path`, or begins anew. `is_wanted` writes it in any case, else it is written once
    /// [`Resume::keep`] is called. `shift_ms` is asked for when a new sending begins.
    pub(crate) fn open(
        path: Option<PathBuf>,
        is_wanted: bool,
        start: Millis,
        salt: u64,
        shifts: bool,
        shift_ms: impl FnOnce() -> anyhow::Result<i64>,
    ) -> anyhow::Result<Self> {
        let found = path.as_deref().map(load).transpose()?.flatten();
        let is_kept = is_wanted || found.is_some();
        let found_timeless = found.as_ref().is_some_and(|state| state.has_timeless);
        let state = match found {
            Some(state) if !state.is_complete => {
                if state.shift_ms.is_some() != shifts {
                    let (path, with) = (shown(path.as_deref()), if shifts { "without" } else { "with" });
                    bail!("{path} was begun {with} --times now; go on that way, or delete it to begin anew");
                }
                state
            }
            // What came to the input since then is sent as of now.
            found => State {
                version: VERSION,
                start,
                salt,
                shift_ms: if shifts { Some(shift_ms()?) } else { None },
                done: found.map(|state| state.done).unwrap_or_default(),
                is_complete: false,
                has_timeless: found_timeless,
            },
        };
        let resume = Self {
            path,
            state,
            is_kept,
            is_frozen: false,
        };
        // Before anything is sent: whoever goes on after a crash must make the same ids.
        resume.save()?;
        Ok(resume)
    }

    /// What is remembered.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Where, if anywhere.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// An event that says no time comes next: from now on the file has to be there.
    pub(crate) fn keep(&mut self) -> anyhow::Result<()> {
        if self.is_kept && self.state.has_timeless {
            return Ok(());
        }
        self.is_kept = true;
        self.state.has_timeless = true;
        self.save()
    }

    /// Whether an event said no time.
    pub(crate) fn has_timeless(&self) -> bool {
        self.state.has_timeless
    }

    /// Remembers that everything up to this mark is done, unless something before it was left behind.
    pub(crate) fn advance(&mut self, done: Mark) -> anyhow::Result<()> {
        if self.is_frozen {
            return Ok(());
        }
        self.state.done = done;
        self.save()
    }

    /// What comes next is left behind, for it may work at another time: a repeat begins with it.
    pub(crate) fn freeze(&mut self) {
        self.is_frozen = true;
    }

    /// Whether something was left behind.
    pub(crate) fn is_frozen(&self) -> bool {
        self.is_frozen
    }

    /// Remembers that there is no more.
    pub(crate) fn complete(&mut self) -> anyhow::Result<()> {
        self.state.is_complete = !self.is_frozen;
        self.save()
    }

    /// Forgets everything: a repeat is a new sending.
    pub(crate) fn forget(&self) -> anyhow::Result<()> {
        match self.path.as_deref().map(fs::remove_file) {
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("deleting {}", shown(self.path())))
            }
            _ => Ok(()),
        }
    }

    fn save(&self) -> anyhow::Result<()> {
        let Some(path) = self.path.as_deref().filter(|_| self.is_kept) else {
            return Ok(());
        };
        let mut text = serde_json::to_string(&self.state)?;
        text.push('\n');
        // Never half written: a reader sees the old file or the new one.
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".new");
        fs::write(&fresh, text)
            .and_then(|()| fs::rename(&fresh, path))
            .with_context(|| format!("writing {}", path.display()))
    }
}

fn load(path: &Path) -> anyhow::Result<Option<State>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let state: State =
        serde_json::from_slice(&text).with_context(|| format!("{} is no resume file", path.display()))?;
    if state.version != VERSION {
        bail!("{} is of another version, {}", path.display(), state.version);
    }
    Ok(Some(state))
}

fn shown(path: Option<&Path>) -> String {
    path.map(|path| path.display().to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: u64 = 1;
    const START: Millis = Millis::from_ms(1_700_000_000_000);
    const LATER: Millis = Millis::from_ms(1_700_000_500_000);

    fn open(path: &Path, start: Millis, shift_ms: Option<i64>) -> anyhow::Result<Resume> {
        Resume::open(
            Some(path.to_owned()),
            false,
            start,
            SALT,
            shift_ms.is_some(),
            || Ok(shift_ms.unwrap()),
        )
    }

    fn mark(lines: &[&str]) -> Mark {
        lines
            .iter()
            .fold(Mark::default(), |mark, line| mark.after(line.as_bytes()))
    }

    #[test]
    fn a_broken_sending_goes_on_with_its_times_and_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r");
        let mut first = open(&path, START, Some(5)).unwrap();
        first.keep().unwrap();
        first.advance(mark(&["a", "b"])).unwrap();

        let second = open(&path, LATER, Some(99)).unwrap();
        assert_eq!(second.state(), first.state());
        assert_eq!((second.state().start, second.state().shift_ms), (START, Some(5)));
    }

    #[test]
    fn after_a_complete_sending_only_the_place_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r");
        let mut first = open(&path, START, None).unwrap();
        first.keep().unwrap();
        first.advance(mark(&["a"])).unwrap();
        first.complete().unwrap();

        let second = open(&path, LATER, None).unwrap();
        assert_eq!((second.state().start, second.state().done), (LATER, mark(&["a"])));
        assert!(!second.state().is_complete);
    }

    #[test]
    fn nothing_is_written_until_it_must_be() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r");
        let mut resume = open(&path, START, None).unwrap();
        resume.advance(mark(&["a"])).unwrap();
        resume.complete().unwrap();
        assert!(!path.exists());
        resume.keep().unwrap();
        assert!(path.exists());
        resume.forget().unwrap();
        assert!(!path.exists());
        resume.forget().unwrap();
    }

    #[test]
    fn a_sending_does_not_go_on_with_other_times() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r");
        open(&path, START, Some(5)).unwrap().keep().unwrap();
        assert!(open(&path, START, None).is_err());
    }

    #[test]
    fn a_repeat_begins_with_what_was_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r");
        let mut first = open(&path, START, None).unwrap();
        first.keep().unwrap();
        first.advance(mark(&["a"])).unwrap();
        first.freeze();
        first.advance(mark(&["a", "b"])).unwrap();
        first.complete().unwrap();

        let second = open(&path, LATER, None).unwrap();
        assert_eq!((second.state().start, second.state().done), (START, mark(&["a"])));
    }

    #[test]
    fn another_file_is_not_taken_for_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r");
        for text in [
            "",
            "{}",
            "{\"version\":2,\"start\":\"2026-01-31T08:30:00Z\",\"salt\":1,\"shift_ms\":null,\"done\":{\"lines\":0,\"checksum\":0},\"is_complete\":false,\"has_timeless\":false}",
        ] {
            fs::write(&path, text).unwrap();
            assert!(open(&path, START, None).is_err(), "{text}");
        }
    }

    #[test]
    fn a_mark_tells_lines_apart() {
        assert_eq!(mark(&["a", "b"]), mark(&["a", "b"]));
        for other in [
            mark(&["a"]),
            mark(&["b", "a"]),
            mark(&["a", "c"]),
            mark(&["ab", ""]),
        ] {
            assert_ne!(mark(&["a", "b"]), other);
        }
    }
}
