//! A system that lost its control topic gets it back from an export, and one that has its own keeps it.

use domain::control::{Record, TopicsRecord};
use tempfile::TempDir;

use crate::process::{Process, by, new_key, open, tenant};

#[tokio::test]
async fn an_export_makes_the_same_system_and_its_keys_work() {
    let (old_dir, new_dir) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let old = Process::start(open(old_dir.path(), 1), 1).await;
    old.writer
        .create_tenant(&by(), tenant("demo"), "Demo".into())
        .await
        .unwrap();
    let (live, _) = old.writer.create_key(&by(), new_key()).await.unwrap();
    let (revoked, _) = old.writer.create_key(&by(), new_key()).await.unwrap();
    old.writer.revoke_key(&by(), revoked.id()).await.unwrap();
    old.writer.raise_generation(&by()).await.unwrap();
    let export: Vec<Record> = old.view.state().records().collect();

    let new = Process::start(open(new_dir.path(), 1), 2).await;
    let imported = new.writer.import(&by(), export.clone()).await.unwrap();
    assert_eq!((imported.written, imported.passed_over), (4, 1));
    assert_eq!(new.authenticate(&live), old.authenticate(&live));
    assert_eq!(new.authenticate(&revoked), old.authenticate(&revoked));
    let again = new.writer.import(&by(), export).await.unwrap();
    assert_eq!((again.written, again.same), (0, 4));
    old.stop().await;
    new.stop().await;
}

#[tokio::test]
async fn what_is_there_and_different_is_named_and_left_alone() {
    let dir = TempDir::new().unwrap();
    let process = Process::start(open(dir.path(), 1), 1).await;
    let there = process
        .writer
        .create_tenant(&by(), tenant("demo"), "Demo".into())
        .await
        .unwrap();
    let mut other = there.clone();
    other.name = "Another".into();
    let topics = Record::Topics(TopicsRecord {
        generation: 9,
        version: 1,
    });
    let imported = process
        .writer
        .import(&by(), vec![Record::Tenant(other), topics])
        .await
        .unwrap();
    assert_eq!((imported.written, imported.passed_over), (0, 1));
    assert_eq!(imported.conflicts, ["tenant/demo"]);
    assert_eq!(process.view.state().tenant(&tenant("demo")), Some(&there));
    assert_ne!(process.view.state().generation(), 9);
    process.stop().await;
}
