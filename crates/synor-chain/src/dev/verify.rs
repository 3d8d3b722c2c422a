//! The whole chain recomputed from its genesis, to compare with what the tables say.

use std::collections::BTreeMap;

use super::node::{Node, check_supply};
use super::rules::{Accounts, Bounds, GrantKey, Source};
use super::tables::{self, Doing, Status, unsigned};
use crate::{ChainError, Soma, Wallet};
use synor_economics::id::Address;

/// The state before the first block.
struct Genesis {
    faucet: Address,
    supply: Soma,
}

impl Source for Genesis {
    fn balance(&self, address: &Address) -> Result<Soma, ChainError> {
        Ok(if *address == self.faucet {
            self.supply
        } else {
            Soma::ZERO
        })
    }
    fn nonce(&self, _: &Address) -> Result<u64, ChainError> {
        Ok(0)
    }
    fn bounds(&self, _: &GrantKey) -> Result<Option<Bounds>, ChainError> {
        Ok(None)
    }
}

impl Node {
    /// Executes every transaction of every block again and compares; `Inconsistent` names the first
    /// account that differs.
    pub fn verify(&self) -> Result<(), ChainError> {
        check_supply(&self.db)?;
        let supply = tables::meta_integer(&self.db, "supply")?.map_or(Ok(0), unsigned)?;
        let genesis = Genesis {
            faucet: Wallet::development(&self.config.chain_id, "faucet")
                .address()
                .clone(),
            supply: Soma::new(supply),
        };
        let mut accounts = Accounts::default();
        accounts.gather_balance(&genesis.faucet, &genesis)?;
        let in_blocks =
            "FROM transactions t WHERE t.height IS NOT NULL ORDER BY t.height, t.position";
        for row in tables::transactions(&self.db, in_blocks, [])? {
            let sender = row.tx.sender();
            row.tx.check(&self.config.chain_id)?;
            accounts.gather(&row.tx, &genesis)?;
            let next = accounts.gather_nonce(&sender, &genesis)?;
            let failed = row.tx.nonce != next || accounts.execute(&row.tx).is_err();
            if failed && row.tx.nonce == next {
                accounts.use_nonce(&sender)?;
            }
            if failed != (row.status == Status::Failed) {
                let what = format!("transaction {} has another outcome on replay", row.id);
                return Err(ChainError::Inconsistent { what });
            }
        }
        self.compare(&accounts)
    }

    fn compare(&self, replayed: &Accounts) -> Result<(), ChainError> {
        let balances = replayed
            .balances
            .iter()
            .map(|(a, b)| (a.to_string(), b.now.soma()));
        self.compare_table(
            "balance",
            "SELECT address, CAST(soma AS TEXT) FROM balances",
            balances
                .filter(|(_, soma)| *soma > 0)
                .map(|(a, soma)| (a, soma.to_string()))
                .collect(),
        )?;
        let nonces = replayed.nonces.iter().map(|(a, n)| (a.to_string(), n.now));
        self.compare_table(
            "nonce",
            "SELECT address, CAST(next AS TEXT) FROM nonces",
            nonces
                .filter(|(_, next)| *next > 0)
                .map(|(a, next)| (a, next.to_string()))
                .collect(),
        )?;
        let grants = replayed.grants.iter().filter_map(|((owner, spender), g)| {
            let bounds = g.now?;
            let (max, left) = (bounds.max_per_charge.soma(), bounds.remaining.soma());
            Some((format!("{owner} {spender}"), format!("{max} {left}")))
        });
        self.compare_table(
            "grant",
            "SELECT owner || ' ' || spender, max_per_charge || ' ' || remaining FROM grants",
            grants.collect(),
        )
    }

    fn compare_table(
        &self,
        what: &str,
        sql: &str,
        replayed: BTreeMap<String, String>,
    ) -> Result<(), ChainError> {
        let stored: BTreeMap<String, String> = self
            .db
            .prepare(sql)
            .and_then(|mut s| {
                s.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            })
            .doing("reading the accounts")?;
        let differs = replayed
            .iter()
            .find(|(key, value)| stored.get(*key) != Some(value))
            .or_else(|| stored.iter().find(|(key, _)| !replayed.contains_key(*key)));
        let Some((key, _)) = differs else {
            return Ok(());
        };
        let (kept, should) = (stored.get(key), replayed.get(key));
        Err(ChainError::Inconsistent {
            what: format!("the {what} of {key} is {kept:?}, recomputed {should:?}"),
        })
    }
}
