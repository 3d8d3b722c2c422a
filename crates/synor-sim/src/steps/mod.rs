//! What can happen, one kind a file. A new kind is a new file and a line in [`STEPS`].

mod auto_pay;
mod close;
mod correct;
mod deduct;
mod deposit;
mod grant;
mod jobs;
mod mine;
mod pay;
mod plan;
mod race;
mod reorganize;
mod restart;
mod time;
mod usage;
mod void;

use std::future::Future;
use std::pin::Pin;

use crate::life::Broken;
use crate::random::Random;
use crate::world::World;

/// A node that is asked.
pub type Node = std::sync::Arc<synor_engine::Engine>;

/// A step under way.
pub type Going<'w> = Pin<Box<dyn Future<Output = Result<(), Broken>> + 'w>>;

/// A kind of step.
pub struct Step {
    /// What it is called.
    pub name: &'static str,
    /// How often it happens, compared with the others.
    pub weight: u64,
    /// Does it.
    pub run: for<'w> fn(&'w mut World) -> Going<'w>,
}

/// All kinds.
pub const STEPS: [Step; 16] = [
    usage::STEP,
    correct::STEP,
    time::STEP,
    close::STEP,
    void::STEP,
    plan::STEP,
    grant::STEP,
    deduct::STEP,
    race::STEP,
    deposit::STEP,
    pay::STEP,
    auto_pay::STEP,
    mine::STEP,
    reorganize::STEP,
    jobs::STEP,
    restart::STEP,
];

/// A step by the weights.
pub fn drawn(random: &mut Random) -> &'static Step {
    const ALL: &[Step] = &STEPS;
    let total = ALL.iter().map(|step| step.weight).sum();
    let mut drawn = random.below(total);
    for step in ALL {
        if drawn < step.weight {
            return step;
        }
        drawn -= step.weight;
    }
    &ALL[0]
}
