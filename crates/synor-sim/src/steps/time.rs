//! Time passes.

use synor_economics::period::DAY_SECS;

use super::Step;
use crate::life::Broken;
use crate::world::World;

pub const STEP: Step = Step {
    name: "time",
    weight: 18,
    run: |world| Box::pin(run(world)),
};

async fn run(world: &mut World) -> Result<(), Broken> {
    let secs = world.random.between(600, 14 * DAY_SECS);
    world.clock.advance(secs);
    Ok(())
}
