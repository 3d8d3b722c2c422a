//! Which of a contract's logs are payments, and what each says.

use std::collections::BTreeMap;

use alloy_primitives::{Address as EvmAddress, B256, U256};
use alloy_sol_types::SolEvent;
use synor_economics::id::{Address, TxId};

use super::abi::{Charged, Deposited, InvoicePaid};
use super::reference::memo_of;
use super::rpc::{Log, LogFilter};
use super::units::Units;
use crate::{ChainError, Soma};

/// A payment that a block holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeenPayment {
    pub tx_id: TxId,
    pub from: Address,
    pub to: Address,
    pub amount: Soma,
    pub memo: String,
    pub height: u64,
}

/// Which logs of the billing contract bring coins in.
pub(super) fn filter(billing: EvmAddress) -> LogFilter {
    LogFilter {
        address: billing,
        kinds: vec![
            InvoicePaid::SIGNATURE_HASH,
            Deposited::SIGNATURE_HASH,
            Charged::SIGNATURE_HASH,
        ],
    }
}

/// The payments of some logs, which are in order and whole for each transaction.
///
/// One transaction may pay several times: the first payment has the transaction's hash as its id, the
/// others that and their place after a colon.
pub(super) fn payments_of(
    logs: &[Log],
    billing: EvmAddress,
    units: Units,
) -> Result<Vec<SeenPayment>, ChainError> {
    let mut of_transaction: BTreeMap<B256, u32> = BTreeMap::new();
    let mut seen = Vec::new();
    for log in logs {
        let (reference, payer, amount) = read(log, billing)?;
        let place = of_transaction.entry(log.transaction_hash).or_default();
        let id = match *place {
            0 => log.transaction_hash.to_string(),
            place => format!("{}:{place}", log.transaction_hash),
        };
        *place = place.saturating_add(1);
        seen.push(SeenPayment {
            tx_id: id.parse().map_err(|_| malformed("a transaction's hash"))?,
            from: address_of(payer)?,
            to: address_of(billing)?,
            amount: units.to_soma(amount)?,
            memo: memo_of(reference),
            height: log.block_number.to(),
        });
    }
    Ok(seen)
}

/// An address as the book writes it, with its checksum in upper and lower case.
pub(super) fn address_of(address: EvmAddress) -> Result<Address, ChainError> {
    let text = address.to_checksum(None);
    text.parse().map_err(|_| malformed("an address"))
}

fn read(log: &Log, billing: EvmAddress) -> Result<(B256, EvmAddress, U256), ChainError> {
    if log.address != billing {
        return Err(malformed("a log of another contract"));
    }
    let topics = log.topics.iter().copied();
    let kind = log.topics.first().copied().unwrap_or_default();
    let unread = |_| malformed("a log of a payment");
    Ok(match kind {
        InvoicePaid::SIGNATURE_HASH => {
            let it = InvoicePaid::decode_raw_log(topics, &log.data).map_err(unread)?;
            (it.invoice, it.payer, it.amount)
        }
        Deposited::SIGNATURE_HASH => {
            let it = Deposited::decode_raw_log(topics, &log.data).map_err(unread)?;
            (it.account, it.payer, it.amount)
        }
        Charged::SIGNATURE_HASH => {
            let it = Charged::decode_raw_log(topics, &log.data).map_err(unread)?;
            (it.invoice, it.payer, it.amount)
        }
        _ => return Err(malformed("a log of another kind")),
    })
}

fn malformed(what: &str) -> ChainError {
    ChainError::Inconsistent {
        what: format!("{what} among the payments cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Bytes, U64, address};
    use alloy_sol_types::SolValue;

    use super::*;

    const BILLING: EvmAddress = address!("5fbdb2315678afecb367f032d93f642f64180aa3");
    const PAYER: EvmAddress = address!("f39fd6e51aad88f6f4ce6ab8827279cfffb92266");

    fn paid(transaction: u8, units: u64) -> Log {
        let invoice = B256::repeat_byte(7);
        Log {
            address: BILLING,
            topics: vec![InvoicePaid::SIGNATURE_HASH, invoice, PAYER.into_word()],
            data: Bytes::from(U256::from(units).abi_encode()),
            block_number: U64::from(3),
            block_hash: B256::ZERO,
            transaction_hash: B256::repeat_byte(transaction),
            log_index: U64::ZERO,
        }
    }

    #[test]
    fn payments_of_one_transaction_are_told_apart() {
        let units = Units::of_decimals(6).unwrap();
        let seen = payments_of(&[paid(1, 5), paid(1, 5), paid(2, 5)], BILLING, units).unwrap();
        let ids: Vec<String> = seen.iter().map(|p| p.tx_id.to_string()).collect();
        let (first, second) = (B256::repeat_byte(1), B256::repeat_byte(2));
        assert_eq!(
            ids,
            [first.to_string(), format!("{first}:1"), second.to_string()]
        );
        assert_eq!(seen[0].amount, Soma::new(500));
        assert_eq!(
            seen[0].from.as_str(),
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
        );
    }

    #[test]
    fn logs_that_no_contract_of_ours_made_are_refused() {
        let units = Units::of_decimals(6).unwrap();
        let elsewhere = Log {
            address: PAYER,
            ..paid(1, 5)
        };
        let unknown = Log {
            topics: vec![B256::ZERO],
            ..paid(1, 5)
        };
        let cut = Log {
            data: Bytes::new(),
            ..paid(1, 5)
        };
        for log in [elsewhere, unknown, cut] {
            assert!(payments_of(&[log], BILLING, units).is_err());
        }
        let fine = Units::of_decimals(8).unwrap();
        assert!(payments_of(&[paid(1, 5)], BILLING, fine).is_err());
    }
}
