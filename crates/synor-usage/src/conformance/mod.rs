//! What every usage log must do, as tests that any backend can run on an empty log.
//!
//! Each test is a function that panics where the log breaks its promise;
//! [`usage_log_conformance!`](crate::usage_log_conformance) makes tests of all of them for one
//! backend. [`ReferenceLog`] is the shortest log that keeps the promises: what it answers is right,
//! however slowly.

mod aggregates;
mod batched;
mod concurrent;
mod identity;
mod levels;
mod reading;
mod reference;
mod series;
mod text;
mod withdrawals;

pub use aggregates::*;
pub use batched::*;
pub use concurrent::*;
pub use identity::*;
pub use levels::*;
pub use reading::*;
pub use reference::ReferenceLog;
pub use series::*;
pub use text::{event, events, period, rows};
pub use withdrawals::*;

/// Runs every conformance test on a backend.
///
/// Takes an expression, evaluated in each test, that opens an empty log: a pair of an
/// `Arc<dyn UsageLog>` and whatever must live as long as the log does. It may await.
#[macro_export]
macro_rules! usage_log_conformance {
    ($open:expr) => {
        $crate::usage_log_conformance! { @alone $open;
            a_batch_is_appended_whole_or_not_at_all
            a_retried_batch_counts_once
            a_duplicate_within_a_batch_counts_once
            other_batches_and_another_order_count_once
            another_account_or_source_is_another_event
            a_retry_with_another_time_does_not_double
            a_conflicting_duplicate_is_reported_and_not_counted
            an_empty_batch_changes_nothing
            a_level_carries_over_the_ends_of_a_period
            a_late_sample_changes_the_past
            samples_in_any_order_come_to_the_same
            two_buckets_add_up
            levels_of_two_providers_do_not_end_each_other
            a_zero_ends_a_level
            the_greater_identity_holds_within_a_second
            integrated_usage_adds_to_a_level
            a_summary_includes_what_was_just_acknowledged
            a_period_includes_its_start_and_not_its_end
            adjacent_periods_add_up_to_the_whole
            sums_go_beyond_64_bits
            corrections_reduce
            what_is_priced_apart_is_kept_apart
            a_past_position_gives_the_past_answer
            a_late_event_changes_the_past_and_a_new_one_does_not
            accounts_and_position_grow_with_the_log
            an_unknown_account_used_nothing
            many_summaries_are_those_of_each
            many_summaries_are_of_one_moment
            a_sum_that_fails_among_many_names_its_account
            many_looks_for_late_events_are_those_of_each
            a_sound_log_checks_out
            hours_days_and_months_add_up_to_the_summary
            days_follow_the_clocks_of_the_zone
            series_split_by_provider_and_by_dimension
            a_series_of_too_many_steps_is_refused
            the_maximum_is_the_largest_single_quantity
            the_maximum_of_a_level_is_its_peak_with_what_it_carries
            unique_counts_different_values_in_each_step
            an_aggregate_reads_beyond_one_page
            events_are_listed_as_they_were_appended
            a_withdrawn_event_counts_no_more
            a_withdrawal_counts_once_and_its_event_stays_known
            an_amendment_happens_whole_and_once
            a_withdrawal_of_the_unknown_refuses_its_batch
            a_withdrawn_sample_leaves_the_level_before_it
            a_withdrawal_changes_the_past_only_for_later_readers
            a_stream_is_read_on_from_where_its_batch_ended
            a_stream_position_never_moves_backwards
            what_is_held_is_known_by_its_identity
        }
        $crate::usage_log_conformance! { @shared $open;
            summaries_of_one_call_agree_while_appends_go_on
            pages_are_complete_while_appends_go_on
            overlapping_batches_from_many_tasks_count_once
            an_acknowledged_event_is_seen_by_every_task
        }
    };
    (@alone $open:expr; $($test:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $test() {
            let (log, _alive) = $open;
            $crate::conformance::$test(log.as_ref()).await;
        }
    )*};
    (@shared $open:expr; $($test:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $test() {
            let (log, _alive) = $open;
            $crate::conformance::$test(log).await;
        }
    )*};
}
