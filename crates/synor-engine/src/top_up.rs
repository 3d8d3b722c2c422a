//! Auto top-up: a balance that fell under its threshold is filled up by a deposit, charged to the
//! wallet of auto-pay within its grant. A top-up is numbered and written down before its coins
//! move, so that of any number of triggers for one crossing one lands.

use serde::{Deserialize, Serialize};
use synor_chain::Instruction;
use synor_economics::billing::{AutoPayConfig, Deposit, LastTopUp, TopUpConfig, TopUpDecision};
use synor_economics::id::{AccountId, DepositId, TxId};
use synor_economics::money::MicroSynor;
use synor_economics::period::{Month, Timestamp};
use synor_store::{ChangeSet, Document, Keys, Kind, ListQuery};

use crate::charging::{Coverage, Sent, Standing};
use crate::credits::scope_of;
use crate::engine::Engine;
use crate::error::EngineError;

/// The pause after a top-up unless told otherwise, in seconds.
const COOLDOWN_SECS: i64 = 3_600;

/// What an account asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTopUp {
    /// Whether the balance is to be filled up.
    pub enabled: bool,
    /// Below this balance; needed the first time.
    #[serde(default)]
    pub threshold_micro_synor: Option<MicroSynor>,
    /// With how much; needed the first time.
    #[serde(default)]
    pub amount_micro_synor: Option<MicroSynor>,
    /// With how much in a month at most; needed the first time.
    #[serde(default)]
    pub monthly_max_micro_synor: Option<MicroSynor>,
    /// How long to wait after one before another, in seconds; an hour if absent.
    #[serde(default)]
    pub cooldown_secs: Option<i64>,
}

/// How a top-up ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum TopUpEnd {
    /// Its coins were counted.
    Credited {
        /// When.
        at: Timestamp,
    },
    /// No coins came.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

/// One filling up of a balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUp {
    /// Whose balance.
    pub account_id: AccountId,
    /// The how manieth of the account it is, from 1.
    pub number: u64,
    /// The deposit that it is.
    pub deposit_id: DepositId,
    /// How much.
    pub amount_micro_synor: MicroSynor,
    /// The balance that was too low.
    pub balance_micro_synor: MicroSynor,
    /// The month whose maximum it counts for.
    pub month: Month,
    /// When it was decided.
    pub created_at: Timestamp,
    /// The transaction's id, once it is signed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tx_id: Option<TxId>,
    /// What the chain is handed: signed by the billing wallet, or to be signed by the chain's key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signed: Option<Instruction>,
    /// Whether the chain has taken it.
    pub submitted: bool,
    /// How it ended; absent while it is under way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end: Option<TopUpEnd>,
}

impl TopUp {
    /// Whether no coins came of it.
    pub const fn has_failed(&self) -> bool {
        matches!(self.end, Some(TopUpEnd::Failed { .. }))
    }

    fn id(&self) -> String {
        format!("{}/{}", self.account_id, self.number)
    }
}

impl Document for TopUp {
    const KIND: Kind = Kind::TopUp;
    fn keys(&self) -> Keys {
        Keys {
            id: self.id(),
            account: Some(self.account_id.clone()),
            lookup: self.tx_id.as_ref().map(ToString::to_string),
            sort_key: i64::try_from(self.number).unwrap_or(i64::MAX),
            is_open: self.end.is_none(),
        }
    }
}

/// An account's auto top-up and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUpState {
    /// How it is set up; absent if it never was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub config: Option<TopUpConfig>,
    /// What is to be done now.
    pub now: TopUpDecision,
    /// What was taken for it in the running month, and is not known to have failed.
    pub this_month_micro_synor: MicroSynor,
    /// The top-ups, newest first.
    pub top_ups: Vec<TopUp>,
}

impl Engine {
    /// Switches auto top-up on or off, or changes it. It needs auto-pay, whose grant it charges.
    pub async fn configure_top_up(
        &self,
        account: &AccountId,
        new: NewTopUp,
    ) -> Result<TopUpConfig, EngineError> {
        self.account(account).await?;
        let scope = scope_of(account);
        let config = self
            .decide(&scope, || async {
                let version = self.store.version(&scope).await?;
                let before: Option<TopUpConfig> = self.store.get(account.as_str()).await?;
                let config = agreed(account, &new, before, self.now())?;
                config.check()?;
                let auto_pay: Option<AutoPayConfig> = self.store.get(account.as_str()).await?;
                if config.enabled && !auto_pay.is_some_and(|a| a.enabled) {
                    let reason = "auto-pay must be on: its grant is what top-ups charge".to_owned();
                    let field = "enabled";
                    return Err(EngineError::Invalid { field, reason });
                }
                let mut changes = ChangeSet::new(Self::fresh_command("top-up terms"), self.now());
                changes.expect(scope.clone(), version).put(&config)?;
                self.commit(changes).await?;
                Ok(config)
            })
            .await?;
        self.budgets.touch(account);
        Ok(config)
    }

