//! Key files: what is read is what was written, or an error.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use tempfile::tempdir;

use super::*;

#[test]
fn every_entry_is_found_and_nothing_else() {
    let folder = tempdir().unwrap();
    // Around the limits of a block of entries (170).
    for count in [0, 1, 169, 170, 171, 340, 5000] {
        let file = file(&folder, 0..count);
        assert_eq!((file.count(), file.first(), file.last()), (count, 0, count));
        for n in 0..count {
            assert_eq!(
                file.find(hash(n)).unwrap(),
                Some(entry(n)),
                "{n} of {count}"
            );
        }
        for n in count..count + 500 {
            assert_eq!(file.find(hash(n)).unwrap(), None, "{n} beside {count}");
        }
        let all: Result<Vec<_>, _> = file.entries().collect();
        assert_eq!(all.unwrap(), sorted(0..count));
    }
}

#[test]
fn an_index_of_more_than_one_block_reads_back() {
    let folder = tempdir().unwrap();
    // Hashes in a row and not of ids, for speed: 1,021 blocks, one more than a block of index has.
    let count = 1020 * 170 + 5;
    let path = folder.path().join("1.ids");
    let mut writer = KeyFileWriter::create(&path, 0..=count).unwrap();
    let nth = |n: u64| {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(n << 45).to_be_bytes());
        IdentityHash::from_bytes(bytes)
    };
    for n in 0..count {
        let hash = nth(n);
        writer
            .push(&KeyEntry {
                hash,
                position: n,
                content: ContentDigest([0; 3]),
            })
            .unwrap();
    }
    writer.finish().unwrap();
    let file = Arc::new(KeyFile::open(&path).unwrap());
    for n in (0..count).step_by(997).chain([count - 1]) {
        assert_eq!(file.find(nth(n)).unwrap().unwrap().position, n);
    }
    assert_eq!(file.find(nth(count)).unwrap(), None);
    let positions = file.entries().map(|entry| entry.unwrap().position);
    assert!(positions.eq(0..count));
}

#[test]
fn hashes_that_share_their_first_bits_are_found_across_blocks() {
    let folder = tempdir().unwrap();
    let nth = |n: u64| {
        let mut bytes = [9; 16];
        bytes[8..].copy_from_slice(&n.to_be_bytes());
        IdentityHash::from_bytes(bytes)
    };
    let entries: Vec<_> = (0..1000)
        .map(|n| KeyEntry {
            hash: nth(n),
            position: n,
            content: ContentDigest([0; 3]),
        })
        .collect();
    let path = folder.path().join("1.ids");
    let file = KeyFile::write(&path, 0..=999, &entries).unwrap();
    for n in 0..1000 {
        assert_eq!(file.find(nth(n)).unwrap().unwrap().position, n);
    }
    assert_eq!(file.find(nth(1000)).unwrap(), None);
}

#[test]
fn a_range_has_both_its_ends() {
    let folder = tempdir().unwrap();
    let file = file(&folder, 0..20_000);
    let all = sorted(0..20_000);
    for (from, to) in [(0, 0), (0, 19_999), (169, 170), (170, 170), (5000, 17_000)] {
        let found: Result<Vec<_>, _> = file.range(all[from].hash, all[to].hash).collect();
        assert_eq!(found.unwrap(), all[from..=to]);
    }
    let mut found = Vec::new();
    for partition in 0..=255 {
        let (from, to) = IdentityHash::partition(partition);
        found.extend(file.range(from, to).map(Result::unwrap));
    }
    assert_eq!(found, all, "the partitions are all there is");
}

/// Whether a file answers anything but an error: opened, walked through, and asked for every id.
fn answers(path: &std::path::Path) -> bool {
    let Ok(file) = KeyFile::open(path) else {
        return false;
    };
    let file = Arc::new(file);
    // Each on its own, for either may be all that a caller does.
    file.entries().all(|entry| entry.is_ok()) || (0..200).all(|n| file.find(hash(n)).is_ok())
}

