//! The jobs run once.

use super::{Node, Step};
use crate::life::Broken;
use crate::world::World;

pub const STEP: Step = Step {
    name: "jobs",
    weight: 6,
    run: |world| Box::pin(run(world)),
};

async fn run(world: &mut World) -> Result<(), Broken> {
    let ask = async |engine: Node| {
        engine.run_auto_pay().await?;
        engine.reward_referrals().await?;
        engine.clear_spot_due().await?;
        engine.dun().await
    };
    world.ask(ask).await?;
    Ok(())
}
