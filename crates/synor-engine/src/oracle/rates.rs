//! The rates that prices in USD are billed at: found once for each period's end, kept for ever, and
//! refused rather than guessed.

use std::sync::Arc;

use synor_economics::billing::BillError;
use synor_economics::money::Exact;
use synor_economics::oracle::rate::RATE_WINDOW_SECS;
use synor_economics::oracle::{Price, RateOrigin, UsdRate};
use synor_economics::period::{Month, Period, Timestamp};
use synor_economics::pricing::{PriceList, PricingError};
use synor_store::{ChangeSet, Kind, ListQuery, PeriodRate, Scope};

use crate::engine::Engine;
use crate::error::EngineError;

/// A rate that an operator sets for a month.
#[derive(Debug, Clone)]
pub struct NewRate {
    /// Which month, in all time zones.
    pub month: Month,
    /// USD for one SYNOR.
    pub usd_per_synor: Price,
    /// Why.
    pub reason: String,
}

/// Price lists with their prices in USD at a rate, as far as there is one.
#[derive(Debug, Clone)]
pub(crate) struct PricedLists {
    pub(crate) lists: Arc<Vec<PriceList>>,
    /// The rate, if a list of the period needed one.
    pub(crate) rate: Option<UsdRate>,
    /// Why there is none, if a list needed one. Such a list prices nothing.
    missing: Option<MissingRate>,
}

/// A month that has no rate, and why.
type MissingRate = (Month, String);

impl PricedLists {
    /// The error with what to do, if it is for want of a rate.
    pub(crate) fn explain(&self, error: EngineError) -> EngineError {
        let lacks_rate = matches!(
            error,
            EngineError::Pricing(PricingError::NoRate { .. })
                | EngineError::Bill(BillError::Pricing(PricingError::NoRate { .. }))
        );
        match &self.missing {
            Some((month, reason)) if lacks_rate => EngineError::NoRate {
                month: *month,
                reason: reason.clone(),
            },
            _ => error,
        }
    }
}

impl Engine {
    /// The price lists for billing a month: at its recorded rate, or, while it runs, at the price of
    /// the moment.
    pub(crate) async fn priced_lists(
        &self,
        month: Month,
        period: Period,
    ) -> Result<PricedLists, EngineError> {
        let lists = self.price_lists();
        // Lists are in order of their effective dates: the last one before the period, and those in it.
        let opening = lists
            .iter()
            .rposition(|l| l.effective_from <= period.start());
        let inside = lists.iter().skip(opening.unwrap_or(0));
        let mut inside = inside.take_while(|l| l.effective_from < period.end());
        if !inside.any(PriceList::needs_rate) {
            return Ok(PricedLists {
                lists,
                rate: None,
                missing: None,
            });
        }
        match self.rate_for(month, period.end()).await {
            Ok(rate) => Ok(PricedLists {
                lists: at_rate(&lists, rate.exact())?,
                rate: Some(rate),
                missing: None,
            }),
            Err(EngineError::NoRate { month, reason }) => Ok(PricedLists {
                lists,
                rate: None,
                missing: Some((month, reason)),
            }),
            Err(error) => Err(error),
        }
    }

    /// The price lists that an invoice was made by.
    pub(crate) fn lists_at(
        &self,
        rate: Option<&UsdRate>,
    ) -> Result<Arc<Vec<PriceList>>, EngineError> {
        let lists = self.price_lists();
        match rate {
            Some(rate) => at_rate(&lists, rate.exact()),
            None => Ok(lists),
        }
    }

    /// These lists at a rate that is stated, or else at what a month's usage would be billed at; as
    /// they are if there is no rate.
    pub(crate) async fn estimated_lists(
        &self,
        lists: Arc<Vec<PriceList>>,
        stated: Option<Exact>,
        month: Option<(Month, Timestamp)>,
    ) -> Result<Arc<Vec<PriceList>>, EngineError> {
        if !lists.iter().any(PriceList::needs_rate) {
            return Ok(lists);
        }
        if let Some(rate) = stated {
            return at_rate(&lists, rate);
        }
        let rate = match month {
            Some((month, end)) => self.rate_for(month, end).await,
            None => self.spot_rate().await,
        };
        match rate {
            Ok(rate) => at_rate(&lists, rate.exact()),
            Err(EngineError::NoRate { .. } | EngineError::NoOracle) => Ok(lists),
            Err(error) => Err(error),
        }
    }

    /// The rate of a month that ends at `end`: the period's, or the moment's while it runs.
    async fn rate_for(&self, month: Month, end: Timestamp) -> Result<UsdRate, EngineError> {
        if let Some(set) = self.stored_rate(month, None).await? {
            return Ok(set.rate);
        }
        if self.now() < end {
            return match self.spot_rate().await {
                Err(EngineError::NoOracle) => Err(no_oracle(month)),
                rate => rate,
            };
        }
        self.period_rate(month, end).await
    }

