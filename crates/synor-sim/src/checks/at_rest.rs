//! Books at rest: verification finds nothing, and what runs again changes nothing.

use synor_engine::EngineError;
use synor_store::Store;

use crate::life::Broken;
use crate::world::World;

/// How often the jobs may find more to do before they are said never to end.
const ROUNDS_MAX: u32 = 20;

/// Runs the jobs until none finds anything to do.
pub async fn settle(world: &World) -> Result<(), Broken> {
    for _ in 0..ROUNDS_MAX {
        let before = commits(world).await?;
        jobs(world).await?;
        if commits(world).await? == before {
            return Ok(());
        }
    }
    Err(Broken::new("the jobs never come to rest"))
}

/// The engine's own proof.
pub async fn verify(world: &World) -> Result<(), Broken> {
    let found = world.node(0).verify().await.map_err(Broken::setup)?;
    if let Some(problem) = found.problems.first() {
        return Err(Broken::new(problem.clone()));
    }
    let parts = found
        .distributed_micro_synor
        .checked_add(found.held_micro_synor)
        .map_err(Broken::setup)?;
    if parts != found.collected_micro_synor {
        let collected = found.collected_micro_synor;
        let what = format!("{collected} were collected, {parts} distributed and held");
        return Err(Broken::new(what));
    }
    Ok(())
}

/// Every job again, from both nodes, and every closed month: nothing is committed.
pub async fn run_again(world: &World) -> Result<(), Broken> {
    let before = commits(world).await?;
    jobs(world).await?;
    for at in [0, 1] {
        for month in &world.closed_months {
            let closed = world.node(at).close_period(*month, &|_, _| {}).await;
            let closed = closed.map_err(Broken::setup)?;
            // Usage that came late for an account without an invoice of the month makes one.
            if closed.invoice_count > 0 {
                return Ok(());
            }
        }
    }
    let after = commits(world).await?;
    if after != before {
        let what = format!("running the jobs again made {} commits", after - before);
        return Err(Broken::new(what));
    }
    Ok(())
}

async fn jobs(world: &World) -> Result<(), Broken> {
    for at in [0, 1] {
        let node = world.node(at);
        let ran: Result<(), EngineError> = async {
            node.follow_chain().await?;
            node.run_auto_pay().await?;
            node.reward_referrals().await?;
            node.clear_spot_due().await?;
            node.dun().await?;
            Ok(())
        }
        .await;
        ran.map_err(|error| Broken::new(format!("a job failed: {error}")))?;
    }
    Ok(())
}

async fn commits(world: &World) -> Result<u64, Broken> {
    world.book.commits().await.map_err(Broken::setup)
}
