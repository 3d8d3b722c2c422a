//! The keys that sign for an account, kept in a file under a passphrase.

mod key_file;

use std::fmt;
use std::path::Path;

use ed25519_dalek::{Signer, SigningKey};
use synor_economics::id::Address;
use zeroize::Zeroizing;

use crate::address::address_of;
use crate::{ChainError, Payload, SignedTransaction, Soma};

/// An unlocked wallet: one ed25519 key and its address. The key is wiped from memory when it is
/// dropped and never printed.
///
/// ```
/// use synor_chain::{Soma, Wallet};
/// let (payer, payee) = (Wallet::development("synor-dev", "a"), Wallet::development("synor-dev", "b"));
/// let tx = payer.sign_transfer("synor-dev", 0, payee.address(), Soma::new(100), "INV-1")?;
/// assert_eq!(tx.sender(), *payer.address());
/// tx.check("synor-dev")?;
/// # Ok::<(), synor_chain::ChainError>(())
/// ```
pub struct Wallet {
    address: Address,
    key: SigningKey,
}

impl Wallet {
    /// Makes a new key and keeps it in a new file of mode 0600, encrypted under the passphrase.
    ///
    /// It takes tens of milliseconds by design, so call it where blocking is allowed.
    /// `EmptyPassphrase`, `WalletExists` if there is any file already, `WalletFile`.
    pub fn create(path: impl AsRef<Path>, passphrase: &str) -> Result<Self, ChainError> {
        let path = path.as_ref();
        if passphrase.is_empty() {
            return Err(ChainError::EmptyPassphrase);
        }
        let mut seed = Zeroizing::new([0; 32]);
        key_file::random(path, &mut *seed)?;
        let wallet = Self::from_seed(&seed);
        key_file::create(path, passphrase, &wallet.address, &seed)?;
        Ok(wallet)
    }

    /// The address of the wallet in a file, for which no passphrase is needed. `WalletCorrupt` or
    /// `WalletFile`.
    pub fn address_of(path: impl AsRef<Path>) -> Result<Address, ChainError> {
        key_file::address(path.as_ref())
    }

    /// Opens the wallet in a file; blocking as [`Wallet::create`]. `WrongPassphrase`,
    /// `EmptyPassphrase`, `WalletCorrupt` or `WalletFile`.
    pub fn unlock(path: impl AsRef<Path>, passphrase: &str) -> Result<Self, ChainError> {
        let path = path.as_ref();
        if passphrase.is_empty() {
            return Err(ChainError::EmptyPassphrase);
        }
        let (address, seed) = key_file::open(path, passphrase)?;
        let wallet = Self::from_seed(&seed);
        if wallet.address != address {
            return Err(ChainError::WalletCorrupt {
                path: path.display().to_string(),
                reason: format!("its key belongs to {}, not {address}", wallet.address),
            });
        }
        Ok(wallet)
    }

    /// A key that anyone can derive from a name: for development chains, never for coins of worth.
    pub fn development(chain_id: &str, name: &str) -> Self {
        let material = format!("{}:{chain_id}{name}", chain_id.len());
        Self::from_seed(&blake3::derive_key(
            "synor development key v1",
            material.as_bytes(),
        ))
    }

    /// The address that receives for this wallet.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Signs a transfer of `amount` soma. `BadAddress`, `AmountZero` or `MemoTooLong`.
    pub fn sign_transfer(
        &self,
        chain_id: &str,
        nonce: u64,
        to: &Address,
        amount: Soma,
        memo: &str,
    ) -> Result<SignedTransaction, ChainError> {
        let payload = Payload::Transfer {
            to: to.clone(),
            amount,
            memo: memo.to_owned(),
        };
        self.sign(chain_id, nonce, payload)
    }

    /// Signs a grant under which `spender` may charge this wallet, at most `max_per_charge` soma
    /// at once and `allowance` soma in all. It replaces an earlier one; zero revokes it.
    /// `BadAddress` or `AmountZero`.
    pub fn sign_grant(
        &self,
        chain_id: &str,
        nonce: u64,
        spender: &Address,
        max_per_charge: Soma,
        allowance: Soma,
    ) -> Result<SignedTransaction, ChainError> {
        let payload = Payload::Grant {
            spender: spender.clone(),
            max_per_charge,
            allowance,
        };
        self.sign(chain_id, nonce, payload)
    }

    /// Signs a charge of `amount` soma to `owner`, who granted this wallet at least that.
    /// `BadAddress`, `AmountZero` or `MemoTooLong`.
    pub fn sign_charge(
        &self,
        chain_id: &str,
        nonce: u64,
        owner: &Address,
        to: &Address,
        amount: Soma,
        memo: &str,
    ) -> Result<SignedTransaction, ChainError> {
        let (owner, to, memo) = (owner.clone(), to.clone(), memo.to_owned());
        self.sign(
            chain_id,
            nonce,
            Payload::Charge {
                owner,
                to,
                amount,
                memo,
            },
        )
    }

    /// Signs anything the chain understands, after checking it.
    pub fn sign(
        &self,
        chain_id: &str,
        nonce: u64,
        payload: Payload,
    ) -> Result<SignedTransaction, ChainError> {
        payload.check()?;
        let public_key = self.key.verifying_key().to_bytes();
        let bytes = SignedTransaction::signing_bytes(chain_id, &payload, nonce, &public_key);
        let signature = self.key.sign(&bytes).to_bytes();
        Ok(SignedTransaction {
            chain_id: chain_id.to_owned(),
            payload,
            nonce,
            public_key,
            signature,
        })
    }

    fn from_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        Self {
            address: address_of(&key.verifying_key().to_bytes()),
            key,
        }
    }
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wallet")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
