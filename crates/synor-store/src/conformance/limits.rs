//! Documents of credits, budgets and top-ups come back as they were put.

use serde::{Deserialize, Serialize};
use synor_economics::billing::{CreditExpiry, TopUpConfig};
use synor_economics::budget::{Budget, BudgetSubject, Reading, alerts_after};
use synor_economics::id::CreditId;
use synor_economics::metering::{ResourceType, ServiceType};
use synor_economics::money::{Exact, MicroSynor};
use synor_economics::period::{Month, Period, Zone};
use synor_economics::plan::Plan;
use synor_economics::quantity::Quantity;
use synor_economics::quota::QuotaEffect;
use synor_economics::sla::{Incident, SlaOutcome, promised_percent, sla_credit_id};

use super::documents::round_trip;
use super::sample::{NOW, account};
use crate::document::{Document, Keys, Kind};
use crate::limits::SpendTally;
use crate::store::Store;

/// A top-up, whose document lives in another crate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Charge(String);

impl Document for Charge {
    const KIND: Kind = Kind::TopUp;
    fn keys(&self) -> Keys {
        Keys {
            id: self.0.clone(),
            ..Keys::default()
        }
    }
}

fn budget() -> Budget {
    Budget {
        account_id: account("acme"),
        name: "traffic".to_owned(),
        subject: BudgetSubject::Usage {
            resource: ResourceType::NetworkEgress,
            quantity: Exact::new(3, 2).expect("a fraction"),
            unit: "GB".parse().expect("a unit"),
        },
        thresholds: vec!["80%".parse().expect("one"), "1.2".parse().expect("one")],
        effect: QuotaEffect::Stop,
        set_at: NOW,
        removed_at: None,
    }
}

/// One of each kind, in its forms.
pub(super) async fn limit_documents(store: &dyn Store) {
    let month: Month = "2026-01".parse().expect("a month");
    let set = budget();
    let removed = Budget {
        removed_at: Some(NOW),
        subject: BudgetSubject::Spend {
            service: Some(ServiceType::Compute),
            limit_micro_synor: MicroSynor::new(i64::MAX),
        },
        ..set.clone()
    };
    let reading = Reading {
        value: Quantity::new(1_200_000_000),
        month,
        period: month.period(&Zone::utc()).expect("a period"),
        at: NOW,
    };
    let fired = alerts_after(&set, reading, &[]).expect("alerts");
    let fired = fired.into_iter().next().expect("an alert");
    let mut rearmed = fired.clone();
    rearmed.rearmed_at = Some(NOW.plus_secs(1));
    round_trip(store, &[set, removed]).await;
    round_trip(store, &[fired, rearmed]).await;
    round_trip(
        store,
        &[CreditExpiry {
            credit_id: CreditId::derived(&["credit"]),
            account_id: account("acme"),
            round: 1,
            amount_micro_synor: MicroSynor::new(1 << 60),
            expired_at: NOW,
            posted_at: NOW,
        }],
    )
    .await;
    let tally = |n: i64| SpendTally {
        account_id: account("acme"),
        month,
        deducted_micro_synor: MicroSynor::new(n),
        version: u64::MAX,
    };
    round_trip(store, &[tally(1), tally(i64::MAX)]).await;
    let top_up = TopUpConfig {
        account_id: account("acme"),
        enabled: true,
        threshold_micro_synor: MicroSynor::new(1),
        amount_micro_synor: MicroSynor::new(2),
        monthly_max_micro_synor: MicroSynor::new(i64::MAX),
        cooldown_secs: 60,
        set_at: NOW,
    };
    let off = TopUpConfig {
        enabled: false,
        ..top_up.clone()
    };
    round_trip(store, &[top_up, off]).await;
    round_trip(store, &[Charge("acme/1".to_owned())]).await;
    incidents(store, month).await;
}

async fn incidents(store: &dyn Store, month: Month) {
    let incident = Incident {
        incident_id: "2026-014".to_owned(),
        service: ServiceType::Network,
        period: Period::new(NOW, NOW.plus_secs(3_600)).expect("an hour"),
        downtime_secs: 3_600,
        accounts: vec![account("acme")],
        note: String::new(),
        reported_at: NOW,
        settled_at: None,
    };
    let settled = Incident {
        settled_at: Some(NOW),
        note: "a cable was cut".to_owned(),
        ..incident.clone()
    };
    round_trip(store, &[incident, settled]).await;
    let outcome = SlaOutcome {
        incident_id: "2026-014".to_owned(),
        account_id: account("acme"),
        service: ServiceType::Network,
        month,
        plan: Plan::Premium,
        promised_percent: promised_percent(Plan::Premium),
        downtime_secs: 3_600,
        availability_percent: "99.865591".to_owned(),
        credit_percent: Exact::from_integer(10),
        spend_micro_synor: MicroSynor::new(1_000),
        before_micro_synor: MicroSynor::ZERO,
        amount_micro_synor: MicroSynor::new(100),
        credit_id: Some(sla_credit_id("2026-014", &account("acme"))),
        settled_at: NOW,
    };
    round_trip(store, &[outcome]).await;
}
