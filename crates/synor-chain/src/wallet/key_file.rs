//! The wallet file: JSON with the address in clear and the key encrypted under a passphrase.
//!
//! The header is bound to the ciphertext as associated data. A checksum over everything tells a
//! damaged file from a wrong passphrase, which the cipher alone cannot.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use synor_economics::id::Address;
use zeroize::Zeroizing;

use crate::{ChainError, parse_address};

const VERSION: u32 = 1;
const KDF: &str = "argon2id";
const CIPHER: &str = "xchacha20poly1305";

// OWASP's recommendation for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

// What a file may ask for: enough to raise the cost for years, too little to exhaust the machine.
const MEMORY_MAX_KIB: u32 = 1024 * 1024;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 8;

/// More than any wallet file has.
const FILE_MAX_BYTES: u64 = 64 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    version: u32,
    address: String,
    kdf: Kdf,
    cipher: Cipher,
    /// blake3 over the fields above.
    checksum: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kdf {
    name: String,
    m_kib: u32,
    t: u32,
    p: u32,
    #[serde(with = "hex::serde")]
    salt: [u8; 16],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cipher {
    name: String,
    #[serde(with = "hex::serde")]
    nonce: [u8; 24],
    #[serde(with = "hex::serde")]
    ciphertext: Vec<u8>,
}

/// Encrypts a key into a new file; an existing one is never overwritten.
pub(super) fn create(
    path: &Path,
    passphrase: &str,
    address: &Address,
    seed: &[u8; 32],
) -> Result<(), ChainError> {
    let (mut salt, mut nonce) = ([0; 16], [0; 24]);
    random(path, &mut salt)?;
    random(path, &mut nonce)?;
    let mut file = KeyFile {
        version: VERSION,
        address: address.to_string(),
        kdf: Kdf {
            name: KDF.to_owned(),
            m_kib: MEMORY_KIB,
            t: PASSES,
            p: LANES,
            salt,
        },
        cipher: Cipher {
            name: CIPHER.to_owned(),
            nonce,
            ciphertext: Vec::new(),
        },
        checksum: String::new(),
    };
    let failed = |reason: String| ChainError::WalletFile {
        path: shown(path),
        reason,
    };
    let header = file.header();
    let sealed = Payload {
        msg: seed,
        aad: &header,
    };
    file.cipher.ciphertext = file
        .cipher(path, passphrase)?
        .encrypt(&XNonce::from(nonce), sealed)
        .map_err(|error| failed(error.to_string()))?;
    file.checksum = file.computed_checksum();
    let json = serde_json::to_string_pretty(&file).map_err(|error| failed(error.to_string()))?;
    write_new(path, format!("{json}\n").as_bytes())
}

/// The address in a file.
pub(super) fn address(path: &Path) -> Result<Address, ChainError> {
    let file = read(path)?;
    parse_address(&file.address).map_err(|error| corrupt(path, error))
}

/// The address and key in a file.
pub(super) fn open(
    path: &Path,
    passphrase: &str,
) -> Result<(Address, Zeroizing<[u8; 32]>), ChainError> {
    let file = read(path)?;
    let address = parse_address(&file.address).map_err(|error| corrupt(path, error))?;
    let header = file.header();
    let sealed = Payload {
        msg: &file.cipher.ciphertext,
        aad: &header,
    };
    let plain = file
        .cipher(path, passphrase)?
        .decrypt(&XNonce::from(file.cipher.nonce), sealed)
        .map(Zeroizing::new)
        .map_err(|_| ChainError::WrongPassphrase)?;
    let seed: [u8; 32] = plain
        .as_slice()
        .try_into()
        .map_err(|_| corrupt(path, "its key has the wrong length"))?;
    Ok((address, Zeroizing::new(seed)))
}

/// Fills a buffer from the system's source of randomness.
pub(super) fn random(path: &Path, buffer: &mut [u8]) -> Result<(), ChainError> {
    getrandom::fill(buffer).map_err(|error| ChainError::WalletFile {
        path: shown(path),
        reason: error.to_string(),
    })
}

impl KeyFile {
    /// Everything but the ciphertext, as the cipher binds it.
    fn header(&self) -> Vec<u8> {
        let Kdf {
            name,
            m_kib,
            t,
            p,
            salt,
        } = &self.kdf;
        let text = format!(
            "synor wallet\n{}\n{}\n{name} {m_kib} {t} {p} {}\n{} {}",
            self.version,
            self.address,
            hex::encode(salt),
            self.cipher.name,
            hex::encode(self.cipher.nonce),
        );
        text.into_bytes()
    }

    fn computed_checksum(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.header());
        hasher.update(b"\n");
        hasher.update(&self.cipher.ciphertext);
        hasher.finalize().to_hex().to_string()
    }

    fn cipher(&self, path: &Path, passphrase: &str) -> Result<XChaCha20Poly1305, ChainError> {
        let kdf = &self.kdf;
        let mut key = Zeroizing::new([0; 32]);
        Params::new(kdf.m_kib, kdf.t, kdf.p, Some(key.len()))
            .and_then(|params| {
                Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
                    passphrase.as_bytes(),
                    &kdf.salt,
                    &mut *key,
                )
            })
            .map_err(|error| corrupt(path, error))?;
        XChaCha20Poly1305::new_from_slice(&*key).map_err(|error| corrupt(path, error))
    }
}

fn read(path: &Path) -> Result<KeyFile, ChainError> {
    let failed = |error: std::io::Error| ChainError::WalletFile {
        path: shown(path),
        reason: error.to_string(),
    };
    if std::fs::metadata(path).map_err(failed)?.len() > FILE_MAX_BYTES {
        return Err(corrupt(path, "it is too large for a wallet"));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let file: KeyFile = serde_json::from_slice(&bytes).map_err(|error| corrupt(path, error))?;
    if file.version != VERSION {
        return Err(corrupt(
            path,
            format!("it has the unknown version {}", file.version),
        ));
    }
    if file.kdf.name != KDF || file.cipher.name != CIPHER {
        return Err(corrupt(
            path,
            "it names an unknown key derivation or cipher",
        ));
    }
    let Kdf { m_kib, t, p, .. } = file.kdf;
    let bounded = (MEMORY_KIB..=MEMORY_MAX_KIB).contains(&m_kib)
        && (1..=PASSES_MAX).contains(&t)
        && (1..=LANES_MAX).contains(&p);
    if !bounded {
        return Err(corrupt(path, "its key derivation is out of bounds"));
    }
    if file.checksum != file.computed_checksum() {
        return Err(corrupt(path, "its checksum does not match"));
    }
    Ok(file)
}

/// Writes a file of mode 0600 that is there either whole or not at all, and only if none was.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), ChainError> {
    let failed = |error: std::io::Error| ChainError::WalletFile {
        path: shown(path),
        reason: error.to_string(),
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Temporary files of this kind have mode 0600 from the start.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist_noclobber(path)
        .map_err(|error| match error.error.kind() {
            ErrorKind::AlreadyExists => ChainError::WalletExists { path: shown(path) },
            _ => failed(error.error),
        })?;
    // The name, too, must survive a power failure.
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}

fn corrupt(path: &Path, reason: impl std::fmt::Display) -> ChainError {
    ChainError::WalletCorrupt {
        path: shown(path),
        reason: reason.to_string(),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
