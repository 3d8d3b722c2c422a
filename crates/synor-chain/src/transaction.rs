//! What can be asked of the chain, and the signature that makes it binding.

use serde::{Deserialize, Serialize};
use synor_economics::id::{Address, TxId};

use crate::address::{address_of, check_address};
use crate::{ChainError, Soma};

/// The longest memo, in bytes of UTF-8.
pub const MEMO_MAX_BYTES: usize = 256;

/// The first bytes of everything that is signed, so that no signature made for something else can
/// pass for a transaction.
const SIGNING_TAG: &[u8] = b"synor transaction v1";

/// What a transaction does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Payload {
    /// Moves the signer's coins.
    Transfer {
        /// Who receives.
        to: Address,
        /// How much, in soma.
        amount: Soma,
        /// A reference for the receiver, at most [`MEMO_MAX_BYTES`].
        memo: String,
    },
    /// Lets `spender` charge the signer, within bounds. It replaces the signer's earlier grant to
    /// the same spender; an allowance of zero revokes it.
    Grant {
        /// Who may charge.
        spender: Address,
        /// The most one charge may take, in soma.
        max_per_charge: Soma,
        /// The most all charges together may take, in soma.
        allowance: Soma,
    },
    /// Moves the owner's coins within the grant that the owner gave the signer.
    Charge {
        /// Whose coins.
        owner: Address,
        /// Who receives.
        to: Address,
        /// How much, in soma.
        amount: Soma,
        /// A reference for the receiver, at most [`MEMO_MAX_BYTES`].
        memo: String,
    },
}

/// A transaction as it is sent: signed with ed25519 over [`SignedTransaction::signing_bytes`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedTransaction {
    /// The chain it is meant for; it is not valid on another.
    pub chain_id: String,
    /// What it does.
    pub payload: Payload,
    /// The sender's transactions are executed in the order of their nonces: 0, 1, 2 …
    pub nonce: u64,
    /// The ed25519 key whose address is the sender; 64 hex digits on the wire.
    #[serde(with = "hex::serde")]
    pub public_key: [u8; 32],
    /// The signature; 128 hex digits on the wire.
    #[serde(with = "hex::serde")]
    pub signature: [u8; 64],
}

/// A movement of coins as a transaction states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Whose coins; for a charge the owner, not the spender.
    pub from: Address,
    /// Who receives.
    pub to: Address,
    /// How much, in soma; zero for a grant.
    pub amount: Soma,
    /// The reference.
    pub memo: String,
    /// The signer's nonce.
    pub nonce: u64,
}

/// What an owner lets a spender charge, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Whose coins.
    pub owner: Address,
    /// Who may charge.
    pub spender: Address,
    /// The most one charge may take, in soma.
    pub max_per_charge: Soma,
    /// What all further charges together may still take, in soma.
    pub remaining: Soma,
}

