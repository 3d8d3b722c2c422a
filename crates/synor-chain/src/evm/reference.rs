//! What a payment is for, as the contract carries it: 32 bytes that only the book can read.
//!
//! An invoice or a deposit is its id: four letters' room for the kind, twelve bytes of zero, and the
//! id's sixteen bytes. An account, which grants name, is a hash of its name: nobody learns the name
//! from the chain.

use alloy_primitives::{B256, keccak256};
use synor_economics::billing::PaymentTarget;
use synor_economics::id::{AccountId, DepositId, InvoiceId};
use uuid::Uuid;

const INVOICE: &[u8; 4] = b"inv\0";
const DEPOSIT: &[u8; 4] = b"dep\0";
const ACCOUNT: &[u8] = b"synor account v1:";

/// The reference of what is paid for; `None` if nothing is named.
pub fn reference_of(target: &PaymentTarget) -> Option<B256> {
    match target {
        PaymentTarget::Invoice(id) => Some(reference(INVOICE, id.uuid())),
        PaymentTarget::Deposit(id) => Some(reference(DEPOSIT, id.uuid())),
        PaymentTarget::Unmatched => None,
    }
}

/// The reference of an account in grants.
pub fn account_reference(account: &AccountId) -> B256 {
    keccak256([ACCOUNT, account.as_str().as_bytes()].concat())
}

/// The memo that a reference stands for: an invoice's or a deposit's id. Any other reference is its
/// own hex digits, which name nothing.
pub(super) fn memo_of(reference: B256) -> String {
    let (kind, rest) = reference.split_at(4);
    let (zeros, id) = rest.split_at(12);
    let id = Uuid::from_slice(id).ok().filter(|_| zeros == [0; 12]);
    match id {
        Some(id) if kind == INVOICE => InvoiceId::from_uuid(id).to_string(),
        Some(id) if kind == DEPOSIT => DepositId::from_uuid(id).to_string(),
        _ => reference.to_string(),
    }
}

fn reference(kind: &[u8; 4], id: Uuid) -> B256 {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(kind);
    bytes[16..].copy_from_slice(id.as_bytes());
    B256::new(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_back_as_what_was_paid_for() {
        let invoice = PaymentTarget::Invoice(InvoiceId::derived(&["a"]));
        let deposit = PaymentTarget::Deposit(DepositId::derived(&["a"]));
        for target in [invoice, deposit] {
            let memo = memo_of(reference_of(&target).unwrap());
            assert_eq!(PaymentTarget::from_memo(&memo), target);
        }
    }

    #[test]
    fn what_only_looks_like_a_reference_names_nothing() {
        let invoice = PaymentTarget::Invoice(InvoiceId::derived(&["a"]));
        let good = reference_of(&invoice).unwrap();
        for at in 0..16 {
            let mut other = good;
            other[at] ^= 0x10;
            let target = PaymentTarget::from_memo(&memo_of(other));
            assert_eq!(target, PaymentTarget::Unmatched, "byte {at}");
        }
        let account: AccountId = "acme".parse().unwrap();
        let account = memo_of(account_reference(&account));
        assert_eq!(PaymentTarget::from_memo(&account), PaymentTarget::Unmatched);
    }
}
