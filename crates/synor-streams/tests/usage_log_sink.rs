//! The sink over a usage log: what becomes of each record, and in which order things are stored.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use common::{Books, json, now};
use synor_economics::id::AccountId;
use synor_economics::metering::UsageSummary;
use synor_economics::period::{Period, Timestamp};
use synor_streams::dead_letters::DeadLettersError;
use synor_streams::{
    DeadLetter, DeadLetterPage, DeadLetters, Entry, Place, Record, RecordOutcome, Sink,
    UsageLogSink,
};
use synor_usage::conformance::ReferenceLog;
use synor_usage::{
    Appended, Batch, EventQuery, LogCheck, LogPosition, LoggedEvent, Page, Series, SeriesQuery,
    StreamPosition, UsageLog, UsageLogError,
};

fn record(offset: u64, text: impl Into<Vec<u8>>) -> Record {
    Record {
        place: Place {
            stream: "usage".into(),
            partition: 3,
            entry: Entry::Offset(offset),
        },
        bytes: text.into(),
    }
}

fn read_to(next_offset: u64) -> Vec<StreamPosition> {
    vec![StreamPosition {
        stream: "usage".to_owned(),
        partition: 3,
        next_offset,
    }]
}

fn outcome(accepted: u64, duplicates: u64, conflicting: u64) -> RecordOutcome {
    RecordOutcome {
        accepted,
        duplicates,
        conflicting,
        refused: None,
    }
}

#[tokio::test]
async fn every_record_has_its_outcome() {
    let books = Books::open();
    let records = [
        record(0, json(1)),
        record(1, format!("[{}, {}]", json(2), json(3))),
        record(2, json(1)),
        record(
            3,
            format!("[{}, {}]", json(4), json(2).replace("\"2\"}", "\"5\"}")),
        ),
        record(4, "[]"),
        record(5, ""),
    ];
    let outcomes = books.sink.accept(&records, &read_to(6)).await.unwrap();
    assert_eq!(
        outcomes[..5],
        [
            outcome(1, 0, 0),
            outcome(2, 0, 0),
            outcome(0, 1, 0),
            outcome(1, 1, 1),
            outcome(0, 0, 0),
        ]
    );
    let refused = outcomes[5].refused.as_deref().unwrap();
    assert!(
        refused.starts_with("the body is not JSON: EOF"),
        "{refused}"
    );
    assert_eq!(books.sink.positions("usage").await.unwrap(), read_to(6));
    books.hold(4).await;

    // All of it once more, as after a crash before the acknowledgement.
    let outcomes = books.sink.accept(&records, &read_to(6)).await.unwrap();
    assert_eq!(outcomes.iter().map(|o| o.accepted).sum::<u64>(), 0);
    books.hold(4).await;
    let letters = books.letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].record, records[5]);
    assert_eq!(letters[0].stored, now());
}

/// Dead letters that can be away.
struct Away(AtomicBool, Arc<dyn DeadLetters>);

#[async_trait]
impl DeadLetters for Away {
    async fn store(&self, letters: Vec<DeadLetter>) -> Result<(), DeadLettersError> {
        if self.0.load(Ordering::Relaxed) {
            return Err(DeadLettersError {
                place: "nowhere".to_owned(),
                doing: "storing",
                source: "it is away".into(),
            });
        }
        self.1.store(letters).await
    }

    async fn list(&self, after: u64, limit: usize) -> Result<DeadLetterPage, DeadLettersError> {
        self.1.list(after, limit).await
    }
}

#[tokio::test]
async fn no_position_passes_a_letter_that_is_not_stored() {
    let books = Books::open();
    let away = Arc::new(Away(AtomicBool::new(true), books.dead_letters.clone()));
    let sink = UsageLogSink::new(books.log.clone(), away.clone(), now);
    let records = [record(0, json(1)), record(1, "no json")];
    let error = sink.accept(&records, &read_to(2)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the sink failed while storing dead letters"
    );
    assert_eq!(sink.positions("usage").await.unwrap(), []);
    away.0.store(false, Ordering::Relaxed);
    sink.accept(&records, &read_to(2)).await.unwrap();
    assert_eq!(sink.positions("usage").await.unwrap(), read_to(2));
    books.hold(1).await;
    assert_eq!(books.letters().await.len(), 1);
}

/// A log that refuses an event which validation let through.
#[derive(Default)]
struct Fussy(ReferenceLog);

#[async_trait]
impl UsageLog for Fussy {
    async fn commit(&self, batch: Batch) -> Result<Appended, UsageLogError> {
        match batch.events.iter().find(|e| e.quantity.get() == 13) {
            Some(event) => Err(UsageLogError::Refused {
                event: Box::new(event.identity.clone()),
                reason: "it brings bad luck",
            }),
            None => self.0.commit(batch).await,
        }
    }

    async fn stream_positions(&self, stream: &str) -> Result<Vec<StreamPosition>, UsageLogError> {
        self.0.stream_positions(stream).await
    }

    async fn summary(
        &self,
        account: &AccountId,
        period: Period,
        through: Option<LogPosition>,
    ) -> Result<UsageSummary, UsageLogError> {
        self.0.summary(account, period, through).await
    }

    async fn changed_since(
        &self,
        account: &AccountId,
        position: LogPosition,
        before: Timestamp,
    ) -> Result<bool, UsageLogError> {
        self.0.changed_since(account, position, before).await
    }

    async fn series(&self, query: SeriesQuery) -> Result<Series, UsageLogError> {
        self.0.series(query).await
    }

    async fn events(&self, query: EventQuery) -> Result<Page<LoggedEvent>, UsageLogError> {
        self.0.events(query).await
    }

    async fn accounts(&self) -> Result<Vec<AccountId>, UsageLogError> {
        self.0.accounts().await
    }

    async fn position(&self) -> Result<LogPosition, UsageLogError> {
        self.0.position().await
    }

    async fn check(&self) -> Result<LogCheck, UsageLogError> {
        self.0.check().await
    }
}

#[tokio::test]
async fn one_event_that_the_log_refuses_does_not_stop_the_stream() {
    let books = Books::open();
    let log = Arc::new(Fussy::default());
    let sink = UsageLogSink::new(log.clone(), books.dead_letters.clone(), now);
    let records = [
        record(0, json(12)),
        record(1, format!("[{},{}]", json(13), json(14))),
    ];
    let outcomes = sink.accept(&records, &read_to(2)).await.unwrap();
    assert_eq!(outcomes[0], outcome(1, 0, 0));
    assert_eq!(outcomes[1].accepted, 1);
    let letters = books.letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].reason, "event 0: id `13`: it brings bad luck");
    assert_eq!(log.position().await.unwrap(), 2);
}