    /// An account's auto top-up, and what came of it.
    pub async fn top_up_state(&self, account: &AccountId) -> Result<TopUpState, EngineError> {
        let balance = self.balance(account).await?.balance_micro_synor;
        let config: Option<TopUpConfig> = self.store.get(account.as_str()).await?;
        let mut top_ups = self.top_ups(account).await?;
        let (this_month, last) = self.taken(account, &top_ups).await?;
        let now = match &config {
            Some(config) => config.decide(balance, this_month, last, self.now())?,
            None => TopUpDecision::Off,
        };
        top_ups.reverse();
        Ok(TopUpState {
            config,
            now,
            this_month_micro_synor: this_month,
            top_ups,
        })
    }

    /// Fills up every balance that is too low, and moves on what is under way; how many top-ups were
    /// decided.
    pub async fn run_top_ups(&self) -> Result<usize, EngineError> {
        let query = ListQuery::all(Kind::TopUp).open();
        let open: Vec<TopUp> = self.store.list(query).await?.items;
        for top_up in open {
            self.move_top_up(&top_up).await?;
        }
        let query = ListQuery::all(Kind::TopUpConfig).open();
        let configs: Vec<TopUpConfig> = self.store.list(query).await?.items;
        let mut decided = 0;
        for config in configs {
            if let Some(top_up) = self.decide_top_up(&config.account_id).await? {
                self.move_top_up(&top_up).await?;
                decided += 1;
            }
        }
        Ok(decided)
    }

