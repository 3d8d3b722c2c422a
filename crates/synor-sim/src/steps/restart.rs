//! Both nodes are stopped and started again.

use super::Step;
use crate::life::Broken;
use crate::world::World;

pub const STEP: Step = Step {
    name: "restart",
    weight: 2,
    run: |world| Box::pin(run(world)),
};

async fn run(world: &mut World) -> Result<(), Broken> {
    world.start().await
}