impl SignedTransaction {
    /// The bytes that are signed. Every part is preceded by its length, so no two transactions
    /// have the same bytes.
    pub fn signing_bytes(
        chain_id: &str,
        payload: &Payload,
        nonce: u64,
        public_key: &[u8; 32],
    ) -> Vec<u8> {
        let nonce = nonce.to_be_bytes();
        let mut parts: Vec<&[u8]> = vec![SIGNING_TAG, chain_id.as_bytes(), public_key, &nonce];
        let (first, second);
        match payload {
            Payload::Transfer { to, amount, memo } => {
                first = amount.soma().to_be_bytes();
                parts.extend([
                    b"transfer".as_slice(),
                    to.as_str().as_bytes(),
                    &first,
                    memo.as_bytes(),
                ]);
            }
            Payload::Grant {
                spender,
                max_per_charge,
                allowance,
            } => {
                first = max_per_charge.soma().to_be_bytes();
                second = allowance.soma().to_be_bytes();
                parts.extend([
                    b"grant".as_slice(),
                    spender.as_str().as_bytes(),
                    &first,
                    &second,
                ]);
            }
            Payload::Charge {
                owner,
                to,
                amount,
                memo,
            } => {
                first = amount.soma().to_be_bytes();
                parts.extend([
                    b"charge".as_slice(),
                    owner.as_str().as_bytes(),
                    to.as_str().as_bytes(),
                    &first,
                    memo.as_bytes(),
                ]);
            }
        }
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part);
        }
        bytes
    }

    /// The hash of the signed bytes, 64 hex digits. It does not depend on the signature, so signing
    /// the same thing twice is still one transaction.
    pub fn tx_id(&self) -> TxId {
        let hash = blake3::hash(&self.bytes()).to_hex();
        hash.as_str()
            .parse()
            .expect("64 hex digits are a transaction id")
    }

    /// The address of the key that signed.
    pub fn sender(&self) -> Address {
        address_of(&self.public_key)
    }

    /// The movement it states: for a charge from the owner, for a grant nothing to the spender.
    pub fn transfer(&self) -> Transfer {
        let nonce = self.nonce;
        match &self.payload {
            Payload::Transfer { to, amount, memo } => Transfer {
                from: self.sender(),
                to: to.clone(),
                amount: *amount,
                memo: memo.clone(),
                nonce,
            },
            Payload::Grant { spender, .. } => Transfer {
                from: self.sender(),
                to: spender.clone(),
                amount: Soma::ZERO,
                memo: String::new(),
                nonce,
            },
            Payload::Charge {
                owner,
                to,
                amount,
                memo,
            } => Transfer {
                from: owner.clone(),
                to: to.clone(),
                amount: *amount,
                memo: memo.clone(),
                nonce,
            },
        }
    }

    /// Everything that can be checked without knowing the chain's state: that it is meant for
    /// `chain_id`, its addresses, amounts and memo, and last, being the dearest, its signature.
    pub fn check(&self, chain_id: &str) -> Result<(), ChainError> {
        if self.chain_id != chain_id {
            return Err(ChainError::WrongChain {
                expected: chain_id.to_owned(),
                found: self.chain_id.clone(),
            });
        }
        self.payload.check()?;
        ed25519_dalek::VerifyingKey::from_bytes(&self.public_key)
            .and_then(|key| {
                let signature = ed25519_dalek::Signature::from_bytes(&self.signature);
                // Strict, so that nobody can turn a valid signature into another valid one.
                key.verify_strict(&self.bytes(), &signature)
            })
            .map_err(|_| ChainError::BadSignature { tx: self.tx_id() })
    }

    fn bytes(&self) -> Vec<u8> {
        Self::signing_bytes(&self.chain_id, &self.payload, self.nonce, &self.public_key)
    }
}

impl Payload {
    /// Checks addresses, amounts and memo. `BadAddress`, `AmountZero` or `MemoTooLong`.
    pub fn check(&self) -> Result<(), ChainError> {
        let zero = match self {
            Self::Transfer { to, amount, memo } => {
                check_address(to)?;
                check_memo(memo)?;
                amount.is_zero()
            }
            Self::Grant {
                spender,
                max_per_charge,
                allowance,
            } => {
                check_address(spender)?;
                // Without the exception for revocation, a grant under which nothing can be charged
                // would look like one that can.
                max_per_charge.is_zero() && !allowance.is_zero()
            }
            Self::Charge {
                owner,
                to,
                amount,
                memo,
            } => {
                check_address(owner)?;
                check_address(to)?;
                check_memo(memo)?;
                amount.is_zero()
            }
        };
        if zero {
            Err(ChainError::AmountZero)
        } else {
            Ok(())
        }
    }
}

fn check_memo(memo: &str) -> Result<(), ChainError> {
    if memo.len() > MEMO_MAX_BYTES {
        return Err(ChainError::MemoTooLong {
            bytes: memo.len(),
            max: MEMO_MAX_BYTES,
        });
    }
    Ok(())
}
