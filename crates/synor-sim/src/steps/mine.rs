//! Blocks are made, and a node follows them.

use super::{Node, Step};
use crate::life::Broken;
use crate::world::World;

pub const STEP: Step = Step {
    name: "mine",
    weight: 12,
    run: |world| Box::pin(run(world)),
};

async fn run(world: &mut World) -> Result<(), Broken> {
    let blocks = world.random.below(30) + 1;
    world.mine(blocks)?;
    if world.random.percent(80) {
        let ask = async |engine: Node| engine.follow_chain().await;
        world.ask(ask).await?;
    }
    Ok(())
}
