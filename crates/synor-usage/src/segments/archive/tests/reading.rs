//! What was written is found again, by account, time and position.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::segments::row::tests::any_event;

#[test]
fn everything_is_read_back_in_stored_order() {
    let it = fixture(9_000, 40);
    assert_eq!(collect(it.archive.scan().unwrap()).unwrap(), it.events);
    assert_eq!((it.archive.len(), it.archive.first_position()), (9_000, 11));
    assert_eq!(it.archive.time_bounds(), (START, START + 2_999));
    assert_eq!(it.written.rows, 9_000);
    it.archive.check(&it.written).unwrap();
}

#[test]
fn row_groups_and_pages_meet_without_a_seam() {
    let it = fixture(70_000, 3);
    assert_eq!(collect(it.archive.scan().unwrap()).unwrap(), it.events);
    // The last account lies across the end of the first row group.
    let name = it.events[69_999].event.identity.account.as_str();
    let (from, to) = (START + 1_000, START + 22_000);
    let wanted = of_account(&it.events, name, from, to);
    assert_eq!(
        collect(it.archive.rows(name, from, to).unwrap()).unwrap(),
        wanted
    );
    for at in [0, 4_095, 4_096, 65_535, 65_536, 69_999] {
        let wanted = &it.events[at];
        assert_eq!(
            it.archive.event_at(wanted.position).unwrap().as_ref(),
            Some(wanted)
        );
    }
}

fn of_account(events: &[LoggedEvent], name: &str, from: i64, to: i64) -> Vec<LoggedEvent> {
    let wanted = events.iter().filter(|it| {
        let secs = it.event.time.secs();
        it.event.identity.account.as_str() == name && from <= secs && secs < to
    });
    wanted.cloned().collect()
}

#[test]
fn an_account_is_found_within_any_times() {
    let it = fixture(9_000, 7);
    let mid = START + 1_500;
    for name in ["account-0", "account-3", "account-6"] {
        for (from, to) in [
            (i64::MIN, i64::MAX),
            (START, mid),
            (mid, mid + 1),
            (mid, i64::MAX),
            (mid, mid),
            (mid, START),
            (START + 3_000, i64::MAX),
            (i64::MIN, START),
        ] {
            let read = collect(it.archive.rows(name, from, to).unwrap()).unwrap();
            assert_eq!(
                read,
                of_account(&it.events, name, from, to),
                "{name} {from} {to}"
            );
        }
    }
    for stranger in ["", "account", "account-00", "account-7", "zzz", "a"] {
        assert_eq!(it.archive.account_range(stranger).unwrap(), None);
        assert!(
            collect(it.archive.rows(stranger, 0, i64::MAX).unwrap())
                .unwrap()
                .is_empty()
        );
    }
}

#[test]
fn the_accounts_are_listed_with_what_they_have() {
    // More accounts than one block holds.
    let it = fixture(3_000, 900);
    let mut wanted: BTreeMap<String, AccountRange> = BTreeMap::new();
    for (row, logged) in (0_u32..).zip(&it.events) {
        let (name, secs, position) = order(logged);
        let range = wanted.entry(name.to_owned()).or_insert(AccountRange {
            first_row: row,
            rows: 0,
            time_min: secs,
            time_max: secs,
            position_min: position,
            position_max: position,
        });
        range.rows += 1;
        range.time_max = secs;
        range.position_min = range.position_min.min(position);
        range.position_max = range.position_max.max(position);
    }
    assert!(wanted.len() > 800);
    let listed: Vec<_> = it.archive.accounts().map(Result::unwrap).collect();
    assert_eq!(
        it.archive.account_count(),
        u64::try_from(wanted.len()).unwrap()
    );
    assert_eq!(listed, wanted.clone().into_iter().collect::<Vec<_>>());
    for (name, range) in wanted {
        assert_eq!(it.archive.account_range(&name).unwrap(), Some(range));
    }
}

#[test]
fn every_position_has_its_event() {
    let it = fixture(1_500, 20);
    for wanted in it.events.iter().step_by(7) {
        assert_eq!(
            it.archive.event_at(wanted.position).unwrap().as_ref(),
            Some(wanted)
        );
    }
    for outside in [0, 10, 1_511, u64::MAX] {
        assert_eq!(it.archive.event_at(outside).unwrap(), None);
    }
}

#[test]
fn positions_may_have_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gaps.parquet");
    let mut events = sealed(50, 3);
    events.retain(|it| it.position % 4 != 0);
    write_events(&path, &events).unwrap();
    let archive = Archive::open(&path).unwrap();
    for position in 11..61 {
        let wanted = events.iter().find(|it| it.position == position);
        assert_eq!(archive.event_at(position).unwrap().as_ref(), wanted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_events_are_read_back(events in prop::collection::vec(any_event(), 1..20)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any.parquet");
        let numbered = (5..).zip(events);
        let mut events: Vec<_> = numbered
            .map(|(position, event)| LoggedEvent { position, withdrawn: None, event })
            .collect();
        sort(&mut events);
        write_events(&path, &events).unwrap();
        let archive = Archive::open(&path).unwrap();
        prop_assert_eq!(collect(archive.scan().unwrap()).unwrap(), events);
    }
}
