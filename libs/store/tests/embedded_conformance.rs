//! The embedded store does what the port says.

use std::sync::Arc;

use domain::time::Millis;
use store::conformance::Subject;
use store::embedded::{Config, Embedded};

/// A store in which nothing expires by itself.
#[expect(
    clippy::unused_async,
    reason = "adapters over a network have to wait for theirs"
)]
async fn subject() -> Subject {
    let dir = tempfile::tempdir().expect("a directory");
    let config = Config::new(Arc::new(|| Millis::EPOCH));
    let store = Embedded::open(dir.path(), config).expect("the store opens");
    Subject::new(store, dir)
}

store::store_conformance!(subject());
