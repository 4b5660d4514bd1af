//! Each change leaves a record of who made it, and what is not changed leaves none.

use std::sync::Arc;

use control::trail::{self, Whose};
use control::{By, Error};
use domain::control::Actor;
use tempfile::TempDir;

use crate::process::{Process, by, new_key, open, tenant};

#[tokio::test]
async fn each_change_says_who_made_it_and_what_was_before() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path(), 1);
    let process = Process::start(Arc::clone(&log), 1).await;
    let writer = &process.writer;
    writer
        .create_tenant(&by(), tenant("demo"), "Demo".into())
        .await
        .unwrap();
    writer
        .create_tenant(&by(), tenant("other"), "Other".into())
        .await
        .unwrap();
    let (key, _) = writer.create_key(&by(), new_key()).await.unwrap();
    let caller = process
        .view
        .state()
        .authenticate(key.reveal(), &crate::process::peppers(), crate::process::NOW)
        .unwrap();
    let who = By::caller(&caller, Some("request-1".into()));
    writer
        .rename_tenant(&who, &tenant("demo"), "Better".into(), None)
        .await
        .unwrap();
    writer.revoke_key(&by(), key.id()).await.unwrap();
    writer.revoke_key(&by(), key.id()).await.unwrap();
    let refused = writer.create_tenant(&by(), tenant("demo"), "Demo".into()).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })));

    let page = trail::read(&*log, &Whose::All, None, 100).await.unwrap();
    let actions: Vec<_> = page.entries.iter().map(|audit| audit.action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "key.revoke",
            "tenant.rename",
            "key.create",
            "tenant.create",
            "tenant.create"
        ]
    );
    let rename = &page.entries[1];
    assert_eq!(rename.actor, Actor::Key(*key.id()));
    assert_eq!(rename.request_id.as_deref(), Some("request-1"));
    let name =
        |value: &Option<serde_json::Value>| value.as_ref().unwrap()["name"].as_str().map(str::to_owned);
    assert_eq!(
        (name(&rename.before).as_deref(), name(&rename.after).as_deref()),
        (Some("Demo"), Some("Better"))
    );
    assert!(
        page.entries
            .iter()
            .all(|audit| !format!("{audit:?}").contains("digest"))
    );

    let own = trail::read(&*log, &Whose::Of(tenant("demo")), None, 100)
        .await
        .unwrap();
    assert_eq!(own.entries.len(), 4);
    process.stop().await;
}

#[tokio::test]
async fn pages_of_the_trail_have_each_record_once() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path(), 1);
    let process = Process::start(Arc::clone(&log), 1).await;
    for number in 0..25 {
        let id = tenant(&format!("t{number}"));
        process.writer.create_tenant(&by(), id, "T".into()).await.unwrap();
    }
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = trail::read(&*log, &Whose::All, before, 10).await.unwrap();
        assert!(page.entries.len() <= 10);
        seen.extend(page.entries.into_iter().map(|audit| audit.entity));
        before = page.before;
        if before.is_none() {
            break;
        }
    }
    let expected: Vec<_> = (0..25).rev().map(|number| format!("tenant/t{number}")).collect();
    assert_eq!(seen, expected);
    process.stop().await;
}
