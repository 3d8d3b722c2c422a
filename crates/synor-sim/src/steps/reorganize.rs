//! The chain takes blocks back; what was in them waits again, or is gone.

use synor_chain::{Chain, DevControls, Reorganization};

use super::{Node, Step};
use crate::blocking::wait;
use crate::life::Broken;
use crate::world::World;

pub const STEP: Step = Step {
    name: "reorganize",
    weight: 5,
    run: |world| Box::pin(run(world)),
};

async fn run(world: &mut World) -> Result<(), Broken> {
    let height = wait(world.chain.block_count()).map_err(Broken::setup)?;
    // The first block gave the customers their coins.
    let depth = (world.random.below(20) + 1).min(height.saturating_sub(1));
    if depth == 0 {
        return Ok(());
    }
    let wish = Reorganization {
        depth,
        drop_all: world.random.percent(40),
        drop: Vec::new(),
    };
    wait(world.chain.reorganize(wish)).map_err(Broken::setup)?;
    if world.random.percent(60) {
        let ask = async |engine: Node| engine.follow_chain().await;
        world.ask(ask).await?;
    }
    Ok(())
}
