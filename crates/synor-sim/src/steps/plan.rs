//! The third customer changes its plan.

use synor_economics::plan::Plan;
use synor_engine::NewPlan;

use super::{Node, Step};
use crate::life::Broken;
use crate::world::World;

pub const STEP: Step = Step {
    name: "plan",
    weight: 2,
    run: |world| Box::pin(run(world)),
};

/// Who changes plans.
const WHO: usize = 2;

async fn run(world: &mut World) -> Result<(), Broken> {
    let Some(plan) = world.random.pick(&Plan::ALL).copied() else {
        return Ok(());
    };
    let account = world.customers[WHO].id.clone();
    let ask = async |engine: Node| {
        engine
            .change_plan(&account, NewPlan { plan, from: None })
            .await
    };
    world.ask(ask).await?;
    Ok(())
}
