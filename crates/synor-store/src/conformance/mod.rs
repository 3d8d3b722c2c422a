//! What every book of record must do, as tests that any backend can run on an empty book.
//!
//! Each test is a function that panics where the store breaks its promise;
//! [`store_conformance!`](crate::store_conformance) makes tests of all of them for one backend.
#![allow(
    clippy::missing_panics_doc,
    reason = "a broken promise panics; that is what a test is"
)]

mod auditing;
mod commits;
mod documents;
mod invoicing;
mod leases;
mod limits;
mod lists;
mod notifications;
mod oracle;
mod racing;
mod records;
mod sample;
mod spot;

pub use auditing::{what_someone_changes_is_told, whoever_acts_is_named};
pub use commits::*;
pub use documents::*;
pub use leases::*;
pub use lists::*;
pub use racing::*;
pub use records::*;
pub use sample::{Note, State, changes, entry, state};

/// Runs every conformance test on a backend.
///
/// Takes an expression, evaluated in each test, that opens an empty book: a pair of an
/// `Arc<dyn Store>` and whatever must live as long as the book does. It may await.
#[macro_export]
macro_rules! store_conformance {
    ($open:expr) => {
        $crate::store_conformance! { @alone $open;
            a_command_is_applied_once_and_answers_the_same_ever_after
            a_command_does_not_stand_for_two_requests
            a_stale_decision_conflicts_and_changes_nothing
            one_stale_scope_of_several_is_enough
            a_refused_change_leaves_nothing_behind
            what_was_refused_may_be_committed_later
            an_entry_is_posted_once_whatever_command_brings_it
            a_wallet_may_reach_zero_and_not_fall_below
            a_lookup_belongs_to_one_document
            a_lookup_changes_hands
            documents_come_back_as_they_were_put
            a_document_is_found_by_its_latest_keys_only
            what_is_not_there_is_none
            lists_are_complete_in_every_order_and_page_size
            lists_of_an_account_and_of_open_work
            pages_go_on_where_they_were_left_while_documents_come
            records_of_many_accounts_are_those_of_each
            records_hold_the_kinds_that_were_asked_for
            balances_are_the_sums_of_the_postings
            the_journal_is_in_order_and_can_be_read_on
            what_someone_changes_is_told
            whoever_acts_is_named
            a_lease_has_one_holder_until_it_is_given_up
            a_lease_that_has_ended_is_taken_over
        }
        $crate::store_conformance! { @shared $open;
            decisions_that_race_are_made_one_after_another
            numbers_have_no_gaps_however_many_threads_take_them
            a_command_that_races_with_itself_is_applied_once
            a_refused_commit_spoils_no_other_in_its_group
            records_are_of_one_moment_while_commits_go_on
            a_check_beside_commits_finds_nothing
            nodes_that_race_for_a_lease_get_it_once
        }
    };
    (@alone $open:expr; $($test:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $test() {
            let (store, _alive) = $open;
            $crate::conformance::$test(store.as_ref()).await;
        }
    )*};
    (@shared $open:expr; $($test:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $test() {
            let (store, _alive) = $open;
            $crate::conformance::$test(store).await;
        }
    )*};
}
