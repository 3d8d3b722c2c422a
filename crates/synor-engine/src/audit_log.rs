//! Reading the audit log: who changed what, the latest first.

use synor_economics::id::AccountId;
use synor_economics::period::Timestamp;
use synor_store::{AuditEntry, Cursor, Kind, ListQuery, Page};

use crate::engine::Engine;
use crate::error::EngineError;

/// How many entries are read at most for one part of the log, so that one about an account that
/// changed seldom does not read all of it at once.
const READ_MAX: usize = 10_000;

/// Which part of the audit log.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// Only what changed something of this account, or was asked for with a key that is bound to it.
    pub account: Option<AccountId>,
    /// Only what was changed at this time or later.
    pub since: Option<Timestamp>,
    /// Only what comes before this place of the log.
    pub before: Option<u64>,
    /// How many at most.
    pub limit: usize,
}

/// A part of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPart {
    /// The entries, the latest first.
    pub items: Vec<AuditEntry>,
    /// Where it goes on, if it does; there may be none of the account any more.
    pub next_before: Option<u64>,
}

impl Engine {
    /// A part of the audit log.
    pub async fn audit_log(&self, query: AuditQuery) -> Result<AuditPart, EngineError> {
        let limit = query.limit.max(1);
        let page: Page<AuditEntry> = self
            .store
            .list(ListQuery {
                newest_first: true,
                after: query.before.map(place),
                limit: match query.account {
                    Some(_) => READ_MAX,
                    None => limit,
                },
                ..ListQuery::all(Kind::AuditEntry)
            })
            .await?;
        Ok(part_of(page, &query, limit))
    }
}

/// What of a page was asked for.
fn part_of(page: Page<AuditEntry>, query: &AuditQuery, limit: usize) -> AuditPart {
    let mut next_before = page
        .next
        .as_ref()
        .and_then(|next| u64::try_from(next.sort_key).ok());
    let mut items = Vec::new();
    for entry in page.items {
        if query.since.is_some_and(|since| entry.at < since) {
            next_before = None;
            break;
        }
        if !query.account.as_ref().is_none_or(|a| is_about(&entry, a)) {
            continue;
        }
        if items.len() == limit {
            next_before = items.last().map(|last: &AuditEntry| last.sequence);
            break;
        }
        items.push(entry);
    }
    AuditPart { items, next_before }
}

fn is_about(entry: &AuditEntry, account: &AccountId) -> bool {
    entry.accounts.contains(account) || entry.actor.access.account_id.as_ref() == Some(account)
}

/// The place in the list that comes before an entry with this number.
fn place(sequence: u64) -> Cursor {
    Cursor {
        sort_key: i64::try_from(sequence).unwrap_or(i64::MAX),
        id: format!("{sequence:020}"),
    }
}

#[cfg(test)]
mod tests {
    use synor_store::{Access, Actor, ActorKind};

    use super::*;

    fn entry(sequence: u64, at: i64, account: &str) -> AuditEntry {
        AuditEntry {
            sequence,
            at: Timestamp::from_secs(at),
            actor: Actor {
                kind: ActorKind::Local,
                key_id: None,
                access: Access::admin(),
                address: None,
                operation: String::new(),
            },
            command: String::new(),
            accounts: vec![account.parse().expect("an account")],
            changes: Vec::new(),
            entries: Vec::new(),
            chain: String::new(),
        }
    }

    fn found(query: &AuditQuery, limit: usize) -> (Vec<u64>, Option<u64>) {
        let items = (1..=6).rev().map(|n| {
            let account = if n % 2 == 0 { "even" } else { "odd" };
            entry(n, i64::try_from(n).expect("small") * 10, account)
        });
        let next = Some(place(1));
        let items = items.collect();
        let part = part_of(Page { items, next }, query, limit);
        let found = part.items.iter().map(|entry| entry.sequence).collect();
        (found, part.next_before)
    }

    #[test]
    fn a_part_ends_where_it_is_full_or_too_old() {
        let all = AuditQuery::default();
        assert_eq!(found(&all, 10), (vec![6, 5, 4, 3, 2, 1], Some(1)));
        let odd = AuditQuery {
            account: Some("odd".parse().expect("an account")),
            ..AuditQuery::default()
        };
        assert_eq!(found(&odd, 10), (vec![5, 3, 1], Some(1)));
        assert_eq!(found(&odd, 2), (vec![5, 3], Some(3)));
        let late = AuditQuery {
            since: Some(Timestamp::from_secs(40)),
            ..AuditQuery::default()
        };
        assert_eq!(found(&late, 10), (vec![6, 5, 4], None));
    }
}
