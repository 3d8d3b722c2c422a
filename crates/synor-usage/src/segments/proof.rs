//! Sums that tell whether two collections are the same, however large and in whichever order they are
//! read. Each entry weighs a number that depends on all of it; nobody who does not know the weights
//! can alter entries so that the sum stays the same.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use super::identities::KeyEntry;
use super::meters::MeterNo;
use crate::log::LogPosition;

/// What a collection adds up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Proof(u128);

impl Proof {
    /// The proof of both collections together.
    pub(super) fn plus(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// Adds an id.
    pub(super) fn add_key(&mut self, entry: &KeyEntry) {
        let position = entry.position.to_le_bytes();
        self.add(weight(&[
            &entry.hash.to_bytes(),
            &position,
            &entry.content.0,
        ]));
    }

    /// Adds a sample.
    pub(super) fn add_sample(
        &mut self,
        meter: MeterNo,
        time_secs: i64,
        position: LogPosition,
        level: i128,
    ) {
        self.add(weight(&[
            &meter.to_le_bytes(),
            &time_secs.to_le_bytes(),
            &position.to_le_bytes(),
            &level.to_le_bytes(),
        ]));
    }

    /// Adds an amount. Amounts of one meter and bucket add up: two of them prove the same as their
    /// sum.
    pub(super) fn add_amount(&mut self, meter: MeterNo, bucket: i64, amount: i128) {
        let weight = weight(&[&meter.to_le_bytes(), &bucket.to_le_bytes()]);
        // Odd, so that no amount weighs nothing.
        self.add((weight | 1).wrapping_mul(amount.cast_unsigned()));
    }

    fn add(&mut self, weight: u128) {
        self.0 = self.0.wrapping_add(weight);
    }
}

fn weight(parts: &[&[u8]]) -> u128 {
    let mut hasher = SipHasher13::new_with_keys(0x7379_6e6f_7270_726f, 0x6f66_7765_6967_6874);
    for part in parts {
        hasher.write(part);
    }
    hasher.finish128().as_u128()
}
