//! Rows that cannot make a segment are refused, and nothing stays behind.

use super::*;

fn refused(change: impl Fn(&mut Vec<LoggedEvent>)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("000001.parquet");
    let mut events = sealed(50, 3);
    change(&mut events);
    let error = write_events(&path, &events).unwrap_err();
    assert!(matches!(error, ArchiveError::Refused { .. }), "{error:?}");
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "{error}"
    );
    let text = error.to_string();
    text.rsplit_once("cannot hold these rows: ")
        .unwrap()
        .1
        .to_owned()
}

#[test]
fn rows_that_make_no_segment_are_refused() {
    assert_eq!(refused(Vec::clear), "there are none");
    let swapped = refused(|events| events.swap(3, 4));
    assert!(swapped.ends_with("is out of order"), "{swapped}");
    let accounts = refused(|events| events.rotate_left(25));
    assert!(accounts.ends_with("is out of order"), "{accounts}");
    let twice = refused(|events| {
        let at = events.iter().position(|it| it.position == 30).unwrap();
        events[at].position = 31;
        sort(events);
    });
    assert_eq!(twice, "position 31 is there twice");
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let large = refused(|events| events[0].event.quantity = Quantity::new(10_i128.pow(38)));
    assert!(large.ends_with("has more than 38 digits"), "{large}");
    let late = refused(|events| {
        events[49].event.time = Timestamp::from_secs(i64::MAX / 1_000 + 1);
    });
    assert!(late.ends_with("is out of range"), "{late}");
}

#[test]
fn an_archive_can_be_written_again() {
    let it = fixture(50, 3);
    let again = write_events(&it.path, &it.events).unwrap();
    assert_eq!(again, it.written);
    let names = std::fs::read_dir(it.path.parent().unwrap()).unwrap();
    assert_eq!(names.count(), 2);
}
