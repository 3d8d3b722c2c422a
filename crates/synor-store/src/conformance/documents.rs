//! Documents: each comes back as it was put, by every key it has, and by no key it had.

use std::fmt::Debug;

use synor_economics::account::Account;
use synor_economics::billing::{
    AutoPayConfig, CreditEntry, CreditManager, CreditSource, CreditUse, Deposit, Draft, Hold,
    HoldStatus, Invoice, InvoiceNumber, Payment, PaymentTarget,
};
use synor_economics::distribution::{Distribution, FeeSplit};
use synor_economics::id::{ApiKeyId, CommitmentId, CreditId, DeductionId, DepositId, HoldId, TxId};
use synor_economics::metering::{ResourceType, ServiceType, UsageKey, UsageRow};
use synor_economics::money::{Exact, MicroSynor};
use synor_economics::period::{Month, Timestamp, Zone};
use synor_economics::plan::{Plan, PlanChange};
use synor_economics::pricing::discounts::{DiscountAmount, DiscountScope};
use synor_economics::pricing::promotion::Promotion;
use synor_economics::pricing::reserved::{Commitment, Committed};
use synor_economics::pricing::{PriceList, rate_usage};
use synor_economics::quantity::Quantity;
use synor_economics::quota::{Quota, QuotaEffect, QuotaPeriod};

use super::sample::{NOW, Note, account, changes, state};
use crate::api_key::{Access, ApiKey, Role};
use crate::document::{Counter, Deduction, Document, PriceListRecord, Referral, StoredDocument};
use crate::error::StoreError;
use crate::session::Session;
use crate::store::{ListQuery, Store};

/// Puts a document, changes it if there is another form of it, and reads it in all ways.
pub(super) async fn round_trip<D: Document + PartialEq + Debug>(store: &dyn Store, forms: &[D]) {
    for (number, document) in forms.iter().enumerate() {
        let mut set = changes(&format!("{} {number}", D::KIND.name()));
        set.put(document).expect("a sound document");
        store.commit(set).await.expect("a commit");
        let keys = document.keys();
        let got: Option<D> = store.get(&keys.id).await.expect("a read");
        assert_eq!(got.as_ref(), Some(document));
        let listed: Vec<D> = store
            .list(ListQuery::all(D::KIND))
            .await
            .expect("a list")
            .items;
        assert_eq!(listed, std::slice::from_ref(document));
        if let Some(lookup) = &keys.lookup {
            let found: Option<D> = store.find(lookup).await.expect("a read");
            assert_eq!(found.as_ref(), Some(document));
        }
        if let Some(account) = &keys.account {
            let query = ListQuery::of(D::KIND, account);
            let listed: Vec<D> = store.list(query).await.expect("a list").items;
            assert_eq!(listed, std::slice::from_ref(document));
        }
        let open: Vec<D> = store
            .list(ListQuery::all(D::KIND).open())
            .await
            .expect("a list")
            .items;
        assert_eq!(open.len(), usize::from(keys.is_open));
    }
}

fn micro(amount: i64) -> MicroSynor {
    MicroSynor::new(amount)
}

/// An invoice with two lines, a level of more than 64 bits among them.
fn invoice() -> Invoice {
    let list = PriceList::built_in().expect("the built-in prices");
    let zone: Zone = "Europe/Berlin".parse().expect("a zone");
    let month: Month = "2025-12".parse().expect("a month");
    let period = month.period(&zone).expect("a period");
    let row = |resource, provider: Option<&str>, quantity| UsageRow {
        key: UsageKey {
            resource,
            dimensions: [("region".to_owned(), "eu-µ".to_owned())].into(),
            provider: provider.map(|p| p.parse().expect("a provider")),
        },
        quantity: Quantity::new(quantity),
    };
    let rows = [
        row(
            ResourceType::StorageStoredData,
            None,
            2_678_400_000_000_000_000_000,
        ),
        row(ResourceType::NetworkEgress, Some("node-1"), 123_456_789_012),
    ];
    let lines = rate_usage(&list, &rows, period.secs()).expect("lines");
    let draft = Draft::new(account("acme"), month, zone, period, lines, 7).expect("a draft");
    draft
        .finalize(InvoiceNumber::new(1), &mut CreditManager::default(), NOW)
        .expect("an invoice")
}

