//! The journal, entry by entry as it grows.

use std::collections::BTreeMap;

use synor_economics::billing::LedgerAccount;
use synor_economics::money::MicroSynor;
use synor_store::Store;

use crate::life::Broken;

/// How far the journal was followed, and what it adds up to.
#[derive(Debug, Default)]
pub struct Followed {
    after: u64,
    balances: BTreeMap<LedgerAccount, i128>,
}

impl Followed {
    /// Looks at what is new.
    pub async fn follow(&mut self, book: &dyn Store) -> Result<(), Broken> {
        let lines = book.journal(self.after, usize::MAX);
        let mut moved = Vec::new();
        for line in lines.await.map_err(Broken::setup)? {
            self.after += 1;
            if line.sequence != self.after {
                let what = format!("entry {} stands at place {}", line.sequence, self.after);
                return Err(Broken::new(what));
            }
            let postings = line.entry.postings.iter();
            let sum: i128 = postings
                .map(|p| i128::from(p.amount_micro_synor.micro()))
                .sum();
            if sum != 0 {
                let what = format!("entry {} sums to {sum}", line.sequence);
                return Err(Broken::new(what));
            }
            for posting in line.entry.postings {
                let balance = self.balances.entry(posting.account.clone()).or_default();
                *balance += i128::from(posting.amount_micro_synor.micro());
                moved.push(posting.account);
            }
        }
        for account in moved {
            let sum = self.balances.get(&account).copied().unwrap_or_default();
            let kept: MicroSynor = book.balance(&account).await.map_err(Broken::setup)?;
            if i128::from(kept.micro()) != sum {
                let what = format!("{account}: the balance is {kept}, its entries sum to {sum}");
                return Err(Broken::new(what));
            }
            if account.is_wallet() && sum > 0 {
                return Err(Broken::new(format!("{account} is overdrawn by {sum}")));
            }
        }
        Ok(())
    }
}
