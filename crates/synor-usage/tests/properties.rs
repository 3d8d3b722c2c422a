//! Random batches with duplicates, conflicts, withdrawals and late samples: a backend answers as the reference
//! model does.
#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;
use synor_economics::id::AccountId;
use synor_economics::metering::UsageEvent;
use synor_economics::period::{Period, Timestamp};
use synor_usage::conformance::{ReferenceLog, event};
use synor_usage::{
    Batch, EventQuery, LogPosition, SeriesQuery, SplitBy, SqliteUsageLog, Step, UsageLog,
};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

const HOUR: i64 = 3_600;
/// Two days before the clocks of Berlin go back.
const START: i64 = 1_761_256_800;
const HOURS: i64 = 24 * 5;

/// Few names and few times, so that identities, levels and seconds meet often.
fn any_event() -> impl Strategy<Value = UsageEvent> {
    let accounts = prop::sample::select(vec!["acme", "other"]);
    let sources = prop::sample::select(vec!["a", "b"]);
    let amounts = prop::sample::select(vec![
        "network.egress 5",
        "network.egress 999999999999999999999999999",
        "storage.stored_data 10",
        "storage.stored_data 0",
        "storage.stored_data 7",
        "storage.stored_data 3byte-seconds",
        "database.stored_data 1000000000000000",
        "compute.gpu 4",
    ]);
    let dimensions = prop::sample::select(vec!["", "region=eu", "bucket=x", "bucket=y region=eu"]);
    let providers = prop::sample::select(vec!["", "provider=p", "provider=q"]);
    let corrections = prop::bool::weighted(0.1);
    (
        accounts,
        sources,
        0..30_u8,
        amounts,
        0..HOURS / 10,
        0..2_i64,
        dimensions,
        providers,
        corrections,
    )
        .prop_map(
            |(account, source, id, amount, hour, second, dimensions, provider, correct)| {
                let time = Timestamp::from_secs(START + hour * 10 * HOUR + second);
                let mut text = format!("{source}/{id} {amount} @{time} account={account}");
                for more in [dimensions, provider] {
                    text = format!("{text} {more}");
                }
                if amount.starts_with("compute") {
                    text.push_str(" gpu_model=h100");
                }
                let mut event = event(&text);
                event.correction = correct && !event.is_sample;
                event
            },
        )
}

fn any_period() -> impl Strategy<Value = Period> {
    let secs = HOURS * HOUR;
    (-HOUR..secs, 1..secs).prop_map(|(from, secs)| {
        let start = Timestamp::from_secs(START + from);
        Period::new(start, start.plus_secs(secs)).unwrap()
    })
}

fn any_split() -> impl Strategy<Value = Option<SplitBy>> {
    let by = |name: &str| Some(SplitBy::Dimension(name.to_owned()));
    prop::sample::select(vec![
        None,
        Some(SplitBy::Provider),
        by("region"),
        by("bucket"),
    ])
}

/// What is done to a log, and what it is asked then.
#[derive(Debug, Clone)]
struct Story {
    /// Events to append, and which of the events before them to withdraw.
    batches: Vec<(Vec<UsageEvent>, Vec<Index>)>,
    periods: Vec<Period>,
    position: LogPosition,
    split: Option<SplitBy>,
    step: Step,
    zone: &'static str,
    limit: usize,
}

fn any_story() -> impl Strategy<Value = Story> {
    let batch = (
        prop::collection::vec(any_event(), 0..20),
        prop::collection::vec(any::<Index>(), 0..3),
    );
    (
        prop::collection::vec(batch, 1..8),
        prop::collection::vec(any_period(), 4),
        0..60_u64,
        any_split(),
        prop::sample::select(vec![Step::Hour, Step::Day, Step::Month]),
        prop::sample::select(vec![
            "Europe/Berlin",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
        ]),
        1..10_usize,
    )
        .prop_map(
            |(batches, periods, position, split, step, zone, limit)| Story {
                batches,
                periods,
                position,
                split,
                step,
                zone,
                limit,
            },
        )
}

/// Tells the story to both and compares every answer.
async fn answers_as_the_reference_does(
    log: &dyn UsageLog,
    story: Story,
) -> Result<(), TestCaseError> {
    let reference = ReferenceLog::default();
    let mut earlier: Vec<UsageEvent> = Vec::new();
    for (events, withdrawn) in &story.batches {
        let withdrawn = withdrawn.iter().filter(|_| !earlier.is_empty());
        let batch = Batch {
            withdrawals: withdrawn
                .map(|index| index.get(&earlier).identity.clone())
                .collect(),
            ..Batch::of(events.clone())
        };
        // An event of a batch that was refused may be unknown.
        let (ours, theirs) = (
            log.commit(batch.clone()).await,
            reference.commit(batch).await,
        );
        prop_assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
        earlier.extend_from_slice(events);
    }
    prop_assert_eq!(
        log.position().await.unwrap(),
        reference.position().await.unwrap()
    );
    let accounts = log.accounts().await.unwrap();
    prop_assert_eq!(&accounts, &reference.accounts().await.unwrap());
    for account in &accounts {
        for &period in &story.periods {
            compare(log, &reference, account, period, &story).await?;
        }
    }
    prop_assert_eq!(log.check().await.unwrap().problems, Vec::<String>::new());
    Ok(())
}

async fn compare(
    log: &dyn UsageLog,
    reference: &ReferenceLog,
    account: &AccountId,
    period: Period,
    story: &Story,
) -> Result<(), TestCaseError> {
    let position = story.position;
    for through in [None, Some(position)] {
        prop_assert_eq!(
            log.summary(account, period, through).await.unwrap(),
            reference.summary(account, period, through).await.unwrap()
        );
    }
    let before = period.end();
    prop_assert_eq!(
        log.changed_since(account, position, before).await.unwrap(),
        reference
            .changed_since(account, position, before)
            .await
            .unwrap()
    );
    let query = SeriesQuery {
        account: account.clone(),
        period,
        step: story.step,
        zone: story.zone.parse().unwrap(),
        resource: None,
        split: story.split.clone(),
    };
    prop_assert_eq!(
        log.series(query.clone()).await.unwrap(),
        reference.series(query).await.unwrap()
    );
    let query = EventQuery {
        period: Some(period),
        after: position / 2,
        limit: story.limit,
        ..EventQuery::all(account.clone())
    };
    prop_assert_eq!(
        log.events(query.clone()).await.unwrap(),
        reference.events(query).await.unwrap()
    );
    Ok(())
}

/// How many stories to tell: `PROPTEST_CASES` asks for more.
fn cases(default: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    let cases = asked.map_or(default, |text| text.parse().unwrap());
    ProptestConfig {
        cases,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn sqlite_answers_as_the_reference_does(story in any_story()) {
        let folder = tempfile::tempdir().unwrap();
        let log = SqliteUsageLog::open(folder.path().join("usage.db")).unwrap();
        RUNTIME.block_on(answers_as_the_reference_does(&log, story))?;
    }
}

#[cfg(feature = "postgres")]
proptest! {
    #![proptest_config(cases(4))]

    #[test]
    fn postgres_answers_as_the_reference_does(story in any_story()) {
        RUNTIME.block_on(async {
            let schema = synor_testkit::postgres::fresh_schema();
            let url = synor_testkit::postgres::url();
            let log = synor_usage::PostgresUsageLog::connect_in(url, &schema).await.unwrap();
            answers_as_the_reference_does(&log, story).await
        })?;
    }
}
