//! The contract of the port as tests: every adapter runs all of them, each case on an empty store of its own.
//!
//! ```text
//! async fn subject() -> store::conformance::Subject { .. }
//! store::store_conformance!(subject());
//! ```
//!
//! A new case is a function in one of the modules and its name in [`store_conformance`](crate::store_conformance),
//! the only list there is. Cases stay within a few hours of [`fixtures::NOW`], so that an adapter that reads by
//! buckets of time is not kept busy with empty ones.

pub mod deletions;
pub mod fixtures;
pub mod model;
pub mod paging;
pub mod progress;
pub mod rows;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::port::{Events, Progress};

/// An empty store under test.
pub struct Subject {
    /// Its events.
    pub events: Arc<dyn Events>,
    /// Its progress.
    pub progress: Arc<dyn Progress>,
    _keep: Box<dyn Any + Send>,
}

impl Subject {
    /// A store, with what has to live as long as it, such as its directory.
    pub fn new<S: Events + Progress + 'static>(store: S, keep: impl Any + Send) -> Self {
        let store = Arc::new(store);
        Self {
            events: store.clone(),
            progress: store,
            _keep: Box::new(keep),
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").finish_non_exhaustive()
    }
}

/// Makes a test of every case. Takes an expression for a future that yields a [`Subject`].
#[macro_export]
macro_rules! store_conformance {
    ($open:expr) => {
        $crate::store_conformance!(@each $open;
            rows::put_twice_is_put_once,
            rows::the_greater_revision_wins_whatever_the_order,
            rows::the_greater_revision_wins_within_one_call,
            rows::writers_at_the_same_time_end_in_the_greatest_revision,
            rows::fetch_keeps_the_order_asked_for_and_leaves_out_the_unknown,
            rows::an_expired_row_is_not_fetched,
            rows::a_row_that_is_expired_already_is_not_written,
            rows::a_large_row_is_kept_whole,
            rows::nothing_in_nothing_out,
            rows::tenants_are_apart,
            deletions::a_deletion_after_the_put_hides,
            deletions::a_deletion_before_the_put_hides,
            deletions::a_replay_after_the_deletion_stays_hidden,
            deletions::a_deletion_hides_no_other_event,
            deletions::a_deletion_concerns_one_tenant,
            deletions::a_second_deletion_changes_nothing,
            paging::ids_come_in_both_orders_from_a_half_open_range,
            paging::pages_cover_all_exactly_once,
            paging::writes_outside_of_the_range_disturb_no_page,
            paging::ids_of_tenants_are_apart,
            progress::there_is_none_at_first,
            progress::what_was_stored_is_read,
            progress::a_lower_origin_changes_nothing,
            progress::of_one_origin_the_further_offset_wins,
            progress::services_and_sources_are_apart,
            model::any_order_of_writes_ends_in_the_same_rows,
        );
    };
    (@each $open:expr; $($module:ident::$case:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::conformance::$module::$case(&$open.await).await;
        }
    )+};
}
