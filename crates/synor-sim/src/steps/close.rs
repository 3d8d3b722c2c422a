//! A month is closed when it has ended, and sometimes again.

use super::{Node, Step};
use crate::life::Broken;
use crate::world::World;

pub const STEP: Step = Step {
    name: "close",
    weight: 10,
    run: |world| Box::pin(run(world)),
};

async fn run(world: &mut World) -> Result<(), Broken> {
    let again = world.random.percent(20);
    let closed = world.closed_months.clone();
    let month = match world.random.pick(&closed) {
        Some(month) if again => *month,
        _ => world.open_month,
    };
    let ask = async |engine: Node| engine.close_period(month, &|_, _| {}).await;
    let Some(done) = world.ask(ask).await? else {
        return Ok(());
    };
    if month == world.open_month && done.failed.is_empty() {
        world.closed_months.push(month);
        world.open_month = month.next().map_err(Broken::setup)?;
    }
    Ok(())
}
