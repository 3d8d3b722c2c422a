//! Merges: the output has what the inputs had.

use tempfile::tempdir;

use super::*;

#[test]
fn a_merge_has_every_entry_that_is_kept_however_it_is_cut_in_pieces() {
    let folder = tempdir().unwrap();
    let inputs = vec![
        file(&folder, 0..700),
        file(&folder, 700..700),
        file(&folder, 701..900),
        file(&folder, 901..2000),
    ];
    for (piece, oldest) in [(1, 0), (97, 0), (u64::MAX, 0), (50, 800), (50, 5000)] {
        let path = folder.path().join("merged.ids");
        let mut merge = Merge::start(inputs.clone(), &path, |position| position >= oldest).unwrap();
        while merge.advance(piece).unwrap() {}
        let merged = merge.finish().unwrap();
        let all: Result<Vec<_>, _> = merged.output.entries().collect();
        let ids = (0..700).chain(701..900).chain(901..2000);
        assert_eq!(all.unwrap(), sorted(ids.filter(|&n| n >= oldest)));
        assert_eq!((merged.output.first(), merged.output.last()), (0, 2000));
        assert_eq!(merged.inputs.len(), 4);
    }
}

#[test]
fn an_id_in_two_files_and_a_damaged_input_stop_the_merge() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("merged.ids");
    let inputs = vec![file(&folder, 0..10), file(&folder, 9..20)];
    let error = Merge::start(inputs, &path, |_| true)
        .unwrap()
        .finish()
        .err();
    assert!(matches!(
        error,
        Some(KeyFileError::Refused { position: 9, .. })
    ));

    let inputs = vec![file(&folder, 20..30), file(&folder, 30..1000)];
    let mut bytes = std::fs::read(inputs[1].path()).unwrap();
    bytes[3 * 4096] ^= 1;
    std::fs::write(inputs[1].path(), bytes).unwrap();
    let error = Merge::start(inputs, &path, |_| true)
        .and_then(Merge::finish)
        .err();
    assert!(matches!(
        error,
        Some(KeyFileError::Damaged { block: 3, .. })
    ));
    assert!(!path.exists());
}

#[test]
fn files_are_replaced_by_their_merge_while_newer_ones_arrive() {
    let folder = tempdir().unwrap();
    let mut identities = Identities::open(Vec::new());
    for n in 0..4 {
        assert!(identities.next_merge().is_none());
        identities.adopt_sealed(file(&folder, n * 10..n * 10 + 10));
    }
    let inputs = identities.next_merge().unwrap();
    identities.adopt_sealed(file(&folder, 40..50));
    let path = folder.path().join("merged.ids");
    let merged = Merge::start(inputs, &path, |_| true)
        .unwrap()
        .finish()
        .unwrap();
    assert!(identities.adopt_merged(&merged));
    let counts: Vec<_> = identities.files().iter().map(|file| file.count()).collect();
    assert_eq!(counts, [40, 10]);
    for n in 0..50 {
        assert_eq!(identities.find_sealed(hash(n)).unwrap(), Some(entry(n)));
    }
    assert!(
        !identities.adopt_merged(&merged),
        "its inputs are not live any more"
    );
    assert_eq!(identities.files().len(), 2);
}

#[test]
fn files_that_are_older_than_the_log_remembers_go_whole() {
    let folder = tempdir().unwrap();
    let files = [0..10, 20..30, 40..50].map(|ids| file(&folder, ids));
    let mut identities = Identities::open(files.to_vec());
    assert!(
        identities.forget_before(10).is_empty(),
        "10 is its last position"
    );
    let forgotten = identities.forget_before(30);
    assert_eq!(forgotten.len(), 1);
    assert_eq!(forgotten[0].path(), files[0].path());
    assert_eq!(identities.find_sealed(hash(5)).unwrap(), None);
    assert_eq!(identities.find_sealed(hash(25)).unwrap(), Some(entry(25)));
}
