//! Payments of every kind, as the book will see them.

use synor_chain::evm::calls::payInvoiceCall;
use synor_chain::evm::primitives::{B256, U256};
use synor_chain::{Chain, ChainError, Cursor, Order, Soma, TransferStatus};
use synor_economics::billing::PaymentTarget;
use synor_economics::id::{AccountId, DepositId, InvoiceId};
use synor_economics::money::MicroSynor;

use crate::world::{World, feed, units};

fn account() -> AccountId {
    "acme".parse().unwrap()
}

#[tokio::test]
async fn an_invoice_is_paid_by_its_reference_a_deposit_by_its_own_and_a_charge_within_its_grant() {
    let Some(world) = World::start().await else {
        return;
    };
    let chain = world.chain().await;
    let (paid, charged) = (InvoiceId::derived(&["1"]), InvoiceId::derived(&["2"]));
    let deposit = DepositId::derived(&["3"]);
    world.pay(paid, 1_500_000).await;
    world.deposit(deposit, 7).await;
    world.grant(&account(), 2_000_000, 3_000_000).await;
    chain.catch_up().await.unwrap();
    let payer = world.payer.to_checksum(None).parse().unwrap();
    let pay_to = chain.pay_to().unwrap();
    let grant = chain.grant_for(&payer, &pay_to, &account()).await.unwrap();
    let grant = grant.unwrap();
    let soma = |micro| Soma::from_micro(MicroSynor::new(micro)).unwrap();
    assert_eq!(grant.max_per_charge, soma(2_000_000));
    let target = PaymentTarget::Invoice(charged);
    let amount = MicroSynor::new(2_000_000);
    let order = Order::charge(Clone::clone(&payer), account(), target, amount);
    chain.order(&order).await.unwrap();
    let hash = chain.sent_as(order.id()).unwrap().unwrap();
    // Asked again, it is the same transaction.
    chain.order(&order).await.unwrap();
    assert_eq!(chain.sent_as(order.id()).unwrap(), Some(hash));
    let hash = hash.to_string().parse().unwrap();
    world.mine(1).await;

    let (items, _) = feed(&chain, Cursor(0)).await;
    let seen: Vec<_> = items.iter().map(|t| (t.memo.clone(), t.amount)).collect();
    let expected = [
        (paid.to_string(), soma(1_500_000)),
        (deposit.to_string(), soma(7)),
        (charged.to_string(), soma(2_000_000)),
    ];
    assert_eq!(seen, expected);
    let last = &items[2];
    assert_eq!(
        (&last.tx_id, &last.from, &last.to),
        (&hash, &payer, &pay_to)
    );
    assert_eq!(last.status, TransferStatus::Included);
    assert_eq!(last.confirmations, 2);
    // The order's id leads to the payment that it made.
    let made = chain.transfer(order.id()).await.unwrap().unwrap();
    assert_eq!(&made, last);
    let left = chain.grant_for(&payer, &pay_to, &account()).await.unwrap();
    assert_eq!(left.unwrap().remaining, soma(1_000_000));
    assert_eq!(
        chain.balance(&pay_to).await.unwrap(),
        soma(1_500_000 + 7 + 2_000_000)
    );
}

#[tokio::test]
async fn a_charge_beyond_its_grant_is_refused_before_anything_is_sent() {
    let Some(world) = World::start().await else {
        return;
    };
    let chain = world.chain().await;
    world.grant(&account(), 100, 150).await;
    let payer = world.payer.to_checksum(None).parse().unwrap();
    let order = |invoice: &str, amount| {
        let owner = world.payer.to_checksum(None).parse().unwrap();
        let target = PaymentTarget::Invoice(InvoiceId::derived(&[invoice]));
        Order::charge(owner, account(), target, MicroSynor::new(amount))
    };
    let refused = chain.order(&order("a", 101)).await.unwrap_err();
    assert!(
        refused.to_string().contains("OverInvoiceMaximum"),
        "{refused}"
    );
    chain.order(&order("a", 100)).await.unwrap();
    let refused = chain.order(&order("b", 51)).await.unwrap_err();
    assert!(
        refused.to_string().contains("OverPeriodMaximum"),
        "{refused}"
    );
    let other: AccountId = "other".parse().unwrap();
    chain.catch_up().await.unwrap();
    let pay_to = chain.pay_to().unwrap();
    assert_eq!(
        chain.grant_for(&payer, &pay_to, &other).await.unwrap(),
        None
    );
    assert_eq!(feed(&chain, Cursor(0)).await.0.len(), 1);
}

#[tokio::test]
async fn a_reference_that_names_nothing_is_shown_and_dust_is_refused_by_the_contract() {
    let Some(world) = World::start().await else {
        return;
    };
    let chain = world.chain().await;
    let unknown = payInvoiceCall {
        invoice: B256::repeat_byte(0x77),
        amount: units(5),
    };
    world
        .transact(world.payer, world.made.billing, unknown)
        .await;
    let (items, _) = feed(&chain, Cursor(0)).await;
    let target = PaymentTarget::from_memo(&items[0].memo);
    assert_eq!((items.len(), target), (1, PaymentTarget::Unmatched));
    let dust = payInvoiceCall {
        invoice: B256::repeat_byte(0x77),
        amount: units(5) + U256::from(1),
    };
    world.send(world.payer, world.made.billing, dust).await;
    world.mine(1).await;
    assert_eq!(feed(&chain, Cursor(0)).await.0.len(), 1);
}

#[tokio::test]
async fn coins_go_back_once_and_no_more_than_are_held() {
    let Some(world) = World::start().await else {
        return;
    };
    let chain = world.chain().await;
    let id = InvoiceId::derived(&["1"]);
    let target = PaymentTarget::Invoice(id);
    world.pay(id, 100).await;
    let pay_to = chain.pay_to().unwrap();
    let back = |amount| {
        let to = world.payer.to_checksum(None).parse().unwrap();
        Order::refund(target, to, MicroSynor::new(amount))
    };
    let too_much = chain.order(&back(101)).await.unwrap_err();
    assert!(
        matches!(too_much, ChainError::Reverted { .. }),
        "{too_much}"
    );
    let order = back(60);
    chain.order(&order).await.unwrap();
    chain.order(&order).await.unwrap();
    world.mine(1).await;
    chain.catch_up().await.unwrap();
    let soma = |micro| Soma::from_micro(MicroSynor::new(micro)).unwrap();
    assert_eq!(chain.balance(&pay_to).await.unwrap(), soma(40));
    let done = chain.transfer(order.id()).await.unwrap().unwrap();
    assert_eq!(
        (done.status, done.confirmations),
        (TransferStatus::Included, 2)
    );
}
