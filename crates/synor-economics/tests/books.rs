//! The books after any sequence of events: every entry balances, and every balance is what the
//! documents beside it say.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use synor_economics::billing::settlement::{
    Settled, confirmed, deducted, distributed, finalized, granted, taken_back, voided,
};
use synor_economics::billing::settlement_corrections::{
    noted, refund_confirmed, refund_refused, written_off,
};
use synor_economics::billing::settlement_holds::{captured, held, released};
use synor_economics::billing::{
    CreditEntry, CreditManager, CreditNote, CreditNoteCause, CreditNoteLine, CreditNoteNumber,
    CreditSource, Draft, Hold, HoldMove, Invoice, InvoiceNumber, InvoiceStatus, JournalEntry,
    LedgerAccount, NewCreditNote, NewHold, Payment, PaymentStatus, PaymentTarget, PrepaidManager,
    RefundTo, TaxRate, TaxTreatment, tax_total,
};
use synor_economics::distribution::{Distribution, FeeSplit};
use synor_economics::id::{
    AccountId, CreditId, CreditNoteId, DeductionId, DepositId, HoldId, InvoiceId,
};
use synor_economics::metering::{ResourceType, UsageKey, UsageRow};
use synor_economics::money::{Exact, MicroSynor};
use synor_economics::period::{Month, Timestamp, Zone};
use synor_economics::pricing::{PriceList, rate_usage};
use synor_economics::quantity::Quantity;

