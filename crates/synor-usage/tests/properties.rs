//! Random batches with duplicates, conflicts and late samples: a backend answers as the reference
//! model does.
#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use proptest::prelude::*;
use synor_economics::metering::UsageEvent;
use synor_economics::period::{Period, Timestamp, Zone};
use synor_usage::conformance::{ReferenceLog, event};
use synor_usage::{EventQuery, SeriesQuery, SplitBy, SqliteUsageLog, Step, UsageLog};
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_answers_as_the_reference_does(
        batches in prop::collection::vec(prop::collection::vec(any_event(), 0..20), 1..8),
        periods in prop::collection::vec(any_period(), 4),
        position in 0..60_u64,
        split in any_split(),
        step in prop::sample::select(vec![Step::Hour, Step::Day, Step::Month]),
        zone in prop::sample::select(vec!["Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"]),
        limit in 1..10_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let log = SqliteUsageLog::open(folder.path().join("usage.db")).unwrap();
        let reference = ReferenceLog::default();
        let zone: Zone = zone.parse().unwrap();
        RUNTIME.block_on(async {
            for batch in batches {
                let appended = log.append(batch.clone()).await.unwrap();
                prop_assert_eq!(appended, reference.append(batch).await.unwrap());
            }
            prop_assert_eq!(log.position().await.unwrap(), reference.position().await.unwrap());
            let accounts = log.accounts().await.unwrap();
            prop_assert_eq!(&accounts, &reference.accounts().await.unwrap());
            for account in &accounts {
                for &period in &periods {
                    for through in [None, Some(position)] {
                        prop_assert_eq!(
                            log.summary(account, period, through).await.unwrap(),
                            reference.summary(account, period, through).await.unwrap()
                        );
                    }
                    let before = period.end();
                    prop_assert_eq!(
                        log.changed_since(account, position, before).await.unwrap(),
                        reference.changed_since(account, position, before).await.unwrap()
                    );
                    let query = SeriesQuery {
                        account: account.clone(),
                        period,
                        step,
                        zone: zone.clone(),
                        resource: None,
                        split: split.clone(),
                    };
                    prop_assert_eq!(
                        log.series(query.clone()).await.unwrap(),
                        reference.series(query).await.unwrap()
                    );
                    let query = EventQuery {
                        period: Some(period),
                        after: position / 2,
                        limit,
                        ..EventQuery::all(account.clone())
                    };
                    prop_assert_eq!(
                        log.events(query.clone()).await.unwrap(),
                        reference.events(query).await.unwrap()
                    );
                }
            }
            prop_assert_eq!(log.check().await.unwrap().problems, Vec::<String>::new());
            Ok(())
        })?;
    }
}
