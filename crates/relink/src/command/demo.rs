//! `relink demo`: the whole program with a pretend world beside it, on free ports and in a
//! temporary folder, so that it needs nothing, disturbs nothing and leaves nothing.

use crate::args::Demo;
use crate::command::demo_once;
use crate::command::demo_world::World;
use crate::failure::Failure;
use crate::{output, stop};
use relink_config::{Log, LogFormat};

pub(crate) async fn run(demo: &Demo) -> Result<(), Failure> {
    let filter = if demo.once { "warn" } else { "info" };
    crate::telemetry::start(&Log { format: LogFormat::Pretty, filter: filter.into() })?;
    let stop = stop::on_signal()?;
    let (world, process) = World::start(&stop).await?;
    let running = tokio::spawn(process.run(stop.clone()));
    let result = match demo.once {
        true => tokio::select! {
            told = demo_once::run(&world) => told,
            () = stop.cancelled() => Err(Failure::failed("stopped before it was done")),
        },
        false => {
            announce(&world)?;
            stop.cancelled().await;
            Ok(())
        }
    };
    stop.cancel();
    let ended =
        running.await.map_err(|error| Failure::failed(format!("the demo ended: {error}")))?;
    result.and(ended)
}

fn announce(world: &World) -> Result<(), Failure> {
    output::line(&format!("demo page   {}   break a login and watch", world.page_url))?;
    output::line(&format!("receiver    {}/webhooks/cobalt", world.receiver_url))?;
    output::line(&format!("metrics     {}/metrics", world.admin_url))?;
    output::line("Ctrl-C ends it; nothing is kept.")
}
