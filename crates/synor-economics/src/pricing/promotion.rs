//! Promotions: codes that customers redeem, within limits, for a number of invoices.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use super::discounts::{DiscountAmount, DiscountScope, Offer};
use crate::billing::DiscountType;
use crate::id::AccountId;
use crate::money::Exact;
use crate::period::{Month, PeriodError, Timestamp};

/// Why a code cannot be made or redeemed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PromotionError {
    /// Not a code.
    #[error("`{0}` is not a promo code (3 to 40 letters, digits and `-`)")]
    NotACode(String),
    /// Not an amount that a promotion takes off.
    #[error("a promotion takes off more than 0 and at most 100 %, or an amount above zero")]
    Amount,
    /// It ends before it starts.
    #[error("promo code {code} would expire at {expires_at}, before it starts at {starts_at}")]
    EndsBeforeStart {
        /// Which code.
        code: PromoCode,
        /// Its start.
        starts_at: Timestamp,
        /// Its end.
        expires_at: Timestamp,
    },
    /// It is not valid yet.
    #[error("promo code {code} is valid from {starts_at}")]
    NotYet {
        /// Which code.
        code: PromoCode,
        /// Its start.
        starts_at: Timestamp,
    },
    /// It is not valid any more.
    #[error("promo code {code} expired at {expires_at}")]
    Expired {
        /// Which code.
        code: PromoCode,
        /// Its end.
        expires_at: Timestamp,
    },
    /// It is for other accounts.
    #[error("promo code {code} is not for account {account}")]
    OtherAccount {
        /// Which code.
        code: PromoCode,
        /// Who tried.
        account: AccountId,
    },
    /// The account has used it as often as it may.
    #[error("account {account} has redeemed promo code {code} already")]
    RedeemedBefore {
        /// Which code.
        code: PromoCode,
        /// Who tried.
        account: AccountId,
    },
    /// It has been used as often as it may.
    #[error("promo code {code} has been redeemed {limit} times, which is its limit")]
    UsedUp {
        /// Which code.
        code: PromoCode,
        /// How often it may be.
        limit: u64,
    },
    /// The calendar ends.
    #[error(transparent)]
    Period(#[from] PeriodError),
}

/// A code, in capital letters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct PromoCode(String);

impl PromoCode {
    /// The code's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PromoCode {
    type Err = PromotionError;

    /// Reads a code; small letters are the same as capital ones.
    fn from_str(text: &str) -> Result<Self, PromotionError> {
        let fits = (3..=40).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if fits {
            Ok(Self(text.to_ascii_uppercase()))
        } else {
            Err(PromotionError::NotACode(text.to_owned()))
        }
    }
}

impl fmt::Display for PromoCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for PromoCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What a code is worth, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    /// The code.
    pub code: PromoCode,
    /// How much it takes off each invoice.
    pub amount: DiscountAmount,
    /// From which lines.
    #[serde(flatten)]
    pub scope: DiscountScope,
    /// From when on it can be redeemed.
    pub starts_at: Timestamp,
    /// From when on it cannot be redeemed any more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_at: Option<Timestamp>,
    /// How many accounts may redeem it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_redemptions: Option<u64>,
    /// Only these accounts may redeem it; all if empty.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub accounts: Vec<AccountId>,
    /// For how many months' invoices a redemption counts.
    pub months: u32,
    /// Whether it counts beside another promotion on the same invoice.
    pub stacks: bool,
    /// How often it has been redeemed.
    #[serde(default)]
    pub redeemed: u64,
}

/// An account has redeemed a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redemption {
    /// Who.
    pub account_id: AccountId,
    /// Which code.
    pub code: PromoCode,
    /// When.
    pub redeemed_at: Timestamp,
    /// The first month whose invoice it counts on.
    pub first_month: Month,
    /// The last one.
    pub last_month: Month,
    /// How much it takes off.
    pub amount: DiscountAmount,
    /// From which lines.
    #[serde(flatten)]
    pub scope: DiscountScope,
    /// Whether it counts beside another.
    pub stacks: bool,
}

impl Promotion {
    /// Refuses what is not a promotion.
    pub fn check(&self) -> Result<(), PromotionError> {
        let fits = match &self.amount {
            DiscountAmount::Percent(percent) => {
                percent.is_positive() && *percent <= Exact::from_integer(100)
            }
            DiscountAmount::Fixed(amount) => amount.is_positive(),
            DiscountAmount::OfLines(_) => false,
        };
        if !fits || self.months == 0 {
            return Err(PromotionError::Amount);
        }
        match self.expires_at {
            Some(expires_at) if expires_at <= self.starts_at => {
                let (code, starts_at) = (self.code.clone(), self.starts_at);
                Err(PromotionError::EndsBeforeStart {
                    code,
                    starts_at,
                    expires_at,
                })
            }
            _ => Ok(()),
        }
    }

    /// Redeems the code for an account that has (or has not) done so before; `month` is the running
    /// one in the account's time zone.
    pub fn redeem(
        &mut self,
        account: &AccountId,
        before: bool,
        month: Month,
        now: Timestamp,
    ) -> Result<Redemption, PromotionError> {
        let code = self.code.clone();
        if now < self.starts_at {
            return Err(PromotionError::NotYet {
                code,
                starts_at: self.starts_at,
            });
        }
        if let Some(expires_at) = self.expires_at.filter(|end| *end <= now) {
            return Err(PromotionError::Expired { code, expires_at });
        }
        if !self.accounts.is_empty() && !self.accounts.contains(account) {
            return Err(PromotionError::OtherAccount {
                code,
                account: account.clone(),
            });
        }
        if before {
            return Err(PromotionError::RedeemedBefore {
                code,
                account: account.clone(),
            });
        }
        if let Some(limit) = self.max_redemptions.filter(|limit| self.redeemed >= *limit) {
            return Err(PromotionError::UsedUp { code, limit });
        }
        self.redeemed = self.redeemed.saturating_add(1);
        let mut last_month = month;
        for _ in 1..self.months {
            last_month = last_month.next()?;
        }
        Ok(Redemption {
            account_id: account.clone(),
            code,
            redeemed_at: now,
            first_month: month,
            last_month,
            amount: self.amount.clone(),
            scope: self.scope,
            stacks: self.stacks,
        })
    }
}

/// The offers of the redemptions that count in a month: by the time they were redeemed; one that
/// does not stack counts only alone.
pub fn offers_in(month: Month, redemptions: &[Redemption]) -> Vec<Offer> {
    let mut live: Vec<_> = redemptions
        .iter()
        .filter(|r| r.first_month <= month && month <= r.last_month)
        .collect();
    live.sort_by(|a, b| (a.redeemed_at, &a.code).cmp(&(b.redeemed_at, &b.code)));
    let mut offers: Vec<Offer> = Vec::new();
    let mut alone = false;
    for redemption in live {
        if alone || (!redemption.stacks && !offers.is_empty()) {
            continue;
        }
        alone = !redemption.stacks;
        let code = redemption.code.as_str().to_owned();
        offers.push(Offer {
            description: format!("Promotion {code}"),
            discount_type: DiscountType::Promotional { promo_code: code },
            amount: redemption.amount.clone(),
            scope: redemption.scope,
        });
    }
    offers
}
