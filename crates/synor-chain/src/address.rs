//! Addresses: bech32m over a 20-byte hash of the public key, so that a mistyped one is noticed
//! before coins are sent to it.

use bech32::{Bech32m, Hrp};
use synor_economics::id::Address;

use crate::ChainError;

/// The letters every address starts with, before the `1`.
pub const ADDRESS_PREFIX: &str = "synor";

const HASH_BYTES: usize = 20;
const HASH_CONTEXT: &str = "synor address v1";

/// Reads an address as people type it and checks its checksum. Upper case is read as lower case,
/// as bech32 demands; anything else is `BadAddress`.
///
/// ```
/// use synor_chain::{parse_address, address::address_of};
/// let address = address_of(&[7; 32]);
/// assert_eq!(parse_address(address.as_str())?, address);
/// assert!(parse_address("synor1qqqq").is_err());
/// # Ok::<(), synor_chain::ChainError>(())
/// ```
pub fn parse_address(text: &str) -> Result<Address, ChainError> {
    let bad = |reason: &str| ChainError::BadAddress {
        text: text.to_owned(),
        reason: reason.to_owned(),
    };
    let text = text.trim();
    let checked = bech32::primitives::decode::CheckedHrpstring::new::<Bech32m>(text)
        .map_err(|error| bad(&error.to_string()))?;
    if checked.hrp().to_lowercase() != ADDRESS_PREFIX {
        return Err(bad("it does not start with synor1"));
    }
    if checked.byte_iter().count() != HASH_BYTES {
        return Err(bad("it has the wrong length"));
    }
    text.to_lowercase()
        .parse()
        .map_err(|_| bad("it is not plain text"))
}

/// Checks an [`Address`] that came from elsewhere: it must be exactly what [`parse_address`] would
/// give, or coins sent to it would be out of reach for the key it means.
pub fn check_address(address: &Address) -> Result<(), ChainError> {
    if parse_address(address.as_str())? == *address {
        Ok(())
    } else {
        Err(ChainError::BadAddress {
            text: address.to_string(),
            reason: "it is not written in lower case".to_owned(),
        })
    }
}

/// The address that an ed25519 public key controls.
pub fn address_of(public_key: &[u8; 32]) -> Address {
    let hash = blake3::derive_key(HASH_CONTEXT, public_key);
    let text = Hrp::parse(ADDRESS_PREFIX)
        .ok()
        .and_then(|hrp| bech32::encode::<Bech32m>(hrp, &hash[..HASH_BYTES]).ok())
        .and_then(|text| text.parse().ok());
    text.expect("twenty bytes under a fixed prefix always make an address")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_single_mistyped_letter_is_noticed() {
        let address = address_of(&[1; 32]).to_string();
        for at in 0..address.len() {
            let mut typed: Vec<char> = address.chars().collect();
            typed[at] = if typed[at] == 'q' { 'p' } else { 'q' };
            let typed: String = typed.into_iter().collect();
            assert!(parse_address(&typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn another_checksum_prefix_or_length_is_refused() {
        let hash = [3u8; 20];
        let bech32_not_m =
            bech32::encode::<bech32::Bech32>(Hrp::parse("synor").unwrap(), &hash).unwrap();
        let other = bech32::encode::<Bech32m>(Hrp::parse("bc").unwrap(), &hash).unwrap();
        let long = bech32::encode::<Bech32m>(Hrp::parse("synor").unwrap(), &[3; 21]).unwrap();
        for text in [
            bech32_not_m,
            other,
            long,
            String::new(),
            "synor1".to_owned(),
        ] {
            assert!(parse_address(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn upper_case_is_the_same_address_but_not_canonical() {
        let address = address_of(&[1; 32]);
        let upper = address.to_string().to_uppercase();
        assert_eq!(parse_address(&upper), Ok(address));
        assert!(check_address(&upper.parse().unwrap()).is_err());
    }
}
