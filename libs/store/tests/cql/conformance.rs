//! The store on CQL does what the port says.

use store::conformance::Subject;

use crate::apart::Apart;
use crate::keyspace;

async fn subject() -> Subject {
    Subject::new(Apart::new(keyspace::shared().await), ())
}

store::store_conformance!(subject());
