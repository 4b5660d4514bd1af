//! What a new directory needs before anyone can use it: a pepper, the tenant `demo`, a key for it and one for the
//! platform.
//!
//! Every start runs all of it and makes what is not there. So a first start that was cut off is completed by the
//! next one, and a lost key file is made good by a new key.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use chassis::random::Random;
use control::{By, NewKey, View, Writer};
use domain::control::Denied;
use domain::key::{ApiKey, Pepper, Peppers, Scope, Scopes};
use domain::tenant::TenantId;
use domain::time::Millis;

use crate::{pepper, secret_file};

const PEPPER_FILE: &str = "pepper.key";
/// Where the key of the tenant `demo` is.
pub(super) const DEMO_FILE: &str = "demo.key";
/// Where the platform key is.
pub(super) const PLATFORM_FILE: &str = "platform.key";

/// A key that this start has made.
pub(super) struct MadeKey {
    /// Where it is.
    pub(super) path: PathBuf,
    /// To be shown once.
    pub(super) key: ApiKey,
    /// Whether there was one before, which is lost.
    pub(super) replaces: bool,
}

/// Reads the pepper, or makes it.
pub(super) fn pepper(dir: &Path, random: &dyn Random) -> anyhow::Result<Peppers> {
    let path = dir.join(PEPPER_FILE);
    let found = secret_file::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let text = found.map_or_else(|| make_pepper(&path, random), Ok)?;
    let pepper = pepper::parse(&text).map_err(|_| {
        anyhow!(
            "{} is damaged; put back a copy of it, or delete it: all keys stop working then and new ones are made",
            path.display()
        )
    })?;
    Ok(Peppers::new(pepper, Vec::new()))
}

fn make_pepper(path: &Path, random: &dyn Random) -> anyhow::Result<String> {
    let mut bytes = [0; 4 + Pepper::MIN_SECRET_BYTES];
    random.fill(&mut bytes);
    let (id, secret) = bytes.split_at(4);
    let text = format!("{} {}\n", hex(id), hex(secret));
    secret_file::write(path, &text).with_context(|| format!("writing {}", path.display()))?;
    Ok(text)
}

/// Makes the tenant and the keys that are not there.
pub(super) struct Keys<'a> {
    /// Where the key files are.
    pub(super) dir: &'a Path,
    /// What is there.
    pub(super) view: &'a View,
    /// Makes the rest.
    pub(super) writer: &'a Writer,
    /// Tells whether a key works.
    pub(super) peppers: &'a Peppers,
    /// The present time.
    pub(super) now: Millis,
}

fn by() -> By {
    By::operator("first start")
}

