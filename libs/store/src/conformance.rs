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
pub mod fresh;
pub mod manifest;
pub mod marks;
pub mod model;
pub mod paging;
pub mod progress;
pub mod rollups;
pub mod rows;
pub mod units;
pub mod windows;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::index::Index;
use crate::port::{Events, Progress};
use crate::rollups::Rollups;

/// An empty store under test.
pub struct Subject {
    /// Its events.
    pub events: Arc<dyn Events>,
    /// Its progress.
    pub progress: Arc<dyn Progress>,
    /// Its search index.
    pub index: Arc<dyn Index>,
    /// Its statistics.
    pub rollups: Arc<dyn Rollups>,
    _keep: Box<dyn Any + Send>,
}

impl Subject {
    /// A store, with what has to live as long as it, such as its directory.
    pub fn new<S: Events + Progress + Index + Rollups + 'static>(store: S, keep: impl Any + Send) -> Self {
        let store = Arc::new(store);
        Self {
            events: store.clone(),
            progress: store.clone(),
            index: store.clone(),
            rollups: store,
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
            fresh::segments_put_twice_are_put_once,
            fresh::segments_come_in_the_order_of_origins_and_only_behind_after,
            fresh::segments_of_one_origin_are_all_kept,
            fresh::segments_of_tenants_sources_and_minutes_are_apart,
            fresh::segments_of_a_whole_flush_are_all_written,
            fresh::a_place_keeps_its_greatest_minute,
            fresh::places_of_tenants_and_sources_are_apart,
            units::pages_with_given_keys_are_found,
            units::a_page_is_that_of_the_greatest_key_not_above,
            units::pages_of_a_half_open_range_are_ordered_and_limited,
            units::pages_put_twice_are_put_once,
            units::units_are_apart,
            units::removing_a_unit_removes_all_of_it_and_nothing_else,
            units::a_large_page_is_kept_whole,
            units::many_pages_are_written_in_one_call,
            manifest::a_reader_finds_a_unit_while_it_is_replaced,
            manifest::what_was_listed_is_read,
            manifest::a_later_entry_of_a_unit_replaces_and_an_earlier_one_does_not,
            manifest::what_was_unlisted_stays_so_also_when_it_is_listed_later,
            manifest::unlisting_concerns_one_unit,
            manifest::manifests_of_periods_and_tenants_are_apart,
            marks::there_is_no_mark_at_first,
            marks::what_was_marked_is_read,
            marks::a_mark_of_a_lower_origin_changes_nothing,
            marks::of_one_origin_the_mark_of_the_further_offset_wins,
            marks::marks_of_sources_are_apart,
            rollups::rollups_put_twice_are_put_once,
            rollups::a_lower_stamp_changes_nothing_whatever_the_order,
            rollups::the_greatest_stamp_wins_within_one_call,
            rollups::writers_at_the_same_time_end_in_the_greatest_stamp,
            rollups::rollups_of_different_keys_are_apart,
            rollups::a_large_state_is_kept_whole,
            rollups::an_expired_window_is_not_written,
            windows::ranges_are_half_open_and_in_the_order_of_windows,
            windows::no_rollups_in_and_none_out,
            windows::windows_before_1970_and_far_ahead_are_kept_in_order,
            windows::many_rows_of_many_partitions_are_written_in_one_call,
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
