//! Verification of the market: every interval is decided again from the book, and what each
//! account holds must follow from it.

use std::collections::BTreeMap;

use synor_economics::pricing::spot::{Ask, Bid, Holding, Market, Round};
use synor_store::{Kind, ListQuery, SpotAsk, SpotBid, SpotClearing};

use super::clear::decided;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::verify::Verification;

/// How many decisions are read from the store at a time; each holds a whole book.
const CLEARINGS_PAGE: usize = 16;

impl Engine {
    /// Notes every decision that its book does not lead to, and everything held that no decision
    /// gave.
    pub(crate) async fn check_spot(&self, found: &mut Verification) -> Result<(), EngineError> {
        let mut books: BTreeMap<Market, (Vec<Ask>, Vec<Bid>)> = BTreeMap::new();
        for order in self.all_sound::<SpotAsk>(found).await? {
            let book = books.entry(order.ask.market.clone()).or_default();
            book.0.push(order.ask);
        }
        for order in self.all_sound::<SpotBid>(found).await? {
            let book = books.entry(order.bid.market.clone()).or_default();
            book.1.push(order.bid);
        }
        let mut held: BTreeMap<_, _> = self
            .all_sound::<Holding>(found)
            .await?
            .into_iter()
            .map(|h| ((h.market.clone(), h.interval, h.account.clone()), h))
            .collect();
        let mut after = None;
        loop {
            let query = ListQuery {
                after,
                limit: CLEARINGS_PAGE,
                ..ListQuery::all(Kind::SpotClearing)
            };
            let page = match self.store.list::<SpotClearing>(query).await {
                Ok(page) => page,
                Err(error @ synor_store::StoreError::Corrupt { .. }) => {
                    found.problems.push(error.to_string());
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
            for stored in page.items {
                let clearing = &stored.clearing;
                let name = format!("{} from {}", clearing.market, clearing.interval.start());
                let (asks, bids) = books.entry(clearing.market.clone()).or_default();
                let again = self.decided_again(&stored, asks, bids).await;
                match again {
                    Ok(again) if again == stored => {}
                    Ok(_) => found
                        .problems
                        .push(format!("{name}: the book does not lead to its decision")),
                    Err(error) => found.problems.push(format!("{name}: {error}")),
                }
                for due in clearing.holdings()? {
                    let key = (due.market.clone(), due.interval, due.account.clone());
                    if held.remove(&key).as_ref() != Some(&due) {
                        let account = &due.account;
                        found.problems.push(format!(
                            "{name}: what {account} holds is not what was decided"
                        ));
                    }
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        for (market, interval, account) in held.into_keys() {
            let start = interval.start();
            found.problems.push(format!(
                "{market} from {start}: {account} holds what nothing decided"
            ));
        }
        Ok(())
    }

    async fn decided_again(
        &self,
        stored: &SpotClearing,
        asks: &[Ask],
        bids: &[Bid],
    ) -> Result<SpotClearing, EngineError> {
        let clearing = &stored.clearing;
        let round = Round::new(
            clearing.market.clone(),
            clearing.per.clone(),
            clearing.interval,
            stored.reserve_micro_synor,
        )?;
        let before = self
            .decided_before(&clearing.market, clearing.interval)
            .await?;
        decided(&round, asks, bids, before.as_ref(), stored.cleared_at)
    }
}