impl Keys<'_> {
    /// Returns the keys that were made.
    pub(super) async fn ensure(&self) -> anyhow::Result<Vec<MadeKey>> {
        let demo = TenantId::parse("demo").expect("a valid name");
        if self.view.state().tenant(&demo).is_none() {
            self.writer
                .create_tenant(&by(), demo.clone(), "Demo".to_owned())
                .await
                .context("making the tenant demo")?;
        }
        let of_demo = NewKey {
            tenant: Some(demo),
            name: DEMO_FILE.to_owned(),
            scopes: Scopes::from([Scope::Ingest, Scope::Read, Scope::Manage]),
            expires_at: None,
        };
        let of_platform = NewKey {
            tenant: None,
            name: PLATFORM_FILE.to_owned(),
            scopes: Scopes::from([Scope::Platform]),
            expires_at: None,
        };
        let mut made = Vec::new();
        for request in [of_demo, of_platform] {
            made.extend(self.ensure_key(request).await?);
        }
        Ok(made)
    }

    /// The name of a key is that of its file.
    async fn ensure_key(&self, request: NewKey) -> anyhow::Result<Option<MadeKey>> {
        let path = self.dir.join(&request.name);
        if self
            .works(&path)
            .with_context(|| format!("reading {}", path.display()))?
        {
            return Ok(None);
        }
        let is_same =
            |name: &str, tenant: &Option<TenantId>| *name == *request.name && *tenant == request.tenant;
        let replaces = self
            .view
            .state()
            .keys()
            .any(|key| is_same(&key.name, &key.tenant));
        // The record first: a key that is in its file works.
        let (key, _) = self
            .writer
            .create_key(&by(), request)
            .await
            .context("making a key")?;
        secret_file::write(&path, &format!("{}\n", key.reveal()))
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(Some(MadeKey { path, key, replaces }))
    }

    /// Whether the file has a key of ours. One that somebody revoked is left alone.
    fn works(&self, path: &Path) -> io::Result<bool> {
        let Some(text) = secret_file::read(path)? else {
            return Ok(false);
        };
        match self
            .view
            .state()
            .authenticate(text.trim(), self.peppers, self.now)
        {
            Ok(_) => Ok(true),
            Err(denied @ (Denied::Revoked | Denied::Expired | Denied::Closed)) => {
                tracing::warn!(file = %path.display(), %denied, "key file holds a key that does not work");
                Ok(true)
            }
            Err(Denied::Malformed(_) | Denied::Unknown) => Ok(false),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |number: u8| char::from_digit(u32::from(number), 16).expect("under 16");
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)])
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;
    use std::time::Duration;

    use chassis::clock::System;
    use chassis::random;
    use control::Follower;
    use domain::topic;
    use eventlog::Log;
    use eventlog::embedded::{self, Embedded, Retention, TopicConfig};
    use tokio_util::sync::CancellationToken;

    use super::*;

    const NOW: Millis = Millis::from_ms(1_700_000_000_000);

    /// One start on a directory: the files that it made.
    async fn start(dir: &Path) -> Vec<(String, bool)> {
        let control = TopicConfig {
            name: topic::CONTROL.into(),
            partitions: 1,
            retention: Retention::Compact,
        };
        let audit = TopicConfig {
            name: topic::AUDIT.into(),
            partitions: 1,
            retention: Retention::Age(Duration::from_hours(1)),
        };
        let config = embedded::Config::new(vec![control, audit], Arc::new(|| NOW.as_ms()));
        let log: Arc<dyn Log> = Arc::new(Embedded::open(dir.join("log"), config).unwrap());
        let peppers = Arc::new(pepper(dir, &random::System).unwrap());
        let follower = Follower::start(log.clone()).await.unwrap();
        let view = follower.view();
        let stop = CancellationToken::new();
        let following = tokio::spawn(follower.run(stop.clone()));
        let random = Arc::new(random::System);
        let writer = Writer::new(log, view.clone(), peppers.clone(), Arc::new(System), random);
        let keys = Keys {
            dir,
            view: &view,
            writer: &writer,
            peppers: &peppers,
            now: NOW,
        };
        let made = keys.ensure().await.unwrap();
        for file in [DEMO_FILE, PLATFORM_FILE] {
            let key = fs::read_to_string(dir.join(file)).unwrap();
            view.state().authenticate(key.trim(), &peppers, NOW).unwrap();
        }
        stop.cancel();
        following.await.unwrap().unwrap();
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        made.iter()
            .map(|made| (name(&made.path), made.replaces))
            .collect()
    }

    #[tokio::test]
    async fn keys_are_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let expected = [(DEMO_FILE.to_owned(), false), (PLATFORM_FILE.to_owned(), false)];
        assert_eq!(start(dir.path()).await, expected);
        assert_eq!(start(dir.path()).await, []);
    }

    #[tokio::test]
    async fn a_lost_key_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        start(dir.path()).await;
        fs::remove_file(dir.path().join(PLATFORM_FILE)).unwrap();
        assert_eq!(start(dir.path()).await, [(PLATFORM_FILE.to_owned(), true)]);
        fs::write(dir.path().join(DEMO_FILE), "half a k").unwrap();
        assert_eq!(start(dir.path()).await, [(DEMO_FILE.to_owned(), true)]);
    }

    #[tokio::test]
    async fn without_its_pepper_every_key_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        start(dir.path()).await;
        fs::remove_file(dir.path().join(PEPPER_FILE)).unwrap();
        assert_eq!(start(dir.path()).await.len(), 2);
    }

    #[test]
    fn a_damaged_pepper_is_an_error_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(PEPPER_FILE);
        for text in ["", "id", "id short"] {
            fs::write(&path, text).unwrap();
            assert!(
                pepper(dir.path(), &random::System)
                    .unwrap_err()
                    .to_string()
                    .contains("damaged")
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn the_pepper_is_the_same_at_every_start() {
        let dir = tempfile::tempdir().unwrap();
        let first = pepper(dir.path(), &random::System).unwrap();
        assert_eq!(pepper(dir.path(), &random::System).unwrap(), first);
    }
}
