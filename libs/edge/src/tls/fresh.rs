//! What is made from files, and made anew when they have changed.
//!
//! The files are looked at when it is used, once in a while: whoever is first waits for them, all others go on with
//! what there is. Contents are compared, not times of change, which a copy may keep.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use super::error::Error;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Bundles of all roots of the web have a quarter of this.
const MAX_BYTES: u64 = 1 << 20;

/// Where the files are, those that there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) ca: Option<PathBuf>,
}

/// A file in PEM. There is no `Debug`: it may hold a key.
#[derive(PartialEq, Eq)]
pub(super) struct Pem {
    pub(super) file: PathBuf,
    pub(super) bytes: Vec<u8>,
}

/// What the files hold.
#[derive(PartialEq, Eq)]
pub(super) struct Files {
    pub(super) cert: Option<Pem>,
    pub(super) key: Option<Pem>,
    pub(super) ca: Option<Pem>,
}

type Make<T> = fn(&Files) -> Result<T, Error>;

/// A value made from files.
pub(super) struct Fresh<T> {
    paths: Paths,
    make: Make<T>,
    every: Duration,
    next: Mutex<Instant>,
    made: ArcSwap<Made<T>>,
}

struct Made<T> {
    files: Files,
    value: T,
}

impl<T: Clone + Send + Sync + 'static> Fresh<T> {
    /// Reads the files and makes the value.
    pub(super) fn open(paths: Paths, make: Make<T>) -> Result<Self, Error> {
        Self::looking_every(LOOK_EVERY, paths, make)
    }

    /// Looks at the files so often.
    pub(super) fn looking_every(every: Duration, paths: Paths, make: Make<T>) -> Result<Self, Error> {
        let first = Made::of(&paths, make)?;
        Ok(Self {
            paths,
            make,
            every,
            next: Mutex::new(Instant::now() + every),
            made: ArcSwap::from_pointee(first),
        })
    }

    /// The value, from files as they were a moment ago.
    pub(super) async fn get(&self) -> T {
        if self.is_due() {
            self.look().await;
        }
        self.made.load().value.clone()
    }

    fn is_due(&self) -> bool {
        let now = Instant::now();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = *next <= now;
        if is_due {
            *next = now + self.every;
        }
        is_due
    }

    async fn look(&self) {
        let (paths, make, before) = (self.paths.clone(), self.make, self.made.load_full());
        let looking = tokio::task::spawn_blocking(move || {
            let files = Files::read(&paths)?;
            if files == before.files {
                return Ok(None);
            }
            make(&files).map(|value| Some(Made { files, value }))
        });
        let file = self.paths.first();
        match looking.await {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(renewed))) => {
                self.made.store(Arc::new(renewed));
                tracing::info!(file = %file.display(), "certificates have changed and are in use");
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "certificates can't be read again; those of before stay in use");
            }
            Err(error) => tracing::error!(%error, "reading certificates panicked"),
        }
    }
}

impl<T> Made<T> {
    fn of(paths: &Paths, make: Make<T>) -> Result<Self, Error> {
        let files = Files::read(paths)?;
        let value = make(&files)?;
        Ok(Self { files, value })
    }
}

impl Paths {
    fn first(&self) -> &Path {
        let all = [&self.cert, &self.key, &self.ca];
        all.into_iter()
            .flatten()
            .next()
            .map_or(Path::new(""), PathBuf::as_path)
    }
}

impl Files {
    fn read(paths: &Paths) -> Result<Self, Error> {
        let read = |path: &Option<PathBuf>| path.as_deref().map(Pem::read).transpose();
        Ok(Self {
            cert: read(&paths.cert)?,
            key: read(&paths.key)?,
            ca: read(&paths.ca)?,
        })
    }
}

impl Pem {
    fn read(file: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Unreadable {
            file: file.to_owned(),
            source,
        };
        let bytes = std::fs::metadata(file).map_err(unreadable)?.len();
        if bytes > MAX_BYTES {
            return Err(Error::TooLarge {
                file: file.to_owned(),
                bytes,
            });
        }
        Ok(Self {
            file: file.to_owned(),
            bytes: std::fs::read(file).map_err(unreadable)?,
        })
    }
}
