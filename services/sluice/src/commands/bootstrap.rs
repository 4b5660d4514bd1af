//! `sluice keys bootstrap`: the first platform key, with which all others are made.

use std::sync::Arc;

use anyhow::{Context, bail};
use chassis::config;
use control::{By, NewKey};
use domain::control::State;
use domain::key::{Peppers, Scope, Scopes};
use domain::time::Millis;

use crate::cli::Bootstrap;
use crate::output;
use crate::roles::config::Config;
use crate::roles::operator::Operator;

const NAME: &str = "bootstrap";

pub(super) async fn run(args: Bootstrap) -> anyhow::Result<()> {
    let config: Config = config::load(args.engines.config.as_deref(), &[])?;
    let peppers = Arc::new(config.peppers("sluice keys bootstrap")?);
    let operator = Operator::new(config, args.engines.patience)?;
    let control = operator.control(peppers.clone()).await?;
    let found = working(&control.plane.view.state(), &peppers, control.plane.now());
    if let Some(name) = found.filter(|_| !args.another) {
        bail!("there is a platform key that works, of the name {name:?}; --another makes one more");
    }
    let request = NewKey {
        tenant: None,
        name: NAME.to_owned(),
        scopes: Scopes::from([Scope::Platform]),
        expires_at: None,
    };
    let (key, _) = control
        .plane
        .writer()
        .create_key(&By::operator("keys bootstrap"), request)
        .await
        .context("making the key")?;
    output::line(key.reveal())?;
    output::say("this key is shown only now; it may do everything");
    Ok(())
}

/// The name of a platform key that opens something.
fn working(state: &State, peppers: &Peppers, now: Millis) -> Option<String> {
    let works = state.keys().find(|key| {
        let is_live = !state.is_revoked(&key.id) && key.expires_at.is_none_or(|expires_at| expires_at > now);
        is_live && key.scopes.contains(Scope::Platform) && peppers.get(&key.pepper).is_some()
    });
    works.map(|key| key.name.to_string())
}

#[cfg(test)]
mod tests {
    use domain::control::{KeyRecord, Record, Revocation};
    use domain::key::{ApiKey, Pepper};

    use super::*;

    const NOW: Millis = Millis::from_ms(1_000);

    fn peppers(id: &str) -> Peppers {
        Peppers::new(Pepper::new(id, &[1; 32]).unwrap(), Vec::new())
    }

    fn key(scope: Scope) -> KeyRecord {
        let key = ApiKey::generate(&[7; ApiKey::RANDOM_BYTES]);
        let peppers = peppers("p");
        KeyRecord {
            id: *key.id(),
            tenant: None,
            name: "first".into(),
            scopes: Scopes::from([scope]),
            created_at: NOW,
            expires_at: None,
            pepper: "p".into(),
            digest: key.digest(peppers.first()),
            replaces: None,
            version: 1,
        }
    }

    fn state(records: impl IntoIterator<Item = Record>) -> State {
        let mut state = State::default();
        records.into_iter().for_each(|record| state.apply(record));
        state
    }

    #[test]
    fn only_a_live_platform_key_under_a_live_pepper_counts() {
        let platform = || key(Scope::Platform);
        let revoked = Revocation {
            key: platform().id,
            revoked_at: NOW,
        };
        let expired = KeyRecord {
            expires_at: Some(NOW),
            ..platform()
        };
        let live = state([Record::Key(platform())]);
        assert_eq!(working(&live, &peppers("p"), NOW).as_deref(), Some("first"));
        assert_eq!(working(&live, &peppers("q"), NOW), None);
        for records in [
            vec![],
            vec![Record::Key(key(Scope::Manage))],
            vec![Record::Key(expired)],
            vec![Record::Key(platform()), Record::Revocation(revoked)],
        ] {
            assert_eq!(working(&state(records), &peppers("p"), NOW), None);
        }
    }
}