#[test]
fn every_damaged_byte_is_noticed() {
    let folder = tempdir().unwrap();
    let file = file(&folder, 0..200);
    let whole = fs::read(file.path()).unwrap();
    assert!(answers(file.path()));
    assert_eq!(
        whole.len(),
        4 * 4096,
        "header, two blocks of entries, index"
    );
    let damaged = folder.path().join("damaged.ids");
    let file = fs::File::create(&damaged).unwrap();
    file.write_all_at(&whole, 0).unwrap();
    for (at, byte) in (0_u64..).zip(&whole) {
        let flipped = byte ^ (1 << (at % 8));
        file.write_all_at(&[flipped], at).unwrap();
        assert!(!answers(&damaged), "byte {at}: {flipped} for {byte}");
        file.write_all_at(&[*byte], at).unwrap();
    }
    assert!(answers(&damaged));
}

#[test]
fn the_error_names_the_file_and_the_block() {
    let folder = tempdir().unwrap();
    let path = file(&folder, 0..200).path().to_owned();
    let mut bytes = fs::read(&path).unwrap();
    bytes[2 * 4096 + 7] ^= 4;
    fs::write(&path, bytes).unwrap();
    let file = Arc::new(KeyFile::open(&path).unwrap());
    let error = file.entries().find_map(Result::err).unwrap();
    assert_eq!(
        error.to_string(),
        format!(
            "{} is damaged at block 2: its checksum does not match",
            path.display()
        )
    );
}

#[test]
fn a_file_of_another_length_is_not_opened() {
    let folder = tempdir().unwrap();
    let path = file(&folder, 0..200).path().to_owned();
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, 4095, 4096, 8192, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(matches!(
            KeyFile::open(&path),
            Err(KeyFileError::Damaged { block: 0, .. })
        ));
    }
    fs::write(&path, [&whole[..], &[0]].concat()).unwrap();
    assert!(matches!(
        KeyFile::open(&path),
        Err(KeyFileError::Damaged { block: 0, .. })
    ));
}

#[test]
fn blocks_that_changed_places_are_noticed() {
    let folder = tempdir().unwrap();
    let path = file(&folder, 0..340).path().to_owned();
    let mut bytes = fs::read(&path).unwrap();
    let (first, second) = bytes[4096..3 * 4096].split_at_mut(4096);
    first.swap_with_slice(second);
    fs::write(&path, bytes).unwrap();
    assert!(!answers(&path));
}

#[test]
fn what_would_not_read_back_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("1.ids");
    let refused = |entries: &[KeyEntry], last| {
        let error = KeyFile::write(&path, 0..=last, entries).unwrap_err();
        assert!(!path.exists());
        matches!(error, KeyFileError::Refused { .. })
    };
    assert!(refused(&[entry(1), entry(1)], 9), "twice");
    assert!(refused(&[entry(10)], 9), "beyond its range");
    let far = KeyEntry {
        position: POSITION_MAX + 1,
        ..entry(1)
    };
    assert!(refused(&[far], u64::MAX), "more than forty bits");
}

#[test]
fn an_unfinished_file_is_never_read_and_goes_away() {
    let folder = tempdir().unwrap();
    let live = file(&folder, 0..10).path().to_owned();
    let replaced = file(&folder, 10..20).path().to_owned();
    let crashed = folder.path().join("2.ids");
    let mut writer = KeyFileWriter::create(&crashed, 0..=9).unwrap();
    writer.push(&entry(1)).unwrap();
    drop(writer);
    assert!(!crashed.exists(), "it has no name before it is whole");
    fs::write(folder.path().join("manifest"), "not ours").unwrap();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 4);

    remove_leftovers(folder.path(), &HashSet::from([live.clone()])).unwrap();
    let mut left: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    left.sort();
    assert_eq!(left, [live, folder.path().join("manifest")]);
    assert!(!replaced.exists());
}
