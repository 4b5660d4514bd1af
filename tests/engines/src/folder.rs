//! Temporary folders that do not pile up when a test is killed.
//!
//! A folder holds a locked file for as long as its owner lives. Whoever makes the next one removes those whose
//! owner is gone; nothing but folders with such a file is ever touched.

use std::env;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::TempDir;

const PREFIX: &str = "sluice-";
const LOCK: &str = "owner.lock";

/// A folder that is removed when dropped, or by the next one that is made.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: TempDir,
    /// The lock goes with the file, and the folder before it.
    _lock: File,
}

impl Folder {
    /// Makes one for `name`.
    pub(crate) fn make(name: &str) -> Result<Self> {
        sweep(&env::temp_dir());
        let prefix = format!("{PREFIX}{name}-");
        let dir = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir()
            .context("making a temporary folder")?;
        let made = dir.path().join("owner.new");
        let lock = File::create(&made)?;
        lock.lock()?;
        // It is never seen unlocked while its owner lives.
        fs::rename(made, dir.path().join(LOCK))?;
        Ok(Self { dir, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Removes folders without an owner. What can't be looked at belongs to others.
fn sweep(among: &Path) {
    for entry in fs::read_dir(among).into_iter().flatten().flatten() {
        let is_ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX));
        if is_ours && is_abandoned(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_abandoned(dir: &Path) -> bool {
    File::open(dir.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_without_an_owner_are_swept() {
        let among = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let dir = among.path().join(name);
            fs::create_dir(&dir).unwrap();
            dir
        };
        let (owned, abandoned) = (make("sluice-owned"), make("sluice-abandoned"));
        let (foreign, other) = (make("sluice-foreign"), make("other"));
        let lock = File::create(owned.join(LOCK)).unwrap();
        lock.lock().unwrap();
        for dir in [&abandoned, &other] {
            File::create(dir.join(LOCK)).unwrap();
        }

        sweep(among.path());

        assert!(owned.exists() && foreign.exists() && other.exists());
        assert!(!abandoned.exists());
    }

    #[test]
    fn a_dropped_folder_is_removed() {
        let folder = Folder::make("test").unwrap();
        let path = folder.path().to_owned();
        assert!(path.exists() && !is_abandoned(&path));
        drop(folder);
        assert!(!path.exists());
    }
}
