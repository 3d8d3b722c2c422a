//! The audit of the log: every event against its digest, the digests against the chain, the chain
//! against its head, and everything that is kept beside the events against the events.

use std::error::Error;
use std::pin::pin;

use deadpool_postgres::Transaction;
use futures_util::TryStreamExt;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::fault::Fault;
use super::row::{Head, StoredEvent, digest, position, withdrawal_digest};
use super::schema::RELATIONS;
use crate::findings::Findings;
use crate::log::{LogCheck, LogPosition};

/// Every record in order of position, with the commit that it belongs to. Those of no commit come
/// last.
fn records() -> String {
    format!(
        "SELECT r.position, r.is_withdrawal, r.event_digest, k.before, k.records, k.chain, {} \
         FROM (SELECT k.before + e.ordinal AS position, FALSE AS is_withdrawal, e.commit_id, \
                   e.digest AS event_digest, e.account, e.source, e.id \
               FROM events AS e LEFT JOIN commits AS k ON k.id = e.commit_id \
               UNION ALL \
               SELECT w.position, TRUE, w.commit_id, e.digest, w.account, w.source, w.id \
               FROM withdrawals AS w \
               LEFT JOIN events AS e USING (account, source, id)) AS r \
         LEFT JOIN commits AS k ON k.id = r.commit_id \
         LEFT JOIN events AS e ON NOT r.is_withdrawal \
             AND e.account = r.account AND e.source = r.source AND e.id = r.id \
         LEFT JOIN meters AS m ON m.account = e.account AND m.meter = e.meter \
         ORDER BY r.position",
        StoredEvent::columns()
    )
}

/// What is kept beside the events and does not say what they say, one line each.
const BESIDE: [(&str, &str); 6] = [
    (
        "the sums",
        "SELECT format('the sum of %s in the quarter of an hour from %s on is %s and its events come to %s',
             account, to_timestamp(quarter * 900) AT TIME ZONE 'UTC', s.quantity, e.quantity)
         FROM sums AS s FULL JOIN (
             SELECT e.account, (e.time - ((e.time % 900) + 900) % 900) / 900 AS quarter, e.meter,
                 sum(e.quantity) AS quantity
             FROM events AS e WHERE NOT e.is_sample AND NOT EXISTS (SELECT FROM withdrawals AS w
                 WHERE w.account = e.account AND w.source = e.source AND w.id = e.id)
             GROUP BY 1, 2, 3
         ) AS e USING (account, quarter, meter)
         WHERE coalesce(s.quantity, 0) <> coalesce(e.quantity, 0)",
    ),
    (
        "what commits hold of accounts",
        "SELECT format('what commit %s holds of %s is not what its events are', commit_id, account)
         FROM account_commits AS c FULL JOIN (
             SELECT e.account, e.commit_id, k.before, k.before + max(e.ordinal) AS last_position,
                 min(e.time) AS first_time, max(e.time) AS last_time
             FROM events AS e LEFT JOIN commits AS k ON k.id = e.commit_id
             GROUP BY e.account, e.commit_id, k.before
         ) AS e USING (account, commit_id)
         WHERE (c.before, c.last_position, c.first_time, c.last_time)
             IS DISTINCT FROM (e.before, e.last_position, e.first_time, e.last_time)",
    ),
    (
        "the withdrawals",
        "SELECT format('position %s: the withdrawal differs from its event', w.position)
         FROM withdrawals AS w LEFT JOIN events AS e USING (account, source, id)
         WHERE e.time IS DISTINCT FROM w.time",
    ),
    (
        "the events of levels",
        "SELECT format('event `%s` of `%s` for account %s is not of its meter''s kind', e.id, e.source, e.account)
         FROM events AS e JOIN meters AS m ON m.account = e.account AND m.meter = e.meter
         WHERE e.is_sample <> m.is_sample",
    ),
    (
        "the meters",
        "SELECT format('a meter of %s has no events', m.account) FROM meters AS m
         WHERE NOT EXISTS (SELECT FROM events AS e
             WHERE e.account = m.account AND e.meter = m.meter)",
    ),
    (
        "the triggers",
        "SELECT format('`%s` is not defined by this log', t.tgname) FROM pg_trigger AS t
         JOIN pg_class AS c ON c.oid = t.tgrelid
         WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal",
    ),
];

/// [`UsageLog::check`](crate::UsageLog::check). What cannot be read is a problem found, not a reason
/// to stop, unless the database itself fails.
pub(super) async fn check(tx: &Transaction<'_>, log: &str) -> Result<LogCheck, Fault> {
    let mut found = Findings::default();
    if !check_relations(tx, &mut found).await? {
        // Nothing else could be asked.
        return Ok(LogCheck {
            events: 0,
            head: String::new(),
            problems: found.into_problems(),
        });
    }
    let head = match tx
        .query_opt("SELECT position, chain FROM head", &[])
        .await?
    {
        Some(row) => Head::read(&row).ok(),
        None => None,
    };
    let head = head.unwrap_or_else(|| {
        found.add("the end of the log cannot be read".to_owned());
        Head::START
    });
    let events = check_records(tx, head, log, &mut found).await?;
    for (_, sql) in BESIDE {
        for row in tx.query(sql, &[]).await? {
            found.add(row.try_get(0)?);
        }
    }
    Ok(LogCheck {
        events,
        head: blake3::Hash::from_bytes(head.chain).to_hex().to_string(),
        problems: found.into_problems(),
    })
}

