//! The wallet file: it opens with its passphrase only, and notices every change.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::path::{Path, PathBuf};

use serde_json::Value;
use synor_chain::{ChainError, Soma, Wallet};
use tempfile::TempDir;

const PASSPHRASE: &str = "correct horse battery staple";

fn created() -> (TempDir, PathBuf, Wallet) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wallet.json");
    let wallet = Wallet::create(&path, PASSPHRASE).unwrap();
    (folder, path, wallet)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_wallet_opens_with_its_passphrase_only() {
    let (_folder, path, wallet) = created();
    let opened = Wallet::unlock(&path, PASSPHRASE).unwrap();
    assert_eq!(opened.address(), wallet.address());
    assert_eq!(Wallet::address_of(&path).unwrap(), *wallet.address());
    let sign = |w: &Wallet| {
        w.sign_transfer("c", 0, wallet.address(), Soma::new(1), "")
            .unwrap()
    };
    assert_eq!(sign(&opened), sign(&wallet));
    sign(&opened).check("c").unwrap();

    let wrong = Wallet::unlock(&path, "correct horse battery stable").unwrap_err();
    assert_eq!(wrong, ChainError::WrongPassphrase);
    assert_eq!(
        Wallet::unlock(&path, "").unwrap_err(),
        ChainError::EmptyPassphrase
    );
}

#[test]
fn a_key_is_never_overwritten_and_never_without_passphrase() {
    let (folder, path, _) = created();
    let before = std::fs::read(&path).unwrap();
    let refused = Wallet::create(&path, PASSPHRASE).unwrap_err();
    assert!(
        matches!(refused, ChainError::WalletExists { .. }),
        "{refused}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let other = folder.path().join("other.json");
    assert_eq!(
        Wallet::create(&other, "").unwrap_err(),
        ChainError::EmptyPassphrase
    );
    assert!(!other.exists());
    let nowhere = Wallet::unlock(&other, PASSPHRASE).unwrap_err();
    assert!(
        matches!(nowhere, ChainError::WalletFile { .. }),
        "{nowhere}"
    );
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no temporary file is left"
    );
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path, _) = created();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn the_secret_is_neither_printed_nor_in_the_file() {
    let (_folder, path, wallet) = created();
    let debug = format!("{wallet:?}");
    assert_eq!(
        debug,
        format!("Wallet {{ address: {:?}, .. }}", wallet.address())
    );
    let file = json(&path);
    // 32 bytes of key and 16 of tag.
    assert_eq!(file["cipher"]["ciphertext"].as_str().unwrap().len(), 96);
    assert_eq!(file["kdf"]["name"], "argon2id");
    assert!(file["kdf"]["m_kib"].as_u64().unwrap() >= 19 * 1024);
}

/// Every value in the file, by its path, with one character or digit of it changed.
fn alterations(value: &Value, at: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                alterations(value, &format!("{at}/{name}"), found);
            }
        }
        Value::String(text) => {
            for place in [0, text.len() / 2, text.len() - 1] {
                let mut bytes = text.clone().into_bytes();
                bytes[place] = if bytes[place] == b'0' { b'1' } else { b'0' };
                found.push((at.to_owned(), String::from_utf8(bytes).unwrap().into()));
            }
        }
        number => found.push((at.to_owned(), (number.as_u64().unwrap() + 1).into())),
    }
}

#[test]
fn an_altered_byte_in_any_field_is_noticed() {
    let (_folder, path, _) = created();
    let original = json(&path);
    let mut altered = Vec::new();
    alterations(&original, "", &mut altered);
    let fields: std::collections::BTreeSet<_> = altered.iter().map(|(at, _)| at).collect();
    assert_eq!(fields.len(), 11, "{fields:?}");
    for (at, value) in &altered {
        let mut file = original.clone();
        *file.pointer_mut(at).unwrap() = value.clone();
        std::fs::write(&path, file.to_string()).unwrap();
        for error in [
            Wallet::unlock(&path, PASSPHRASE).map(drop).unwrap_err(),
            Wallet::address_of(&path).map(drop).unwrap_err(),
        ] {
            assert!(
                matches!(error, ChainError::WalletCorrupt { .. }),
                "{at}: {error}"
            );
        }
    }
    for damaged in ["", "{}", "\u{0}", &original.to_string()[1..]] {
        std::fs::write(&path, damaged).unwrap();
        let error = Wallet::unlock(&path, PASSPHRASE).unwrap_err();
        assert!(matches!(error, ChainError::WalletCorrupt { .. }), "{error}");
    }
}

/// Someone who changes the header and repairs the checksum still cannot make the wallet receive for
/// another address.
#[test]
fn the_header_is_bound_to_the_key() {
    let (_folder, path, _) = created();
    let mut file = json(&path);
    file["address"] = Wallet::development("c", "thief").address().as_str().into();
    let header = format!(
        "synor wallet\n{}\n{}\nargon2id {} {} {} {}\nxchacha20poly1305 {}",
        file["version"],
        file["address"].as_str().unwrap(),
        file["kdf"]["m_kib"],
        file["kdf"]["t"],
        file["kdf"]["p"],
        file["kdf"]["salt"].as_str().unwrap(),
        file["cipher"]["nonce"].as_str().unwrap(),
    );
    let mut hasher = blake3::Hasher::new();
    hasher.update(header.as_bytes()).update(b"\n");
    hasher.update(&hex::decode(file["cipher"]["ciphertext"].as_str().unwrap()).unwrap());
    file["checksum"] = hasher.finalize().to_hex().as_str().into();
    std::fs::write(&path, file.to_string()).unwrap();
    assert!(
        Wallet::address_of(&path).is_ok(),
        "the checksum was repaired"
    );
    assert_eq!(
        Wallet::unlock(&path, PASSPHRASE).unwrap_err(),
        ChainError::WrongPassphrase
    );
}
