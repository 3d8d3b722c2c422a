//! The books after any sequence of events: every entry balances, and every balance is what the
//! documents beside it say.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use synor_economics::billing::settlement::{
    Settled, confirmed, deducted, distributed, finalized, granted, taken_back, voided,
};
use synor_economics::billing::settlement_holds::{captured, held, released};
use synor_economics::billing::{
    CreditEntry, CreditManager, CreditSource, Draft, Hold, HoldMove, Invoice, InvoiceNumber,
    InvoiceStatus, JournalEntry, LedgerAccount, NewHold, Payment, PaymentStatus, PaymentTarget,
    PrepaidManager,
};
use synor_economics::distribution::{Distribution, FeeSplit};
use synor_economics::id::{AccountId, CreditId, DeductionId, DepositId, HoldId, InvoiceId};
use synor_economics::metering::{ResourceType, UsageKey, UsageRow};
use synor_economics::money::MicroSynor;
use synor_economics::period::{Month, Timestamp, Zone};
use synor_economics::pricing::{PriceList, rate_usage};
use synor_economics::quantity::Quantity;

/// Something that happens. Numbers choose among what is there.
#[derive(Debug, Clone)]
enum Event {
    /// An invoice of this many bytes served by two operators, perhaps below zero.
    Finalize(i64, i64),
    Grant(i64, bool),
    /// A transfer for an invoice, a deposit (1) or nothing known (0).
    Pay(usize, i64),
    TakeBack(usize),
    /// A transfer that was taken back is mined again.
    MineAgain(usize),
    Void(usize),
    Deduct(i64),
    /// A hold of an amount, for so many events.
    Hold(i64, i64),
    Capture(usize, i64, bool),
    Release(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let bytes = -2_000_000_000i64..9_000_000_000;
    prop_oneof![
        3 => (bytes.clone(), bytes).prop_map(|(a, b)| Event::Finalize(a, b)),
        1 => (1i64..300_000, any::<bool>()).prop_map(|(a, ends)| Event::Grant(a, ends)),
        4 => (0usize..8, 1i64..600_000).prop_map(|(target, a)| Event::Pay(target, a)),
        4 => any::<usize>().prop_map(Event::TakeBack),
        3 => any::<usize>().prop_map(Event::MineAgain),
        1 => any::<usize>().prop_map(Event::Void),
        2 => (1i64..300_000).prop_map(Event::Deduct),
        3 => (1i64..300_000, 1i64..9).prop_map(|(a, events)| Event::Hold(a, events)),
        3 => (any::<usize>(), 1i64..200_000, any::<bool>())
            .prop_map(|(n, a, last)| Event::Capture(n, a, last)),
        1 => any::<usize>().prop_map(Event::Release),
    ]
}

/// What an engine would keep.
#[derive(Default)]
struct Books {
    now: i64,
    credits: BTreeMap<CreditId, CreditEntry>,
    holds: BTreeMap<HoldId, Hold>,
    invoices: Vec<Invoice>,
    payments: Vec<Payment>,
    distributions: BTreeMap<InvoiceId, Distribution>,
    balances: BTreeMap<LedgerAccount, i64>,
    entries: BTreeSet<String>,
}

fn acme() -> AccountId {
    "acme".parse().unwrap()
}

impl Books {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.now)
    }

    fn post(&mut self, entry: &JournalEntry) {
        assert_eq!(entry.check(), Ok(()));
        assert!(
            self.entries.insert(entry.entry_id.to_string()),
            "{} twice",
            entry.description
        );
        for posting in &entry.postings {
            let sum = self.balances.entry(posting.account.clone()).or_default();
            *sum += posting.amount_micro_synor.micro();
        }
    }

    fn happens(&mut self, event: &Event) {
        self.now += 1;
        match event {
            Event::Finalize(a, b) => self.finalize([*a, *b]),
            Event::Grant(amount, ends) => {
                let id = CreditId::derived(&["grant", &self.now.to_string()]);
                let source = CreditSource::Promotional {
                    campaign: "x".to_owned(),
                };
                let ends = ends.then(|| self.now().plus_secs(5));
                let amount = MicroSynor::new(*amount);
                let credit =
                    CreditEntry::grant(id, acme(), amount, source, ends, self.now()).unwrap();
                self.post(&granted(&credit).unwrap());
                self.credits.insert(id, credit);
            }
            Event::Pay(target, amount) => {
                let (target, account) = match target {
                    0 => (PaymentTarget::Unmatched, None),
                    1 => (
                        PaymentTarget::Deposit(DepositId::derived(&["d"])),
                        Some(acme()),
                    ),
                    n => match self.invoices.get(n % self.invoices.len().max(1)) {
                        Some(i) => (PaymentTarget::Invoice(i.invoice_id), Some(acme())),
                        None => return,
                    },
                };
                let tx = format!("tx-{}", self.now).parse().unwrap();
                let (payer, amount) = ("payer".parse().unwrap(), MicroSynor::new(*amount));
                self.payments.push(Payment::seen(
                    target,
                    account,
                    tx,
                    payer,
                    amount,
                    1,
                    self.now(),
                ));
                self.confirm(self.payments.len() - 1);
            }
            Event::TakeBack(n) => {
                let is = |p: &Payment| p.status == PaymentStatus::Confirmed;
                if let Some(at) = self.choose(*n, is) {
                    self.take_back(at);
                }
            }
            Event::MineAgain(n) => {
                let is = |p: &Payment| matches!(p.status, PaymentStatus::Failed { .. });
                if let Some(at) = self.choose(*n, is) {
                    self.confirm(at);
                }
            }
            Event::Void(n) => self.void(*n),
            Event::Deduct(amount) => {
                let mut prepaid = self.prepaid();
                if let Ok(uses) = prepaid.deduct(MicroSynor::new(*amount), self.now()) {
                    let id = DeductionId::derived(&[&self.now.to_string()]);
                    self.post(&deducted(id, &acme(), &uses, "x", self.now()).unwrap());
                }
                self.keep(prepaid.into_credits());
            }
            Event::Hold(..) | Event::Capture(..) | Event::Release(_) => self.hold_moves(event),
        }
    }

    /// What can be spent now, after what has expired was noted.
    fn prepaid(&mut self) -> PrepaidManager {
        let credits = CreditManager::new(self.credits.values().cloned().collect());
        let open = self.holds.values().filter(|hold| hold.closed_at.is_none());
        let mut prepaid = PrepaidManager::new(credits, open.cloned().collect());
        while let Some((hold, moved)) = prepaid.expire(self.now()).unwrap() {
            self.post(&released(&hold, &moved, self.now()).unwrap());
            self.holds.insert(hold.hold_id, hold);
        }
        prepaid
    }

    fn hold_moves(&mut self, event: &Event) {
        let mut prepaid = self.prepaid();
        let now = self.now();
        let nth = |n: usize| self.holds.keys().nth(n % self.holds.len().max(1)).copied();
        let moved: Option<(Hold, HoldMove, JournalEntry)> = match event {
            Event::Hold(amount, events) => {
                let new = NewHold {
                    hold_id: HoldId::derived(&[&self.now.to_string()]),
                    account_id: acme(),
                    amount: MicroSynor::new(*amount),
                    reason: "x".to_owned(),
                    expires_at: now.plus_secs(*events),
                };
                prepaid.hold(new, now).ok().map(|hold| {
                    let entry = held(&hold).unwrap();
                    (hold, HoldMove::default(), entry)
                })
            }
            Event::Capture(n, amount, last) => nth(*n).and_then(|id| {
                let before = prepaid.balance(now).unwrap();
                let amount = MicroSynor::new(*amount);
                let done = prepaid.capture(id, Some(amount), *last, now);
                let after = prepaid.balance(now).unwrap();
                assert!(after >= before, "a capture takes from the hold alone");
                done.ok().map(|(hold, moved)| {
                    let id = DeductionId::derived(&[&self.now.to_string()]);
                    let entry = captured(id, &hold, &moved, now).unwrap();
                    (hold, moved, entry)
                })
            }),
            Event::Release(n) => nth(*n).and_then(|id| {
                let done = prepaid.release(id, now).ok();
                done.map(|(hold, moved)| {
                    let entry = released(&hold, &moved, now).unwrap();
                    (hold, moved, entry)
                })
            }),
            _ => None,
        };
        if let Some((hold, _, entry)) = moved {
            assert_eq!(hold.check(), Ok(()));
            assert!(hold.captured_micro_synor <= hold.amount_micro_synor);
            self.post(&entry);
            self.holds.insert(hold.hold_id, hold);
        }
        self.keep(prepaid.into_credits());
    }

    fn choose(&self, n: usize, is: impl Fn(&Payment) -> bool) -> Option<usize> {
        let those: Vec<_> = (0..self.payments.len())
            .filter(|at| is(&self.payments[*at]))
            .collect();
        those.get(n % those.len().max(1)).copied()
    }

    fn keep(&mut self, credits: CreditManager) {
        for credit in credits.into_credits() {
            self.credits.insert(credit.credit_id, credit);
        }
    }

    fn finalize(&mut self, bytes: [i64; 2]) {
        let list = PriceList::built_in().unwrap();
        let rows: Vec<_> = [
            ("a", ResourceType::NetworkEgress),
            ("b", ResourceType::HostingBandwidth),
        ]
        .into_iter()
        .zip(bytes)
        .map(|((provider, resource), bytes)| UsageRow {
            key: UsageKey {
                resource,
                dimensions: BTreeMap::new(),
                provider: Some(provider.parse().unwrap()),
            },
            quantity: Quantity::new(i128::from(bytes)),
        })
        .collect();
        let number = self.invoices.len() as u64 + 1;
        let month: Month = format!("{}-01", 2000 + number).parse().unwrap();
        let period = month.period(&Zone::utc()).unwrap();
        let lines = rate_usage(&list, &rows, period.secs()).unwrap();
        let draft = Draft::new(acme(), month, Zone::utc(), period, lines, 0).unwrap();
        let mut manager = CreditManager::new(self.credits.values().cloned().collect());
        let invoice = draft
            .finalize(InvoiceNumber::new(number), &mut manager, self.now())
            .unwrap();
        let (entries, carried) = finalized(&invoice).unwrap();
        entries.iter().for_each(|e| self.post(e));
        self.keep(manager);
        if let Some(credit) = carried {
            self.credits.insert(credit.credit_id, credit);
        }
        if invoice.status == InvoiceStatus::Paid {
            let earned = distributed(&invoice, &FeeSplit::default(), None, self.now()).unwrap();
            if let Some((distribution, entry)) = earned {
                self.post(&entry);
                self.distributions.insert(invoice.invoice_id, distribution);
            }
        }
        self.invoices.push(invoice);
    }

    /// The invoice of a payment, with its place.
    fn target(&self, payment: &Payment) -> Option<(usize, Invoice)> {
        let PaymentTarget::Invoice(id) = payment.target else {
            return None;
        };
        let at = self.invoices.iter().position(|i| i.invoice_id == id)?;
        Some((at, self.invoices[at].clone()))
    }

    fn confirm(&mut self, at: usize) {
        let mut payment = self.payments[at].clone();
        let invoice = self.target(&payment).map(|t| t.1);
        let before = invoice
            .as_ref()
            .and_then(|i| self.distributions.get(&i.invoice_id))
            .cloned();
        let split = FeeSplit::default();
        let settled =
            confirmed(&mut payment, invoice, before.as_ref(), &split, self.now()).unwrap();
        self.record(at, payment, settled);
    }

    fn take_back(&mut self, at: usize) {
        let mut payment = self.payments[at].clone();
        let invoice = self.target(&payment).map(|t| t.1);
        let round = payment.times_confirmed.to_string();
        let credit = CreditId::derived(&["prepaid", payment.tx_id.as_str(), &round]);
        let credit = self.credits.get(&credit).cloned();
        let last = invoice
            .as_ref()
            .and_then(|i| self.distributions.get(&i.invoice_id))
            .cloned();
        let settled = taken_back(&mut payment, invoice, credit, last, "gone", self.now()).unwrap();
        self.record(at, payment, settled);
    }

    fn record(&mut self, at: usize, payment: Payment, settled: Settled) {
        settled.entries.iter().for_each(|e| self.post(e));
        if let (Some((place, _)), Some(invoice)) = (self.target(&payment), settled.invoice) {
            self.invoices[place] = invoice;
        }
        if let Some(credit) = settled.credit {
            self.credits.insert(credit.credit_id, credit);
        }
        if let Some(distribution) = settled.distribution {
            self.distributions
                .insert(distribution.invoice_id, distribution);
        }
        self.payments[at] = payment;
    }

    fn void(&mut self, n: usize) {
        let Some(at) = n.checked_rem(self.invoices.len()) else {
            return;
        };
        let mut manager = CreditManager::new(self.credits.values().cloned().collect());
        if let Ok((invoice, entries)) = voided(self.invoices[at].clone(), &mut manager, self.now())
        {
            entries.iter().for_each(|e| self.post(e));
            self.invoices[at] = invoice;
            self.keep(manager);
        }
    }

    /// Every balance is what the documents say.
    fn agree(&self) {
        let sum = |amounts: &mut dyn Iterator<Item = MicroSynor>| {
            amounts.map(MicroSynor::micro).sum::<i64>()
        };
        let of = |account: LedgerAccount| self.balances.get(&account).copied().unwrap_or_default();
        let left = |prepaid: bool| {
            let same = self
                .credits
                .values()
                .filter(|c| c.source.is_prepaid() == prepaid);
            -sum(&mut same.map(|c| c.remaining_micro_synor))
        };
        let counted = |p: &&Payment| p.status == PaymentStatus::Confirmed;
        let counting = || self.payments.iter().filter(counted);
        let owed = sum(&mut self.invoices.iter().map(|i| i.outstanding().unwrap()));
        let back = sum(&mut self.payments.iter().map(|p| p.clawback_micro_synor));
        let unmatched = counting().filter(|p| p.account_id.is_none());
        let live = || {
            self.distributions
                .values()
                .filter(|d| d.reversed_at.is_none())
        };
        let shared = sum(&mut live().map(|d| d.collected_micro_synor));
        let earners = self.balances.iter().filter(|(account, _)| {
            use LedgerAccount::{Burn, Operator, Treasury};
            matches!(account, Operator(_) | Treasury | Burn)
        });
        assert_eq!(self.balances.values().sum::<i64>(), 0);
        assert_eq!(of(LedgerAccount::Prepaid(acme())), left(true), "prepaid");
        assert_eq!(of(LedgerAccount::Credit(acme())), left(false), "credit");
        let held = sum(&mut self.holds.values().map(|hold| hold.left().unwrap()));
        assert_eq!(of(LedgerAccount::Held(acme())), -held, "held");
        assert_eq!(of(LedgerAccount::Receivable(acme())), owed, "receivable");
        assert_eq!(of(LedgerAccount::Clawback(acme())), back, "clawback");
        let clearing = sum(&mut counting().map(|p| p.amount_micro_synor));
        assert_eq!(of(LedgerAccount::ChainClearing), clearing, "clearing");
        let waiting = -sum(&mut unmatched.map(|p| p.amount_micro_synor));
        assert_eq!(of(LedgerAccount::Suspense), waiting, "suspense");
        assert_eq!(-earners.map(|(_, b)| b).sum::<i64>(), shared, "distributed");
        for invoice in &self.invoices {
            assert_eq!(invoice.check(), Ok(()));
            let collected = match invoice.status {
                InvoiceStatus::Paid => invoice.collected().unwrap(),
                _ => MicroSynor::ZERO,
            };
            let shared = live().find(|d| d.invoice_id == invoice.invoice_id);
            let shared = shared.map_or(MicroSynor::ZERO, |d| d.collected_micro_synor);
            assert_eq!(shared, collected, "{}", invoice.number);
        }
        for (account, balance) in &self.balances {
            assert!(
                !account.is_wallet() || *balance <= 0,
                "{account} is overdrawn: {balance}"
            );
        }
        assert!(live().all(Distribution::is_whole));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn after_anything_the_books_agree(events in prop::collection::vec(event(), 1..60)) {
        let mut books = Books::default();
        for event in &events {
            books.happens(event);
            books.agree();
        }
    }
}