    async fn decide_top_up(&self, account: &AccountId) -> Result<Option<TopUp>, EngineError> {
        let scope = scope_of(account);
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let (config, auto_pay): (Option<TopUpConfig>, Option<AutoPayConfig>) = (
                self.store.get(account.as_str()).await?,
                self.store.get(account.as_str()).await?,
            );
            let is_charged = auto_pay.is_some_and(|a| a.enabled && a.paused.is_none());
            let Some(config) = config.filter(|_| is_charged) else {
                return Ok(None);
            };
            let balance = self.balance(account).await?.balance_micro_synor;
            let before = self.top_ups(account).await?;
            let (this_month, last) = self.taken(account, &before).await?;
            let now = self.now();
            let TopUpDecision::Due { amount_micro_synor } =
                config.decide(balance, this_month, last, now)?
            else {
                return Ok(None);
            };
            let number = before.last().map_or(0, |t| t.number).saturating_add(1);
            // Named by its number: who decides the same one commits the same command.
            let command = format!("top-up/{account}/{number}");
            let deposit = Deposit {
                deposit_id: DepositId::derived(&[&command]),
                account_id: account.clone(),
                amount_micro_synor,
                tx_id: None,
                created_at: now,
            };
            let zone = self.account(account).await?.time_zone;
            let top_up = TopUp {
                account_id: account.clone(),
                number,
                deposit_id: deposit.deposit_id,
                amount_micro_synor,
                balance_micro_synor: balance,
                month: Month::containing(now, &zone)?,
                created_at: now,
                tx_id: None,
                signed: None,
                submitted: false,
                end: None,
            };
            let mut changes = ChangeSet::new(command, now);
            changes.expect(scope.clone(), version);
            changes.put(&deposit)?.put(&top_up)?;
            let committed = self.commit(changes).await?;
            Ok((!committed.replayed).then_some(top_up))
        })
        .await
    }

    /// Moves a top-up on: signs it, hands it to the chain, looks what has come of it.
    async fn move_top_up(&self, top_up: &TopUp) -> Result<(), EngineError> {
        let _charging = self.charging.lock().await;
        match (&top_up.signed, &top_up.tx_id) {
            (Some(_), Some(tx)) if top_up.submitted => match self.standing(tx).await? {
                Standing::Waiting => Ok(()),
                Standing::Lost => self.hand_over_top_up(top_up).await,
                Standing::Counted => {
                    let at = self.now();
                    self.budgets.touch(&top_up.account_id);
                    self.end_top_up(top_up, TopUpEnd::Credited { at }).await
                }
                Standing::Failed(reason) => self.top_up_failed(top_up, reason).await,
            },
            (Some(_), _) => self.hand_over_top_up(top_up).await,
            (None, _) => self.sign_top_up(top_up).await,
        }
    }

    async fn sign_top_up(&self, top_up: &TopUp) -> Result<(), EngineError> {
        let account = top_up.account_id.as_str();
        let config: Option<AutoPayConfig> = self.store.get(account).await?;
        let Some(config) = config.filter(|config| config.enabled) else {
            let reason = "auto-pay was switched off".to_owned();
            return self.top_up_failed(top_up, reason).await;
        };
        match self.covers(&config, top_up.amount_micro_synor).await? {
            Coverage::Covered => {}
            Coverage::Waiting => return Ok(()),
            Coverage::Short(reason) => return self.top_up_failed(top_up, reason).await,
        }
        let reference = top_up.deposit_id.to_string();
        let amount = top_up.amount_micro_synor;
        let signed = self.sign_charge(&config, amount, &reference).await?;
        let after = TopUp {
            tx_id: Some(signed.tx_id()),
            signed: Some(signed),
            ..top_up.clone()
        };
        // Written down first: if this process ends now, the next one sends this very transaction.
        if self.put_top_up(top_up, &after).await? {
            self.hand_over_top_up(&after).await?;
        }
        Ok(())
    }

    async fn hand_over_top_up(&self, top_up: &TopUp) -> Result<(), EngineError> {
        let Some(signed) = &top_up.signed else {
            return Ok(());
        };
        match self.send_charge(signed).await {
            Sent::Taken if top_up.submitted => Ok(()),
            Sent::Taken => {
                let after = TopUp {
                    submitted: true,
                    ..top_up.clone()
                };
                self.put_top_up(top_up, &after).await.map(drop)
            }
            Sent::Later => Ok(()),
            Sent::Replaced => {
                let after = TopUp {
                    tx_id: None,
                    signed: None,
                    submitted: false,
                    ..top_up.clone()
                };
                self.put_top_up(top_up, &after).await.map(drop)
            }
            Sent::Refused(reason) => self.top_up_failed(top_up, reason).await,
        }
    }

    async fn top_up_failed(&self, top_up: &TopUp, reason: String) -> Result<(), EngineError> {
        tracing::warn!(account = %top_up.account_id, reason, "a top-up failed");
        let at = self.now();
        self.end_top_up(top_up, TopUpEnd::Failed { at, reason })
            .await
    }

    async fn end_top_up(&self, top_up: &TopUp, end: TopUpEnd) -> Result<(), EngineError> {
        let after = TopUp {
            end: Some(end),
            ..top_up.clone()
        };
        self.put_top_up(top_up, &after).await.map(drop)
    }

    /// Replaces a top-up, if it is still what was looked at; whether it was.
    async fn put_top_up(&self, before: &TopUp, after: &TopUp) -> Result<bool, EngineError> {
        let scope = scope_of(&before.account_id);
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let now: Option<TopUp> = self.store.get(&before.id()).await?;
            if now.as_ref() != Some(before) {
                return Ok(false);
            }
            let mut changes = ChangeSet::new(Self::fresh_command("top-up"), self.now());
            changes.expect(scope.clone(), version).put(after)?;
            self.commit(changes).await?;
            Ok(true)
        })
        .await
    }

    async fn top_ups(&self, account: &AccountId) -> Result<Vec<TopUp>, EngineError> {
        let query = ListQuery::of(Kind::TopUp, account);
        Ok(self.store.list(query).await?.items)
    }

    /// What top-ups took in the running month, and the last one that took or may take something.
    async fn taken(
        &self,
        account: &AccountId,
        top_ups: &[TopUp],
    ) -> Result<(MicroSynor, Option<LastTopUp>), EngineError> {
        let zone = self.account(account).await?.time_zone;
        let month = Month::containing(self.now(), &zone)?;
        let counted = top_ups
            .iter()
            .filter(|t| t.month == month && !t.has_failed());
        let sum = MicroSynor::sum(counted.map(|t| t.amount_micro_synor))?;
        let last = top_ups.last().map(|t| LastTopUp {
            at: t.created_at,
            is_under_way: t.end.is_none(),
        });
        Ok((sum, last))
    }
}

/// What an order comes to, with what was set before where it says nothing.
fn agreed(
    account: &AccountId,
    new: &NewTopUp,
    before: Option<TopUpConfig>,
    now: Timestamp,
) -> Result<TopUpConfig, EngineError> {
    let needed = |field, value: Option<MicroSynor>, before: Option<MicroSynor>| {
        value.or(before).ok_or_else(|| EngineError::Invalid {
            field,
            reason: "is needed to switch top-ups on".to_owned(),
        })
    };
    let (threshold, amount, maximum) = before.as_ref().map_or((None, None, None), |b| {
        (
            Some(b.threshold_micro_synor),
            Some(b.amount_micro_synor),
            Some(b.monthly_max_micro_synor),
        )
    });
    Ok(TopUpConfig {
        account_id: account.clone(),
        enabled: new.enabled,
        threshold_micro_synor: needed(
            "threshold_micro_synor",
            new.threshold_micro_synor,
            threshold,
        )?,
        amount_micro_synor: needed("amount_micro_synor", new.amount_micro_synor, amount)?,
        monthly_max_micro_synor: needed(
            "monthly_max_micro_synor",
            new.monthly_max_micro_synor,
            maximum,
        )?,
        cooldown_secs: new
            .cooldown_secs
            .or(before.map(|b| b.cooldown_secs))
            .unwrap_or(COOLDOWN_SECS),
        set_at: now,
    })
}
