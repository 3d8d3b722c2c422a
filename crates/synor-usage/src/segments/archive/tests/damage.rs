//! A file that is not as it was written is an error that names it, never other events, never a panic.

use std::fs;

use super::super::error::reading;
use super::*;

/// Reads everything in every way, and fails if an answer is not the right one.
fn read_all(it: &Fixture) -> Result<(), ArchiveError> {
    let archive = Archive::open(&it.path)?;
    assert_eq!(collect(archive.scan()?)?, it.events);
    for account in archive.accounts() {
        account?;
    }
    let sample = &it.events[it.events.len() / 2];
    let name = sample.event.identity.account.as_str();
    let mine = it
        .events
        .iter()
        .filter(|e| e.event.identity.account.as_str() == name);
    let mine: Vec<_> = mine.cloned().collect();
    assert_eq!(collect(archive.rows(name, i64::MIN, i64::MAX)?)?, mine);
    assert_eq!(archive.event_at(sample.position)?.as_ref(), Some(sample));
    Ok(())
}

fn assert_damaged(result: Result<(), ArchiveError>, file: &Path, what: &str) {
    match result {
        Err(error @ ArchiveError::Damaged { .. }) => {
            let name = file.file_name().unwrap().to_str().unwrap();
            assert!(error.to_string().contains(name), "{what}: {error}");
        }
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn a_flipped_bit_anywhere_is_found() {
    let it = fixture(600, 40);
    for path in [it.path.clone(), index_path(&it.path)] {
        let whole = fs::read(&path).unwrap();
        let mut offsets: Vec<_> = (0..whole.len()).step_by(whole.len() / 150).collect();
        offsets.extend(whole.len() - 40..whole.len());
        let mut found = 0;
        for offset in offsets {
            let mut bytes = whole.clone();
            bytes[offset] ^= 1 << (offset % 8);
            fs::write(&path, &bytes).unwrap();
            // Not every byte is looked at by these reads, but what they give is right; the check
            // looks at every byte.
            found += usize::from(read_all(&it).is_err());
            assert_damaged(
                it.archive.check(&it.written),
                &path,
                &format!("byte {offset}"),
            );
        }
        assert!(found > 100, "{found}");
        fs::write(&path, &whole).unwrap();
        read_all(&it).unwrap();
    }
}

#[test]
fn a_file_cut_short_or_grown_is_found() {
    let it = fixture(600, 40);
    for path in [it.path.clone(), index_path(&it.path)] {
        let whole = fs::read(&path).unwrap();
        for length in [0, 1, 7, 4_095, 4_096, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            assert_damaged(read_all(&it), &path, &format!("{length} bytes"));
        }
        fs::write(&path, [whole.as_slice(), b"x"].concat()).unwrap();
        assert_damaged(read_all(&it), &path, "a byte more");
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn a_file_cut_short_while_open_is_found() {
    let it = fixture(600, 40);
    let whole = fs::read(&it.path).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&it.path).unwrap();
    file.set_len(u64::try_from(whole.len() / 2).unwrap())
        .unwrap();
    assert_damaged(it.archive.scan().map(drop), &it.path, "half");
}

#[test]
fn the_files_of_two_archives_do_not_mix() {
    let (one, two) = (fixture(600, 40), fixture(601, 40));
    let index = fs::read(index_path(&two.path)).unwrap();
    fs::write(index_path(&one.path), index).unwrap();
    assert_damaged(read_all(&one), &one.path, "another's index");
}

#[test]
fn a_missing_file_is_named() {
    let it = fixture(10, 2);
    fs::remove_file(index_path(&it.path)).unwrap();
    let error = Archive::open(&it.path).unwrap_err().to_string();
    assert!(error.contains("000001.index"), "{error}");
}

#[test]
fn a_panic_of_the_library_is_an_error() {
    let file = Path::new("000007.parquet");
    let result: Result<(), _> = reading(file, || panic!("index out of bounds"));
    assert_damaged(result, file, "a panic");
}
