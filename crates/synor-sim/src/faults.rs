//! What goes wrong, and when, drawn from the seed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::random::Random;

/// What happens to one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The process dies before the write is durable.
    CrashBefore,
    /// The process dies after it, before the answer.
    CrashAfter,
    /// It is done, and the answer is lost.
    LostReply,
    /// It is delivered twice.
    Repeated,
    /// Somebody else was faster.
    Conflict,
}

/// How often each fault happens, of a hundred writes.
const CHANCES: [(Fault, u64); 5] = [
    (Fault::CrashBefore, 2),
    (Fault::CrashAfter, 2),
    (Fault::LostReply, 4),
    (Fault::Repeated, 4),
    (Fault::Conflict, 4),
];

#[derive(Debug)]
struct State {
    random: Random,
    is_on: bool,
    is_down: bool,
    happened: u64,
}

/// The source of faults that all seams share.
#[derive(Debug, Clone)]
pub struct Faults(Arc<Mutex<State>>);

impl Faults {
    /// Faults drawn from here; none until they are switched on.
    pub fn new(random: Random) -> Self {
        Self(Arc::new(Mutex::new(State {
            random,
            is_on: false,
            is_down: false,
            happened: 0,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Switches them on or off, and says how it was before.
    pub fn switch(&self, is_on: bool) -> bool {
        std::mem::replace(&mut self.state().is_on, is_on)
    }

    /// What happens to the next write.
    pub fn draw(&self) -> Fault {
        let mut state = self.state();
        if !state.is_on {
            return Fault::None;
        }
        let mut drawn = state.random.below(100);
        for (fault, chance) in CHANCES {
            if drawn < chance {
                state.happened = state.happened.saturating_add(1);
                if matches!(fault, Fault::CrashBefore | Fault::CrashAfter) {
                    state.is_down = true;
                }
                return fault;
            }
            drawn = drawn.saturating_sub(chance);
        }
        Fault::None
    }

    /// True so many times of a hundred, for bugs that happen now and then.
    pub fn percent(&self, chance: u64) -> bool {
        let mut state = self.state();
        state.is_on && state.random.percent(chance)
    }

    /// How often a read lets another node go first.
    pub fn yields(&self) -> u64 {
        let mut state = self.state();
        if state.is_on {
            state.random.below(3)
        } else {
            0
        }
    }

    /// Whether the process is dead.
    pub fn is_down(&self) -> bool {
        self.state().is_down
    }

    /// The process starts again.
    pub fn restart(&self) {
        self.state().is_down = false;
    }

    /// How many faults there were.
    pub fn happened(&self) -> u64 {
        self.state().happened
    }
}
