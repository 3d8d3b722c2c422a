//! The key that signs what the engine sends: in a file of the Web3 Secret Storage format, under a
//! passphrase. Neither is ever printed.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256};
use alloy_signer::SignerSync;
use alloy_signer::k256::elliptic_curve::rand_core::OsRng;
use alloy_signer_local::PrivateKeySigner;

use crate::ChainError;

/// An unlocked key.
#[derive(Clone)]
pub struct EvmKey {
    signer: PrivateKeySigner,
}

impl EvmKey {
    /// Makes a new key and keeps it in a new file of mode 0600. It takes a while by design, so call
    /// it where blocking is allowed. `EmptyPassphrase`, `WalletExists` or `WalletFile`.
    pub fn create(path: &Path, passphrase: &str) -> Result<Self, ChainError> {
        if passphrase.is_empty() {
            return Err(ChainError::EmptyPassphrase);
        }
        let shown = path.display().to_string();
        let failed = |reason: String| ChainError::WalletFile {
            path: shown.clone(),
            reason,
        };
        if path.exists() {
            return Err(ChainError::WalletExists { path: shown });
        }
        // Encrypted aside, where nobody else can read, and moved to its place only whole.
        let folder = path.parent().unwrap_or(Path::new("."));
        let aside = tempfile::tempdir_in(folder).map_err(|error| failed(error.to_string()))?;
        let made =
            PrivateKeySigner::new_keystore(aside.path(), &mut OsRng, passphrase, Some("key"));
        let (signer, _) = made.map_err(|_| failed("the key cannot be encrypted".to_owned()))?;
        let sealed = std::fs::read(aside.path().join("key"));
        let written = sealed.and_then(|sealed| write_new(path, &sealed));
        written.map_err(|error| failed(error.to_string()))?;
        Ok(Self { signer })
    }

    /// Opens a file; blocking as [`EvmKey::create`]. `EmptyPassphrase`, `WrongPassphrase`,
    /// `WalletCorrupt` or `WalletFile`.
    pub fn unlock(path: &Path, passphrase: &str) -> Result<Self, ChainError> {
        if passphrase.is_empty() {
            return Err(ChainError::EmptyPassphrase);
        }
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| ChainError::WalletFile {
            path: shown.clone(),
            reason: error.to_string(),
        })?;
        let is_json = serde_json::from_str::<serde_json::Value>(&text)
            .is_ok_and(|json| json["crypto"].is_object() || json["Crypto"].is_object());
        if !is_json {
            return Err(ChainError::WalletCorrupt {
                path: shown,
                reason: "it is no keystore".to_owned(),
            });
        }
        // The format tells a wrong passphrase by its checksum, and cannot tell it from damage.
        let signer = PrivateKeySigner::decrypt_keystore(path, passphrase)
            .map_err(|_| ChainError::WrongPassphrase)?;
        Ok(Self { signer })
    }

    /// A key that is known: for tests on a development node, never for coins of worth.
    /// `WalletCorrupt` if it is none.
    pub fn known(key: B256) -> Result<Self, ChainError> {
        let signer = PrivateKeySigner::from_bytes(&key);
        let signer = signer.map_err(|_| ChainError::WalletCorrupt {
            path: "a known key".to_owned(),
            reason: "it is no key".to_owned(),
        })?;
        Ok(Self { signer })
    }

    /// The address that it controls.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// Signs a transaction; its hash and its bytes as they are sent.
    pub(super) fn sign(&self, transaction: TxEip1559) -> Result<(B256, Vec<u8>), ChainError> {
        let signature = self
            .signer
            .sign_hash_sync(&transaction.signature_hash())
            .map_err(|_| ChainError::Inconsistent {
                what: "a transaction cannot be signed".to_owned(),
            })?;
        let signed = TxEnvelope::from(transaction.into_signed(signature));
        Ok((*signed.tx_hash(), signed.encoded_2718()))
    }
}

impl fmt::Debug for EvmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvmKey")
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

fn write_new(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file: File = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_opened_by_its_passphrase_alone_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("operator.json");
        let made = EvmKey::create(&path, "correct horse").unwrap();
        let opened = EvmKey::unlock(&path, "correct horse").unwrap();
        assert_eq!(opened.address(), made.address());
        let secret = hex::encode(made.signer.to_bytes());
        assert!(!format!("{made:?} {made:#?}").contains(&secret));
        assert!(!std::fs::read_to_string(&path).unwrap().contains(&secret));

        let wrong = EvmKey::unlock(&path, "battery staple").unwrap_err();
        assert_eq!(wrong, ChainError::WrongPassphrase);
        let again = EvmKey::create(&path, "correct horse").unwrap_err();
        assert!(matches!(again, ChainError::WalletExists { .. }));
        assert_eq!(
            EvmKey::unlock(&path, "").unwrap_err(),
            ChainError::EmptyPassphrase
        );
        std::fs::write(&path, "{}").unwrap();
        let damaged = EvmKey::unlock(&path, "correct horse").unwrap_err();
        assert!(matches!(damaged, ChainError::WalletCorrupt { .. }));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("operator.json");
        EvmKey::create(&path, "x").unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