#[allow(missing_docs)]
pub async fn documents_come_back_as_they_were_put(store: &dyn Store) {
    let tx: TxId = "tx-1".parse().expect("a transaction id");
    let payer = "synor1payer".parse().expect("an address");
    let open = Account {
        account_id: account("acme"),
        name: "Acme \"Ltd\"\n\u{1f}'; -- µ".to_owned(),
        time_zone: "America/Los_Angeles".parse().expect("a zone"),
        created_at: NOW,
        plan_changes: vec![PlanChange {
            from: NOW,
            plan: Plan::Premium,
        }],
        referred_by: Some(account("other")),
        tax_changes: Vec::new(),
    };
    round_trip(
        store,
        &[
            open.clone(),
            Account {
                name: String::new(),
                ..open
            },
        ],
    )
    .await;
    let key = ApiKey {
        key_id: ApiKeyId::derived(&["key"]),
        access: Access::customer(account("acme")),
        hash: "abc".to_owned(),
        prefix: "synor_".to_owned(),
        label: "a key".to_owned(),
        created_at: NOW,
        revoked_at: None,
        expires_at: None,
        used_at: None,
        rotated_from: None,
        rate_limit: crate::RateLimit::default(),
    };
    let revoked = ApiKey {
        revoked_at: Some(NOW),
        access: Access::admin(),
        ..key.clone()
    };
    let rotated = ApiKey {
        access: Access::all_accounts(Role::IngestOnly),
        expires_at: Some(NOW),
        used_at: Some(NOW),
        rotated_from: Some(key.key_id),
        ..key.clone()
    };
    round_trip(store, &[key.clone(), revoked, rotated]).await;
    let session = Session {
        token_hash: "def".to_owned(),
        key_id: key.key_id,
        created_at: NOW,
        used_at: NOW,
        expires_at: Timestamp::from_secs(NOW.secs() + 1),
        ended_at: None,
    };
    let ended = Session {
        ended_at: Some(NOW),
        ..session.clone()
    };
    round_trip(store, &[session, ended]).await;
    let auto_pay = AutoPayConfig {
        account_id: account("acme"),
        funding_source: payer,
        max_per_invoice_micro_synor: micro(i64::MAX),
        enabled: true,
        grant_tx: None,
        paused: None,
    };
    let payer = auto_pay.funding_source.clone();
    round_trip(
        store,
        &[
            auto_pay.clone(),
            AutoPayConfig {
                enabled: false,
                ..auto_pay
            },
        ],
    )
    .await;
    round_trip(
        store,
        &[3, u64::MAX].map(|last| Counter {
            name: "n".to_owned(),
            last,
        }),
    )
    .await;
    let source = CreditSource::Manual {
        reason: "sorry".to_owned(),
        admin: "ops".to_owned(),
    };
    let id = CreditId::derived(&["credit"]);
    let ends = Some(NOW.plus_secs(1));
    let credit = CreditEntry::grant(id, account("acme"), micro(9), source, ends, NOW);
    let credit = credit.expect("a credit");
    let used = CreditEntry {
        remaining_micro_synor: MicroSynor::ZERO,
        ..credit.clone()
    };
    round_trip(store, &[credit, used]).await;
    let deduction = Deduction {
        deduction_id: DeductionId::derived(&["deduction"]),
        account_id: account("acme"),
        amount_micro_synor: micro(9),
        credits: vec![CreditUse {
            credit_id: id,
            amount_micro_synor: micro(9),
            is_prepaid: true,
        }],
        hold_id: None,
        reason: "inference".to_owned(),
        created_at: NOW,
    };
    let captured = Deduction {
        hold_id: Some(HoldId::derived(&["hold"])),
        ..deduction.clone()
    };
    round_trip(store, &[deduction, captured]).await;
    let hold = Hold {
        hold_id: HoldId::derived(&["hold"]),
        account_id: account("acme"),
        amount_micro_synor: micro(9),
        captured_micro_synor: micro(2),
        released_micro_synor: micro(0),
        status: HoldStatus::Open,
        reason: "rendering".to_owned(),
        created_at: NOW,
        expires_at: NOW.plus_secs(60),
        closed_at: None,
        credits: vec![CreditUse {
            credit_id: id,
            amount_micro_synor: micro(7),
            is_prepaid: true,
        }],
    };
    let expired = hold.clone().seen_at(NOW.plus_secs(60));
    round_trip(store, &[hold, expired.expect("an end")]).await;
    let deposit = Deposit {
        deposit_id: DepositId::derived(&["deposit"]),
        account_id: account("acme"),
        amount_micro_synor: micro(1 << 60),
        tx_id: None,
        created_at: NOW,
    };
    let handed_in = Deposit {
        tx_id: Some(tx.clone()),
        ..deposit.clone()
    };
    round_trip(store, &[deposit, handed_in]).await;
    let open = invoice();
    let due = open.total_due_micro_synor;
    let (paid, _) = open.clone().settle(due, &tx, NOW).expect("a payment");
    let parts = Distribution::of(&paid, due, &FeeSplit::default(), 1, NOW).expect("parts");
    round_trip(
        store,
        &[open.clone(), open.overdue_at(NOW.plus_secs(1 << 30)), paid],
    )
    .await;
    round_trip(store, &[parts.clone(), parts.reversed(NOW)]).await;
    let owner = Some(account("acme"));
    let target = PaymentTarget::Unmatched;
    round_trip(
        store,
        &[Payment::seen(target, owner, tx, payer, micro(1), 10, NOW)],
    )
    .await;
    let list = PriceList::built_in().expect("the built-in prices");
    let record = PriceListRecord {
        version: list.version.clone(),
        effective_from: list.effective_from,
        toml: list.text().to_owned(),
    };
    round_trip(store, &[record]).await;
    round_trip(store, &[Note::new("a charge")]).await;
    pricing_documents(store).await;
    super::spot::spot_documents(store).await;
    super::invoicing::invoicing_documents(store).await;
    super::limits::limit_documents(store).await;
    super::notifications::notification_documents(store).await;
    super::oracle::oracle_documents(store).await;
    // An entry of the audit log, and its end.
    let mut asked_for = super::auditing::asked_for(changes("asked for"));
    asked_for.put(&Note::new("a charge")).expect("a document");
    store.commit(asked_for).await.expect("a commit");
    assert_eq!(
        state(store).await.documents.len(),
        crate::document::Kind::ALL.len()
    );
}

