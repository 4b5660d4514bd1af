//! What was acknowledged of an input, and what the ids of its lines depend on, remembered in a file beside it.
//!
//! It belongs to one input, one server and one key. A line that is sent again with the same file has the same id,
//! whatever the file says of how far the sending was.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use domain::key::KeyId;
use domain::time::Millis;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::epochs::Epochs;

const VERSION: u32 = 2;

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
}

/// Where events go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    /// Address of the gRPC interface.
    pub(crate) server: String,
    /// Public part of the key.
    pub(crate) key: KeyId,
}

/// What has to be the same when the sending goes on, and how far it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    version: u32,
    target: Target,
    /// The times of events.
    pub(crate) epochs: Epochs,
    /// Tells events that say no time from those of other sendings.
    pub(crate) salt: u64,
    /// What is acknowledged, up to the first rejection.
    pub(crate) done: Mark,
    /// Whether that was all there was.
    is_complete: bool,
    /// Whether an event says no time, so that a repeat without this file would make another of it.
    has_timeless: bool,
}

impl State {
    /// Whether ids depend on the times kept here.
    fn fixes_times(&self) -> bool {
        self.has_timeless || self.epochs.shifts()
    }
}

/// What a new sending begins with.
pub(crate) struct Fresh {
    pub(crate) target: Target,
    pub(crate) now: Millis,
    pub(crate) salt: u64,
    /// Whether times are to be moved.
    pub(crate) shifts: bool,
}

/// The file, if there is to be one.
pub(crate) struct Resume {
    path: Option<PathBuf>,
    state: State,
    /// Whether it goes on with what was begun or done before.
    is_found: bool,
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
        fresh: Fresh,
        shift_ms: impl FnOnce() -> anyhow::Result<i64>,
    ) -> anyhow::Result<Self> {
        let found = path.as_deref().map(load).transpose()?.flatten();
        let is_found = found.is_some();
        let shift_ms = || fresh.shifts.then(shift_ms).transpose();
        let state = match found {
            Some(state) => go_on(state, &fresh, shift_ms)
                .with_context(|| format!("can't go on as {} says", shown(path.as_deref())))?,
            None => State {
                version: VERSION,
                epochs: Epochs::new(fresh.now, shift_ms()?),
                target: fresh.target,
                salt: fresh.salt,
                done: Mark::default(),
                is_complete: false,
                has_timeless: false,
            },
        };
        let resume = Self {
            path,
            state,
            is_found,
            is_kept: is_wanted || is_found,
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

    /// Whether it goes on with what was begun or done before.
    pub(crate) fn is_found(&self) -> bool {
        self.is_found
    }

    /// Goes back to the first line, for lines that were done have changed. Those that have not get the ids they had.
    pub(crate) fn restart(&mut self, now: Millis) -> anyhow::Result<()> {
        if self.state.fixes_times() && !self.state.epochs.can_be_repeated(now) {
            bail!(
                "lines that were acknowledged have changed, and those that have not were sent too long ago to be \
                 sent again as the same events; delete {} to send all lines as new events",
                shown(self.path())
            );
        }
        self.state.done = Mark::default();
        self.save()
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

    /// The sending stops early: the file, if there can be one, says where.
    pub(crate) fn hold(&mut self) -> anyhow::Result<()> {
        self.is_kept = true;
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

    /// What comes next is not done: a repeat begins with it.
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

/// What comes after a state that was found.
fn go_on(
    mut state: State,
    fresh: &Fresh,
    shift_ms: impl FnOnce() -> anyhow::Result<Option<i64>>,
) -> anyhow::Result<State> {
    let Target { server, key } = &state.target;
    if state.target != fresh.target {
        bail!(
            "it remembers a sending to {server} with the key slk_{key}_..., and this one goes to {} with the key \
             slk_{}_...; name another file by --resume PATH, or delete it, which sends all lines as new events",
            fresh.target.server,
            fresh.target.key
        );
    }
    let next_line = state.done.lines + 1;
    if state.is_complete {
        // What came to the input since then is sent as of now.
        let shift_ms = shift_ms()?;
        if state.fixes_times() {
            state.epochs.begin(next_line, fresh.now, shift_ms);
        } else {
            state.epochs = Epochs::new(fresh.now, shift_ms);
        }
        state.is_complete = false;
        return Ok(state);
    }
    if state.epochs.latest().shift_ms.is_some() != fresh.shifts {
        let with = if fresh.shifts { "without" } else { "with" };
        bail!("it was begun {with} --times now; go on that way, or delete it to begin anew");
    }
    if !state.fixes_times() {
        state.epochs = Epochs::new(fresh.now, None);
    }
    let epoch = state.epochs.of(next_line);
    if epoch.is_stale(fresh.now) {
        bail!(
            "the sending was begun at {}, too long ago for the times of its events; \
             delete the file to send all lines as new events",
            epoch.start
        );
    }
    Ok(state)
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

fn load(path: &Path) -> anyhow::Result<Option<State>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let what = || format!("{} is no resume file", path.display());
    let Versioned { version } = serde_json::from_slice(&text).with_context(what)?;
    if version != VERSION {
        bail!(
            "{} is of another version, {version}; delete it, which sends all lines as new events",
            path.display()
        );
    }
    serde_json::from_slice(&text).with_context(what)
}

fn shown(path: Option<&Path>) -> String {
    path.map(|path| path.display().to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
