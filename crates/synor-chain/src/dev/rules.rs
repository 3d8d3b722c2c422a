//! The rules of the chain, without any storage: what a transaction does to the accounts it touches.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::{Deserialize, Serialize};
use synor_economics::id::Address;

use crate::{ChainError, Payload, SignedTransaction, Soma};

/// The bounds of a grant as they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bounds {
    pub max_per_charge: Soma,
    pub remaining: Soma,
}

/// An owner and the spender it granted something.
pub(super) type GrantKey = (Address, Address);

/// A value, and what it was before the block that is being made.
#[derive(Debug, Clone)]
pub(super) struct Tracked<T> {
    pub before: T,
    pub now: T,
}

impl<T: Clone> Tracked<T> {
    fn unchanged(value: T) -> Self {
        Self {
            before: value.clone(),
            now: value,
        }
    }
}

/// The accounts that the transactions of one block touch. Values are gathered into it before
/// [`Accounts::execute`] decides on them.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    pub balances: HashMap<Address, Tracked<Soma>>,
    pub nonces: HashMap<Address, Tracked<u64>>,
    pub grants: HashMap<GrantKey, Tracked<Option<Bounds>>>,
}

/// Where [`Accounts`] gets the values it does not have yet.
pub(super) trait Source {
    fn balance(&self, address: &Address) -> Result<Soma, ChainError>;
    fn nonce(&self, address: &Address) -> Result<u64, ChainError>;
    fn bounds(&self, key: &GrantKey) -> Result<Option<Bounds>, ChainError>;
}

impl Accounts {
    /// Gathers everything that executing `tx` reads.
    pub fn gather(
        &mut self,
        tx: &SignedTransaction,
        source: &impl Source,
    ) -> Result<(), ChainError> {
        let sender = tx.sender();
        self.gather_nonce(&sender, source)?;
        match &tx.payload {
            Payload::Transfer { to, .. } => {
                self.gather_balance(&sender, source)?;
                self.gather_balance(to, source)
            }
            Payload::Grant { spender, .. } => self.gather_grant((sender, spender.clone()), source),
            Payload::Charge { owner, to, .. } => {
                self.gather_balance(owner, source)?;
                self.gather_balance(to, source)?;
                self.gather_grant((owner.clone(), sender), source)
            }
        }
    }

    /// Gathers and returns the next nonce of an address.
    pub fn gather_nonce(
        &mut self,
        address: &Address,
        source: &impl Source,
    ) -> Result<u64, ChainError> {
        if let Some(nonce) = self.nonces.get(address) {
            return Ok(nonce.now);
        }
        let nonce = source.nonce(address)?;
        self.nonces
            .insert(address.clone(), Tracked::unchanged(nonce));
        Ok(nonce)
    }

    pub fn gather_balance(
        &mut self,
        address: &Address,
        source: &impl Source,
    ) -> Result<(), ChainError> {
        if !self.balances.contains_key(address) {
            let balance = source.balance(address)?;
            self.balances
                .insert(address.clone(), Tracked::unchanged(balance));
        }
        Ok(())
    }

    fn gather_grant(&mut self, key: GrantKey, source: &impl Source) -> Result<(), ChainError> {
        if let Entry::Vacant(vacant) = self.grants.entry(key) {
            let bounds = source.bounds(vacant.key())?;
            vacant.insert(Tracked::unchanged(bounds));
        }
        Ok(())
    }

    /// Executes a transaction whose accounts were gathered and whose nonce is the next: all of it,
    /// or on an error none of it.
    pub fn execute(&mut self, tx: &SignedTransaction) -> Result<(), ChainError> {
        let sender = tx.sender();
        match &tx.payload {
            Payload::Transfer { to, amount, .. } => self.move_coins(&sender, to, *amount)?,
            Payload::Grant {
                spender,
                max_per_charge,
                allowance,
            } => {
                let bounds = (!allowance.is_zero()).then_some(Bounds {
                    max_per_charge: *max_per_charge,
                    remaining: *allowance,
                });
                let key = (sender.clone(), spender.clone());
                self.grants
                    .get_mut(&key)
                    .ok_or_else(|| not_gathered(spender))?
                    .now = bounds;
            }
            Payload::Charge {
                owner, to, amount, ..
            } => {
                let key = (owner.clone(), sender.clone());
                let bounds = self.grants.get(&key).and_then(|grant| grant.now);
                let left = bounds_after(owner, &sender, bounds, *amount)?;
                self.move_coins(owner, to, *amount)?;
                self.grants
                    .get_mut(&key)
                    .ok_or_else(|| not_gathered(owner))?
                    .now = Some(left);
            }
        }
        self.use_nonce(&sender)
    }

    /// Uses up the sender's nonce, as a failed transaction also does.
    pub fn use_nonce(&mut self, sender: &Address) -> Result<(), ChainError> {
        let nonce = self
            .nonces
            .get_mut(sender)
            .ok_or_else(|| not_gathered(sender))?;
        nonce.now = nonce.now.checked_add(1).ok_or(ChainError::AmountOverflow)?;
        Ok(())
    }

    /// The change of each account's balance must cancel out over the block.
    pub fn check_conservation(&self) -> Result<(), ChainError> {
        let mut before = 0u128;
        let mut now = 0u128;
        for balance in self.balances.values() {
            before = before.saturating_add(balance.before.soma().into());
            now = now.saturating_add(balance.now.soma().into());
        }
        if before == now {
            return Ok(());
        }
        Err(ChainError::Inconsistent {
            what: format!("a block turns {before} soma into {now}"),
        })
    }

    fn move_coins(&mut self, from: &Address, to: &Address, amount: Soma) -> Result<(), ChainError> {
        let available = self
            .balances
            .get(from)
            .ok_or_else(|| not_gathered(from))?
            .now;
        let left = available
            .checked_sub(amount)
            .map_err(|_| ChainError::InsufficientBalance {
                address: from.clone(),
                available,
                required: amount,
            })?;
        if from == to {
            return Ok(());
        }
        let receiver = self.balances.get_mut(to).ok_or_else(|| not_gathered(to))?;
        receiver.now = receiver.now.checked_add(amount)?;
        self.balances
            .get_mut(from)
            .ok_or_else(|| not_gathered(from))?
            .now = left;
        Ok(())
    }
}

fn bounds_after(
    owner: &Address,
    spender: &Address,
    bounds: Option<Bounds>,
    amount: Soma,
) -> Result<Bounds, ChainError> {
    let Some(bounds) = bounds else {
        return Err(ChainError::NoGrant {
            owner: owner.clone(),
            spender: spender.clone(),
        });
    };
    let exceeded = || ChainError::GrantExceeded {
        amount,
        max_per_charge: bounds.max_per_charge,
        remaining: bounds.remaining,
    };
    if amount > bounds.max_per_charge {
        return Err(exceeded());
    }
    let remaining = bounds
        .remaining
        .checked_sub(amount)
        .map_err(|_| exceeded())?;
    Ok(Bounds {
        remaining,
        ..bounds
    })
}

fn not_gathered(address: &Address) -> ChainError {
    ChainError::Inconsistent {
        what: format!("{address} was not gathered before it was used"),
    }
}
