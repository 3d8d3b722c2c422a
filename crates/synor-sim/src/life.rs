//! One life: steps drawn from the seed, with the invariants after each.

use crate::bug::Bug;
use crate::checks;
use crate::steps;
use crate::world::World;

/// Every so many steps, everything is verified.
const VERIFY_EVERY: u32 = 12;

/// Which life.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    /// What it is drawn from.
    pub seed: u64,
    /// How many steps it has.
    pub steps: u32,
    /// What is wrong with it on purpose.
    pub bug: Option<Bug>,
}

/// What a life came to.
#[derive(Debug, Clone, Default)]
pub struct Lived {
    /// The steps, by name, in order.
    pub steps: Vec<&'static str>,
    /// How many faults there were.
    pub faults: u64,
    /// How often the nodes were started.
    pub restarts: u64,
    /// How many entries the journal has.
    pub entries: u64,
    /// What the books came to, to compare two lives of one seed.
    pub print: String,
}

/// Something that must hold did not.
#[derive(Debug, Clone, thiserror::Error)]
#[error("seed {seed}, after step {step} ({name}): {what}")]
pub struct Broken {
    /// Of which life.
    pub seed: u64,
    /// After how many steps.
    pub step: u32,
    /// What the last step was.
    pub name: &'static str,
    /// What does not hold.
    pub what: String,
}

impl Broken {
    /// Something does not hold.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            seed: 0,
            step: 0,
            name: "",
            what: what.into(),
        }
    }

    /// The simulation itself could not do something that always works.
    pub fn setup(error: impl std::fmt::Display) -> Self {
        Self::new(format!("the simulation failed: {error}"))
    }
}

/// Lives a life; says what broke, and where.
pub fn live(life: Life) -> Result<Lived, Broken> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(Broken::setup)?;
    let mut at = (0, "the beginning");
    let lived = runtime.block_on(steps_of(life, &mut at));
    lived.map_err(|broken| Broken {
        seed: life.seed,
        step: at.0,
        name: at.1,
        ..broken
    })
}

async fn steps_of(life: Life, at: &mut (u32, &'static str)) -> Result<Lived, Broken> {
    let mut world = World::new(life.seed, life.bug).await?;
    let mut lived = Lived::default();
    for number in 1..=life.steps {
        let step = steps::drawn(&mut world.random);
        *at = (number, step.name);
        lived.steps.push(step.name);
        (step.run)(&mut world).await?;
        checks::after_a_step(&mut world).await?;
        if number % VERIFY_EVERY == 0 {
            checks::everything(&mut world).await?;
        }
    }
    checks::everything(&mut world).await?;
    lived.faults = world.faults.happened();
    lived.restarts = world.restarts;
    (lived.entries, lived.print) = checks::print(&world).await?;
    Ok(lived)
}