/// What an account pays less for.
async fn pricing_documents(store: &dyn Store) {
    let month: Month = "2026-01".parse().expect("a month");
    let commitment = Commitment {
        commitment_id: CommitmentId::derived(&["commitment"]),
        account_id: account("acme"),
        committed: Committed::Amount {
            amount_micro_synor: micro(1 << 55),
            discount_percent: Exact::new(25, 2).expect("a fraction"),
            scope: DiscountScope::Service(ServiceType::Compute),
        },
        starts: month,
        ends: month,
    };
    let capacity = Commitment {
        committed: Committed::Capacity {
            resource: ResourceType::ComputeCpu,
            dimensions: [("region".to_owned(), "eu".to_owned())].into(),
            units: Exact::new(1, 3).expect("a fraction"),
            per: "1k core-hours".parse().expect("a unit"),
            rate_micro_synor: Exact::from_integer(1),
        },
        ..commitment.clone()
    };
    round_trip(store, &[commitment, capacity]).await;
    let quota = Quota {
        account_id: account("acme"),
        resource: ResourceType::NetworkEgress,
        per: QuotaPeriod::Month,
        quantity: Exact::new(3, 2).expect("a fraction"),
        unit: "GB".parse().expect("a unit"),
        effect: QuotaEffect::Stop,
        set_at: NOW,
        removed_at: None,
    };
    let removed = Quota {
        removed_at: Some(NOW),
        ..quota.clone()
    };
    round_trip(store, &[quota, removed]).await;
    let mut promotion = Promotion {
        code: "welcome-10".parse().expect("a code"),
        amount: DiscountAmount::Percent(Exact::from_integer(10)),
        scope: DiscountScope::Resource(ResourceType::NetworkEgress),
        starts_at: NOW,
        expires_at: Some(NOW.plus_secs(1)),
        max_redemptions: Some(1),
        accounts: vec![account("acme")],
        months: 3,
        stacks: true,
        redeemed: 0,
    };
    let redeemed = promotion
        .redeem(&account("acme"), false, month, NOW)
        .expect("a redemption");
    round_trip(store, &[promotion]).await;
    round_trip(store, &[redeemed]).await;
    let referral = Referral {
        account_id: account("acme"),
        referrer_id: account("other"),
        created_at: NOW,
        rewarded_at: None,
    };
    let rewarded = Referral {
        rewarded_at: Some(NOW),
        ..referral.clone()
    };
    round_trip(store, &[referral, rewarded]).await;
}

