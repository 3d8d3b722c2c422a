//! `synor worker`: counts the usage of a stream, until it is told to stop.

use std::time::Duration;

use super::serve::told_to_stop;
use crate::args::Global;
use crate::client::FOLDER;
use crate::data_folder::DataFolder;
use crate::error::error_with_help;
use crate::platform::Platform;
use crate::stream::{EngineSink, RunningWorker, open_dead_letters};

/// Nobody waits for blocks of a worker.
const BLOCK_INTERVAL: Duration = Duration::from_secs(3_600);

pub async fn run(global: &Global) -> anyhow::Result<()> {
    let folder = DataFolder::resolve(global.data.as_deref(), FOLDER)?;
    let _lock = folder.lock()?.ok_or_else(|| {
        error_with_help(
            format!(
                "{} is in use by another process, and a usage log in it has one at a time",
                folder.path().display()
            ),
            "set `consume = true` under [stream] in synor.toml and restart the server, which then \
             reads the stream; for several workers, put [storage] book and usage_log into \
             PostgreSQL and give each a --data of its own",
        )
    })?;
    let platform = Platform::open(&folder, Some(BLOCK_INTERVAL)).await?;
    let Some(stream) = &platform.config.stream else {
        return Err(error_with_help(
            "synor.toml names no stream",
            "write `[stream]` and `url = \"redis://localhost:6379/usage-events\"` into it",
        ));
    };
    let letters = open_dead_letters(&folder)?;
    let meters = platform.config.intake()?.meters;
    let sink = EngineSink::new(platform.engine, letters, meters);
    let worker = RunningWorker::start(stream, sink)?;
    println!("counting {} into {}", stream.url, folder.path().display());
    told_to_stop().await?;
    worker.stop().await;
    platform.chain.stop().await;
    println!("stopped");
    Ok(())
}
