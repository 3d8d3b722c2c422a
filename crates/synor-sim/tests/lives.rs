//! Lives without a bug hold, one seed is one life, and each bug is noticed.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::sync::atomic::{AtomicU64, Ordering};

use synor_sim::{Bug, Life, live};

/// How many lives a run of the tests lives; `just simulate` lives more.
const LIVES: u64 = 2_000;
const STEPS: u32 = 60;
/// How many lives a bug may go unnoticed.
const LIVES_WITH_A_BUG: u64 = 300;

#[test]
fn every_life_holds() {
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= LIVES {
                        return;
                    }
                    let life = Life {
                        seed,
                        steps: STEPS,
                        bug: None,
                    };
                    if let Err(broken) = live(life) {
                        panic!("{broken}");
                    }
                }
            });
        }
    });
}

#[test]
fn one_seed_is_one_life() {
    for seed in [7, 8, 9] {
        let life = Life {
            seed,
            steps: 80,
            bug: None,
        };
        let (one, two) = (live(life).unwrap(), live(life).unwrap());
        assert_eq!(one.steps, two.steps);
        assert_eq!((one.faults, one.restarts), (two.faults, two.restarts));
        assert_eq!(one.print, two.print);
        assert!(one.entries > 0, "nothing happened in seed {seed}");
    }
}

/// After how many lives a bug is noticed; the same lives hold without it.
fn noticed(bug: Bug) {
    for seed in 0..LIVES_WITH_A_BUG {
        let life = Life {
            seed,
            steps: STEPS,
            bug: Some(bug),
        };
        if let Err(broken) = live(life) {
            println!("{bug:?} is noticed: {broken}");
            assert!(!broken.what.contains("the simulation failed"), "{broken}");
            live(Life { bug: None, ..life }).unwrap();
            return;
        }
    }
    panic!("{bug:?} went unnoticed in {LIVES_WITH_A_BUG} lives");
}

macro_rules! bugs {
    ($($test:ident $bug:ident)*) => {$(
        #[test]
        fn $test() {
            noticed(Bug::$bug);
        }
    )*
        #[test]
        fn every_bug_has_a_test() {
            assert_eq!(Bug::ALL, [$(Bug::$bug),*]);
        }
    };
}

bugs! {
    a_lost_update_is_noticed LostUpdate
    a_command_applied_twice_is_noticed DoubleApply
    a_dropped_entry_is_noticed DroppedEntry
    a_missed_reversal_is_noticed MissedReversal
    a_reply_before_durability_is_noticed ReplyBeforeDurable
    a_claim_before_the_write_is_noticed ClaimBeforeWrite
    a_duplicate_counted_is_noticed DuplicateCounted
    rounding_twice_is_noticed RoundedTwice
    a_credit_not_used_up_is_noticed CreditNotUsedUp
    a_number_gap_is_noticed NumberGap
}