    /// The rate of a month that ended at `end`, found once and kept.
    async fn period_rate(&self, month: Month, end: Timestamp) -> Result<UsdRate, EngineError> {
        if let Some(stored) = self.stored_rate(month, Some(end)).await? {
            return Ok(stored.rate);
        }
        let Some(oracle) = &self.oracle else {
            return Err(no_oracle(month));
        };
        let hold_secs = oracle.breaker.hold_secs;
        let from = end.plus_secs(-RATE_WINDOW_SECS).plus_secs(-hold_secs);
        self.decide(&Scope::Oracle, || async {
            let version = self.store.version(&Scope::Oracle).await?;
            // A rate may have been set or found meanwhile.
            for at in [None, Some(end)] {
                if let Some(stored) = self.stored_rate(month, at).await? {
                    return Ok(stored.rate);
                }
            }
            let points = self.oracle_points(from, end).await?;
            let rate = UsdRate::of_period(&points, end, hold_secs, self.now());
            let rate = rate.map_err(|error| EngineError::NoRate {
                month,
                reason: error.to_string(),
            })?;
            let record = PeriodRate {
                month,
                period_end: Some(end),
                rate: rate.clone(),
            };
            let command = format!("period rate/{}", PeriodRate::id(month, Some(end)));
            let mut changes = ChangeSet::new(command, self.now());
            changes.expect(Scope::Oracle, version).put(&record)?;
            self.store.commit(changes).await?;
            Ok(rate)
        })
        .await
    }

    /// The rate of the moment, for what is not billed yet.
    pub(crate) async fn spot_rate(&self) -> Result<UsdRate, EngineError> {
        let oracle = self.oracle()?;
        let now = self.now();
        let standing = self
            .oracle_state()
            .await?
            .breaker
            .standing(now, &oracle.breaker);
        match standing.usable() {
            Some(good) => Ok(UsdRate::spot(good.price_usd, good.at, now)),
            None => {
                let month = Month::containing(now, &synor_economics::period::Zone::utc())?;
                let reason = match standing {
                    synor_economics::oracle::Standing::Refused { tripped } => {
                        tripped.trip.to_string()
                    }
                    _ => "there is no price".to_owned(),
                };
                Err(EngineError::NoRate { month, reason })
            }
        }
    }

    /// Sets a month's rate by an operator's word, before anything was billed at another.
    pub async fn set_rate(&self, new: NewRate) -> Result<PeriodRate, EngineError> {
        check_reason(&new.reason)?;
        self.decide(&Scope::Oracle, || async {
            let version = self.store.version(&Scope::Oracle).await?;
            let known = self.period_rates().await?;
            let month = new.month;
            if let Some(known) = known.iter().find(|known| known.month == month) {
                if known.rate.usd_per_synor == new.usd_per_synor && known.period_end.is_none() {
                    return Ok(known.clone());
                }
                return Err(EngineError::RateExists {
                    month,
                    rate: known.rate.usd_per_synor,
                });
            }
            let now = self.now();
            let record = PeriodRate {
                month,
                period_end: None,
                rate: UsdRate {
                    usd_per_synor: new.usd_per_synor.as_rate(),
                    decided_at: now,
                    origin: RateOrigin::Manual {
                        reason: new.reason.clone(),
                    },
                },
            };
            let mut changes = ChangeSet::new(Self::fresh_command("set rate"), now);
            changes.expect(Scope::Oracle, version).put(&record)?;
            self.store.commit(changes).await?;
            Ok(record)
        })
        .await
    }

    /// All rates of periods, in the order in which they were decided.
    pub async fn period_rates(&self) -> Result<Vec<PeriodRate>, EngineError> {
        Ok(self
            .store
            .list(ListQuery::all(Kind::PeriodRate))
            .await?
            .items)
    }

    async fn stored_rate(
        &self,
        month: Month,
        end: Option<Timestamp>,
    ) -> Result<Option<PeriodRate>, EngineError> {
        Ok(self.store.get(&PeriodRate::id(month, end)).await?)
    }
}

fn at_rate(lists: &[PriceList], rate: Exact) -> Result<Arc<Vec<PriceList>>, EngineError> {
    let lists = lists.iter().map(|list| list.at_rate(rate));
    Ok(Arc::new(lists.collect::<Result<_, _>>()?))
}

fn no_oracle(month: Month) -> EngineError {
    EngineError::NoRate {
        month,
        reason: "no oracle is configured".to_owned(),
    }
}

pub(super) fn check_reason(reason: &str) -> Result<(), EngineError> {
    let fits = (1..=500).contains(&reason.trim().len()) && !reason.chars().any(char::is_control);
    fits.then_some(()).ok_or_else(|| EngineError::Invalid {
        field: "reason",
        reason: "say why, in 1 to 500 characters on one line".to_owned(),
    })
}