/// Whether every table and index is there.
async fn check_relations(tx: &Transaction<'_>, found: &mut Findings) -> Result<bool, Fault> {
    let sql = "SELECT relname::text, relkind::text FROM pg_class \
               WHERE relnamespace = current_schema()::regnamespace";
    let rows = tx.query(sql, &[]).await?;
    let there = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let there: Vec<(&str, &str)> = there.collect::<Result<_, Fault>>()?;
    let mut is_whole = true;
    for relation in RELATIONS
        .iter()
        .filter(|relation| !there.contains(relation))
    {
        found.add(format!(
            "the definition of `{}` is missing or altered",
            relation.0
        ));
        is_whole = false;
    }
    Ok(is_whole)
}

/// Follows the chain from record to record. Returns how many events there are.
async fn check_records(
    tx: &Transaction<'_>,
    head: Head,
    log: &str,
    found: &mut Findings,
) -> Result<u64, Fault> {
    let mut audit = Audit {
        log,
        found,
        head: Head::START,
        last: 0,
        commit: None,
        commits: 0,
        events: 0,
    };
    let none: [&(dyn ToSql + Sync); 0] = [];
    let rows = tx.query_raw(&records(), none).await?;
    let mut rows = pin!(rows);
    while let Some(row) = rows.try_next().await? {
        match audit.record(&row) {
            Err(Fault::Strange(reason)) => audit.found.add(format!("a record: {reason}")),
            outcome => outcome?,
        }
    }
    audit.end(head);
    let (commits, events) = (audit.commits, audit.events);
    let sql = "SELECT count(*) FROM commits";
    let stored: i64 = tx.query_one(sql, &[]).await?.try_get(0)?;
    if u64::try_from(stored) != Ok(commits) {
        found.add(format!(
            "{stored} commits are noted, and {commits} have records"
        ));
    }
    Ok(events)
}

/// The commit whose records are being read.
struct OpenCommit {
    before: LogPosition,
    records: u64,
    chain: [u8; 32],
    digests: blake3::Hasher,
}

struct Audit<'f> {
    log: &'f str,
    found: &'f mut Findings,
    /// The end of the last commit that is read to its end.
    head: Head,
    /// The position of the last record.
    last: LogPosition,
    commit: Option<OpenCommit>,
    commits: u64,
    events: u64,
}

impl Audit<'_> {
    fn record(&mut self, row: &Row) -> Result<(), Fault> {
        let is_withdrawal: bool = row.try_get(1)?;
        if !is_withdrawal {
            self.events = self.events.saturating_add(1);
        }
        if row.try_get::<_, Option<i64>>(0)?.is_none()
            || row.try_get::<_, Option<i64>>(3)?.is_none()
        {
            self.found.add("a record belongs to no commit".to_owned());
            return Ok(());
        }
        let at = position(row, 0)?;
        self.open(row)?;
        if at == self.last {
            self.found.at(at, "there are two records");
        }
        self.found.missing(self.last.saturating_add(1), at);
        self.last = at;
        let event_digest = match row.try_get::<_, Option<&[u8]>>(2)? {
            Some(_) => digest(row, 2).ok(),
            None => None,
        };
        let Some(event_digest) = event_digest else {
            self.found.at(at, "the digest of the event cannot be read");
            return Ok(());
        };
        let digest = if is_withdrawal {
            withdrawal_digest(&event_digest)
        } else {
            self.event(at, row);
            event_digest
        };
        if let Some(commit) = &mut self.commit {
            commit.digests.update(&digest);
        }
        Ok(())
    }

    /// Compares an event with its digest.
    fn event(&mut self, at: LogPosition, row: &Row) {
        match StoredEvent::read(row, 6) {
            Ok(stored) => {
                if stored.verified(at).is_err() {
                    self.found.at(at, "the event differs from its digest");
                }
            }
            Err(fault) => {
                let error = fault.named(self.log, "being checked");
                let source = error.source().map(ToString::to_string).unwrap_or_default();
                self.found
                    .at(at, &format!("the event cannot be read: {source}"));
            }
        }
    }

    /// Begins the commit of this record if it is another one than before.
    fn open(&mut self, row: &Row) -> Result<(), Fault> {
        let before = position(row, 3)?;
        if self
            .commit
            .as_ref()
            .is_some_and(|open| open.before == before)
        {
            return Ok(());
        }
        self.close();
        let records: i32 = row.try_get(4)?;
        self.commit = Some(OpenCommit {
            before,
            records: u64::try_from(records).unwrap_or_default(),
            chain: digest(row, 5)?,
            digests: blake3::Hasher::new(),
        });
        self.commits = self.commits.saturating_add(1);
        Ok(())
    }

    /// Ends the commit whose records have been read.
    fn close(&mut self) {
        let Some(commit) = self.commit.take() else {
            return;
        };
        let start = Head {
            position: commit.before,
            chain: self.head.chain,
        };
        let digest = *commit.digests.finalize().as_bytes();
        let expected = start.followed_by(commit.records, &digest);
        // Continue from what is stored: one altered record is one problem, not one for every commit
        // after it.
        let head = Head {
            position: expected.position,
            chain: commit.chain,
        };
        if head != expected || self.head.position != commit.before {
            let first = commit.before.saturating_add(1);
            let problem = "the chain does not follow from the commit before";
            self.found.at(first, problem);
        }
        self.found
            .missing(self.last.saturating_add(1), head.position.saturating_add(1));
        self.last = self.last.max(head.position);
        self.head = head;
    }

    fn end(&mut self, head: Head) {
        self.close();
        self.found.missing(
            self.head.position.saturating_add(1),
            head.position.saturating_add(1),
        );
        if head.position < self.head.position {
            let problem = format!(
                "the record lies behind the end of the log, {}",
                head.position
            );
            self.found.at(self.head.position, &problem);
        } else if head.chain != self.head.chain {
            let problem = "the chain does not end in the head of the log";
            self.found.at(head.position, problem);
        }
    }
}
