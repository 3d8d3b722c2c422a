//! Promo codes: making them, and redeeming them within their limits however many try at once.

use synor_economics::id::AccountId;
use synor_economics::period::Month;
use synor_economics::pricing::promotion::{PromoCode, Promotion, Redemption};
use synor_store::{ChangeSet, Kind, ListQuery, Scope, StoreError};

use crate::credits::scope_of;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Makes a promo code; refuses one that exists.
    pub async fn create_promotion(&self, new: Promotion) -> Result<Promotion, EngineError> {
        let promotion = Promotion { redeemed: 0, ..new };
        promotion.check()?;
        let scope = Scope::Promotion(promotion.code.to_string());
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let id = promotion.code.to_string();
            if self.store.get::<Promotion>(&id).await?.is_some() {
                return Err(StoreError::Exists {
                    kind: "promo code",
                    id,
                }
                .into());
            }
            let mut changes = ChangeSet::new(Self::fresh_command("promotion"), self.now());
            changes.expect(scope.clone(), version).put(&promotion)?;
            self.commit(changes).await?;
            Ok(promotion.clone())
        })
        .await
    }

    /// All promo codes, by their start.
    pub async fn promotions(&self) -> Result<Vec<Promotion>, EngineError> {
        Ok(self
            .store
            .list(ListQuery::all(Kind::Promotion))
            .await?
            .items)
    }

    /// Redeems a code for an account, from the running month on; if that has been billed, from the
    /// month after the last billed one on.
    pub async fn redeem(
        &self,
        account: &AccountId,
        code: &PromoCode,
    ) -> Result<Redemption, EngineError> {
        let scope = Scope::Promotion(code.to_string());
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let of_account = scope_of(account);
            let account_version = self.store.version(&of_account).await?;
            let owner = self.account(account).await?;
            let found: Option<Promotion> = self.store.get(code.as_str()).await?;
            let mut promotion = found.ok_or_else(|| EngineError::NotFound {
                what: "promo code",
                id: code.to_string(),
            })?;
            let before: Option<Redemption> = self.store.get(&format!("{account}/{code}")).await?;
            let running = Month::containing(self.now(), &owner.time_zone)?;
            let billed = self
                .invoices_of(account)
                .await?
                .iter()
                .map(|i| i.month)
                .max();
            let first = match billed {
                Some(billed) if billed >= running => billed.next()?,
                _ => running,
            };
            let redemption = promotion.redeem(account, before.is_some(), first, self.now())?;
            let mut changes = ChangeSet::new(Self::fresh_command("redeem"), self.now());
            changes
                .expect(scope.clone(), version)
                .expect(of_account, account_version)
                .put(&promotion)?
                .put(&redemption)?;
            self.commit(changes).await?;
            Ok(redemption)
        })
        .await
    }

    /// What an account has redeemed.
    pub async fn redemptions(&self, account: &AccountId) -> Result<Vec<Redemption>, EngineError> {
        Ok(self
            .store
            .list(ListQuery::of(Kind::Redemption, account))
            .await?
            .items)
    }
}
