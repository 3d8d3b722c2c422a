//! Chance that falls the same way on every machine.

/// SplitMix64, a whole-number generator whose stream is fixed by its seed alone (Steele, Lea and
/// Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014). Good enough for a demo,
/// and for nothing that must not be guessed.
pub struct Random {
    state: u64,
}

impl Random {
    /// The stream that belongs to a name, so that what is drawn for one account does not move when
    /// another one is added.
    pub fn named(parts: &[&str]) -> Self {
        Self {
            state: fnv1a(parts.join("/").as_bytes()),
        }
    }

    /// A whole number from `low` to `high`, both included. Taking the remainder favours low numbers
    /// by less than one in a trillion here.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let count = high.saturating_sub(low).saturating_add(1).max(1);
        low + (self.next() >> 1).cast_signed() % count
    }

    /// An amount, more or less: up to `permille` thousandths up or down.
    pub fn vary(&mut self, amount: i64, permille: i64) -> i64 {
        amount * self.between(1_000 - permille, 1_000 + permille) / 1_000
    }

    /// One of several, each as likely as the next; none of none.
    pub fn choose<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let last = i64::try_from(from.len()).ok()? - 1;
        from.get(usize::try_from(self.between(0, last)).ok()?)
    }

    /// The place of a draw among weights: the higher a weight, the more often it is its turn.
    pub fn place(&mut self, weights: &[i64]) -> i64 {
        let mut left = self.between(1, weights.iter().sum());
        let found = weights.iter().zip(0..).find(|(weight, _)| {
            left -= **weight;
            left <= 0
        });
        found.map_or(0, |(_, place)| place)
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The 64-bit FNV-1a hash of some bytes (Fowler, Noll and Vo).
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_splitmix64() {
        let mut random = Random { state: 1_234_567 };
        let drawn: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(
            drawn,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn names_are_hashed_by_fnv1a() {
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn draws_stay_within_their_bounds() {
        let mut random = Random::named(&["bounds"]);
        for _ in 0..1_000 {
            assert!((3..=5).contains(&random.between(3, 5)));
            assert!((900..=1_100).contains(&random.vary(1_000, 100)));
            assert_eq!(random.place(&[0, 7, 0]), 1);
            assert!(random.choose(&["a", "b"]).is_some());
            assert_eq!(random.choose::<u8>(&[]), None);
        }
    }
}