/// Something that happens. Numbers choose among what is there.
#[derive(Debug, Clone)]
enum Event {
    /// An invoice of this many bytes served by two operators, perhaps below zero, with this much
    /// VAT, which prices include or do not.
    Finalize(i64, i64, i8, bool),
    Grant(i64, bool),
    /// A transfer for an invoice, a deposit (1) or nothing known (0).
    Pay(usize, i64),
    TakeBack(usize),
    /// A transfer that was taken back is mined again.
    MineAgain(usize),
    Void(usize),
    Deduct(i64),
    /// A credit note over this much of an invoice.
    Note(usize, i64),
    /// A refund of this much of an invoice, to an address or into the balance.
    Refund(usize, i64, bool),
    /// The first refund on its way is confirmed or refused.
    Sent(bool),
    WriteOff(usize),
    /// A hold of an amount, for so many events.
    Hold(i64, i64),
    Capture(usize, i64, bool),
    Release(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let bytes = -2_000_000_000i64..9_000_000_000;
    prop_oneof![
        3 => (bytes.clone(), bytes, 0i8..30, any::<bool>())
            .prop_map(|(a, b, percent, included)| Event::Finalize(a, b, percent, included)),
        1 => (1i64..300_000, any::<bool>()).prop_map(|(a, ends)| Event::Grant(a, ends)),
        4 => (0usize..8, 1i64..600_000).prop_map(|(target, a)| Event::Pay(target, a)),
        4 => any::<usize>().prop_map(Event::TakeBack),
        3 => any::<usize>().prop_map(Event::MineAgain),
        1 => any::<usize>().prop_map(Event::Void),
        2 => (1i64..300_000).prop_map(Event::Deduct),
        2 => (any::<usize>(), 1i64..300_000).prop_map(|(n, a)| Event::Note(n, a)),
        2 => (any::<usize>(), 1i64..300_000, any::<bool>())
            .prop_map(|(n, a, chain)| Event::Refund(n, a, chain)),
        1 => any::<bool>().prop_map(Event::Sent),
        1 => any::<usize>().prop_map(Event::WriteOff),
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
    notes: Vec<CreditNote>,
    /// Refunds that have not been confirmed or refused.
    on_their_way: Vec<CreditNote>,
    refunded: i64,
}

fn acme() -> AccountId {
    "acme".parse().unwrap()
}

fn vat(percent: i8, is_inclusive: bool) -> Vec<TaxRate> {
    let rate = TaxRate {
        name: format!("VAT {percent}%"),
        percent: Exact::from_integer(i128::from(percent)),
        is_inclusive,
        treatment: TaxTreatment::Taxed,
        note: None,
    };
    let second = TaxRate {
        name: "City 3%".to_owned(),
        percent: Exact::from_integer(3),
        ..rate.clone()
    };
    if percent == 0 {
        Vec::new()
    } else {
        vec![rate, second]
    }
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
            Event::Finalize(a, b, percent, included) => {
                self.finalize([*a, *b], &vat(*percent, *included));
            }
            Event::Note(n, amount) => self.note(*n, *amount, None),
            Event::Refund(n, amount, on_chain) => {
                let to = match on_chain {
                    true => RefundTo::Address("payer".parse().unwrap()),
                    false => RefundTo::Prepaid,
                };
                self.note(*n, *amount, Some(to));
            }
            Event::Sent(confirmed) => self.sent(*confirmed),
            Event::WriteOff(n) => {
                let Some(at) = n.checked_rem(self.invoices.len()) else {
                    return;
                };
                let invoice = self.invoices[at].clone();
                if let Ok((invoice, entry)) = written_off(invoice, "gone", self.now()) {
                    self.post(&entry);
                    self.invoices[at] = invoice;
                }
            }
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

    fn note(&mut self, n: usize, amount: i64, refund_to: Option<RefundTo>) {
        let Some(at) = n.checked_rem(self.invoices.len()) else {
            return;
        };
        let sequence = self.notes.len() as u64 + 1;
        let new = NewCreditNote {
            credit_note_id: CreditNoteId::derived(&[&sequence.to_string()]),
            number: CreditNoteNumber::new(sequence),
            reason: "x".to_owned(),
            lines: vec![CreditNoteLine {
                description: "x".to_owned(),
                amount_micro_synor: MicroSynor::new(amount),
            }],
            refund_to,
            now: self.now(),
        };
        let before = &self.invoices[at];
        let possible = before
            .gross()
            .unwrap()
            .checked_sub(before.noted().unwrap())
            .unwrap();
        let Ok((note, invoice)) = CreditNote::on(before.clone(), new.clone()) else {
            let fits = amount <= possible.micro();
            let is_open = before.status != InvoiceStatus::Voided;
            assert!(
                !(fits && is_open) || new.refund_to.is_some(),
                "{amount} of {possible}"
            );
            return;
        };
        assert!(amount <= possible.micro());
        assert_eq!(note.check(), Ok(()));
        let last = self.distributions.get(&invoice.invoice_id).cloned();
        let done = noted(&note, &invoice, last, &FeeSplit::default()).unwrap();
        done.entries.iter().for_each(|e| self.post(e));
        for credit in done.credits {
            self.credits.insert(credit.credit_id, credit);
        }
        if let Some(distribution) = done.distribution {
            self.distributions
                .insert(distribution.invoice_id, distribution);
        }
        self.invoices[at] = invoice;
        if note.refund_micro_synor.is_positive() {
            self.on_their_way.push(note.clone());
        }
        self.notes.push(note);
    }

    fn sent(&mut self, confirmed: bool) {
        if self.on_their_way.is_empty() {
            return;
        }
        let note = self.on_their_way.remove(0);
        if confirmed {
            self.post(&refund_confirmed(&note, self.now()).unwrap());
            self.refunded += note.refund_micro_synor.micro();
        } else {
            let (credit, entry) = refund_refused(&note, "no", self.now()).unwrap();
            self.post(&entry);
            self.credits.insert(credit.credit_id, credit);
        }
    }

    fn finalize(&mut self, bytes: [i64; 2], taxes: &[TaxRate]) {
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
        let draft = draft.with_corrections().unwrap().with_taxes(taxes).unwrap();
        let mut manager = CreditManager::new(self.credits.values().cloned().collect());
        let invoice = draft
            .finalize(InvoiceNumber::new(number), &mut manager, self.now())
            .unwrap();
        let (entries, carried) = finalized(&invoice).unwrap();
        entries.iter().for_each(|e| self.post(e));
        self.keep(manager);
        let number = CreditNoteNumber::new(self.notes.len() as u64 + 1);
        let note = CreditNote::carried_over(&invoice, number).unwrap();
        assert_eq!(note.is_some(), carried.is_some());
        if let (Some(note), Some(credit)) = (note, &carried) {
            assert_eq!(note.check(), Ok(()));
            assert_eq!(note.credit_micro_synor, credit.amount_micro_synor);
            self.notes.push(note);
        }
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

    fn agree_on_notes_and_taxes(&self) {
        let mut taxes = 0;
        for invoice in &self.invoices {
            let own = self
                .notes
                .iter()
                .filter(|n| n.invoice_id == invoice.invoice_id);
            let (carried, notes): (Vec<_>, Vec<_>) =
                own.partition(|n| n.cause == CreditNoteCause::Correction);
            let sum = |notes: &[&CreditNote]| {
                notes
                    .iter()
                    .map(|n| n.amount_micro_synor.micro())
                    .sum::<i64>()
            };
            assert_eq!(sum(&notes), invoice.noted().unwrap().micro());
            let charged = tax_total(&invoice.taxes).unwrap().micro();
            let tax = |notes: &[&CreditNote]| {
                notes
                    .iter()
                    .map(|n| n.tax_total().unwrap().micro())
                    .sum::<i64>()
            };
            if invoice.status != InvoiceStatus::Voided {
                taxes += charged - tax(&notes);
            }
            taxes -= tax(&carried);
            assert!(tax(&notes) <= charged);
            if sum(&notes) == invoice.gross().unwrap().micro() {
                assert_eq!(tax(&notes), charged, "all of it was given back");
            }
        }
        let booked = self.balances.get(&LedgerAccount::Tax).copied();
        assert_eq!(-booked.unwrap_or_default(), taxes, "taxes");
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
        let clearing = clearing - self.refunded;
        assert_eq!(of(LedgerAccount::ChainClearing), clearing, "clearing");
        let waiting = -sum(&mut self.on_their_way.iter().map(|n| n.refund_micro_synor));
        assert_eq!(of(LedgerAccount::Refunds(acme())), waiting, "refunds");
        let given_up = self.invoices.iter().filter(|i| i.written_off_at.is_some());
        let given_up = sum(&mut given_up.map(|i| i.unsettled().unwrap()));
        assert_eq!(of(LedgerAccount::WriteOffs), given_up, "write-offs");
        self.agree_on_notes_and_taxes();
        let waiting = -sum(&mut unmatched.map(|p| p.amount_micro_synor));
        assert_eq!(of(LedgerAccount::Suspense), waiting, "suspense");
        assert_eq!(-earners.map(|(_, b)| b).sum::<i64>(), shared, "distributed");
        for invoice in &self.invoices {
            assert_eq!(invoice.check(), Ok(()));
            let collected = match invoice.status {
                InvoiceStatus::Paid => invoice.distributable().unwrap(),
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
