//! Price lists in force: each version is kept for ever, so that what it priced can be worked out
//! again.

use std::sync::{Arc, PoisonError};

use synor_economics::billing::Invoice;
use synor_economics::pricing::PriceList;
use synor_store::{ChangeSet, Kind, ListQuery, PriceListRecord, Scope};

use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Puts a version in force from its effective date on. Putting the same one again changes
    /// nothing; the same version with other prices is refused.
    pub async fn put_price_list_in_force(&self, list: PriceList) -> Result<(), EngineError> {
        self.decide(&Scope::Settings, || async {
            let version = self.store.version(&Scope::Settings).await?;
            let known: Option<PriceListRecord> = self.store.get(&list.version).await?;
            match known {
                Some(known) if known.toml == list.text() => return Ok(()),
                Some(known) => {
                    return Err(EngineError::PriceListChanged {
                        version: known.version,
                    });
                }
                None => {}
            }
            let invoices: Vec<Invoice> =
                self.store.list(ListQuery::all(Kind::Invoice)).await?.items;
            let billed = invoices.iter().map(|i| i.period.end()).max();
            if let Some(end) = billed.filter(|end| list.effective_from < *end) {
                return Err(EngineError::PriceListBackDated {
                    version: list.version.clone(),
                    effective_from: list.effective_from,
                    end,
                });
            }
            let record = PriceListRecord {
                version: list.version.clone(),
                effective_from: list.effective_from,
                toml: list.text().to_owned(),
            };
            let mut changes = ChangeSet::new(Self::fresh_command("price list"), self.now());
            changes.expect(Scope::Settings, version).put(&record)?;
            self.commit(changes).await?;
            Ok(())
        })
        .await?;
        self.load_price_lists().await
    }

    async fn load_price_lists(&self) -> Result<(), EngineError> {
        let records: Vec<PriceListRecord> = self
            .store
            .list(ListQuery::all(Kind::PriceList))
            .await?
            .items;
        let lists = records
            .iter()
            .map(|r| PriceList::parse(&r.toml))
            .collect::<Result<Vec<_>, _>>()?;
        *self
            .price_lists
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(lists);
        Ok(())
    }

    /// All versions, in order of their effective dates.
    pub fn price_lists(&self) -> Arc<Vec<PriceList>> {
        Arc::clone(
            &self
                .price_lists
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}