#[allow(missing_docs)]
pub async fn a_document_is_found_by_its_latest_keys_only(store: &dyn Store) {
    let lookup = |key: &str| Some(key.to_owned());
    let old = Note {
        lookup: lookup("old"),
        account: Some(account("acme")),
        open: true,
        ..Note::new("1")
    };
    let new = Note {
        lookup: lookup("new"),
        account: Some(account("other")),
        order: 5,
        ..Note::new("1")
    };
    for note in [&old, &new] {
        let mut set = changes(&format!("{note:?}"));
        set.put(note).expect("a document");
        store.commit(set).await.expect("a commit");
    }
    assert_eq!(store.find::<Note>("old").await.expect("a read"), None);
    assert_eq!(store.find::<Note>("new").await.expect("a read"), Some(new));
    let of = ListQuery::of(Note::KIND, &account("acme"));
    assert_eq!(store.documents(of).await.expect("a list").items, []);
    let open = ListQuery::all(Note::KIND).open();
    assert_eq!(store.documents(open).await.expect("a list").items, []);
    // The key it gave up is free.
    let mut set = changes("another");
    set.put(&Note {
        lookup: lookup("old"),
        ..Note::new("2")
    })
    .expect("a document");
    store.commit(set).await.expect("the key is free");
}

#[allow(missing_docs)]
pub async fn a_lookup_belongs_to_one_document(store: &dyn Store) {
    let keyed = |id: &str| Note {
        lookup: Some("key".to_owned()),
        ..Note::new(id)
    };
    for (command, id, is_free) in [("a", "1", true), ("b", "2", false), ("c", "1", true)] {
        let mut set = changes(command);
        set.put(&keyed(id)).expect("a document");
        match store.commit(set).await {
            Ok(_) => assert!(is_free),
            Err(StoreError::Exists { id, .. }) => {
                assert_eq!((id.as_str(), is_free), ("key", false))
            }
            Err(other) => panic!("{other}"),
        }
    }
    // Another kind has lookups of its own.
    let mut set = changes("d");
    let mut other = StoredDocument::pack(&Counter {
        name: "3".to_owned(),
        last: 0,
    })
    .expect("packed");
    other.keys.lookup = Some("key".to_owned());
    set.documents.push(other);
    store.commit(set).await.expect("it is of another kind");
}

/// A lookup that one document gives up may be taken by another, in the same set or in a later one.
pub async fn a_lookup_changes_hands(store: &dyn Store) {
    let note = |id: &str, lookup: Option<&str>| Note {
        lookup: lookup.map(str::to_owned),
        ..Note::new(id)
    };
    let steps: [&[(&str, Option<&str>)]; 4] = [
        &[("1", Some("a")), ("2", Some("b"))],
        &[("1", Some("c")), ("2", Some("a"))],
        &[
            ("1", None),
            ("3", Some("c")),
            ("2", Some("b")),
            ("3", Some("a")),
        ],
        &[("4", Some("c")), ("2", None)],
    ];
    for (number, step) in steps.into_iter().enumerate() {
        let mut set = changes(&format!("step {number}"));
        for (id, lookup) in step {
            set.put(&note(id, *lookup)).expect("a document");
        }
        store.commit(set).await.expect("each lookup is free");
    }
    let mut holders = Vec::new();
    for lookup in ["a", "b", "c"] {
        let found = store.find::<Note>(lookup).await.expect("a read");
        holders.push(found.map(|note| note.id));
    }
    assert_eq!(holders, [Some("3".to_owned()), None, Some("4".to_owned())]);
    state(store).await;
}

#[allow(missing_docs)]
pub async fn what_is_not_there_is_none(store: &dyn Store) {
    assert_eq!(store.get::<Invoice>("nothing").await.expect("a read"), None);
    assert_eq!(
        store.find::<Payment>("nothing").await.expect("a read"),
        None
    );
    let balance = store
        .balance(&"liabilities:prepaid:nobody".parse().expect("an account"))
        .await;
    assert_eq!(balance.expect("a read"), MicroSynor::ZERO);
    let now = state(store).await;
    assert_eq!((now.documents.len(), now.journal.len()), (0, 0));
    assert_eq!(now.versions, [0; 5]);
}
