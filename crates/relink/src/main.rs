//! The program: arguments, telemetry, wiring, exit codes. Decides nothing about signals, cases
//! or messages; the crates it puts together do.

mod admin;
mod args;
mod command;
mod fail_points;
mod failure;
mod health;
mod one_host;
mod output;
mod parts;
mod ports;
mod process;
mod progress;
mod roles;
mod stop;
mod supervisor;
mod switched_off;
mod telemetry;
mod work;

use args::{Args, Command};
use clap::Parser as _;
use failure::Failure;
use roles::Roles;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Wrong usage ends here with code 2 and what is wrong with it.
    let args = Args::parse();
    // Before there is a second thread.
    let ports = match ports::Ports::from_env() {
        Ok(ports) => ports,
        Err(failure) => return failure.report(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::failed(format!("cannot start: {error}")).report(),
    };
    let result = runtime.block_on(run(args, ports));
    // Blocking reads of a terminal or a slow disk must not hold up the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn run(args: Args, ports: ports::Ports) -> Result<(), Failure> {
    fail_points::arm()?;
    let common = args.common;
    match args.command {
        Command::Run => Roles::all().run(&common, ports).await,
        Command::Receive => Roles::receive().run(&common, ports).await,
        Command::Work { only } => Roles::work(&only).run(&common, ports).await,
        Command::Web => Roles::web().run(&common, ports).await,
        Command::Demo(demo) => command::demo::run(&demo).await,
        Command::Check => command::check::run(&common),
        Command::Migrate => command::migrate::run(&common).await,
        Command::Config(what) => command::config::run(&common, what),
        Command::Accounts(what) => command::accounts::run(&common, what).await,
        Command::Cases(what) => command::cases::run(&common, what).await,
        Command::Attempts(what) => command::attempts::run(&common, what).await,
        Command::Audit(what) => command::audit::run(&common, &what).await,
        Command::Dead(what) => command::dead::run(&common, what).await,
        Command::Events(what) => command::events::run(&common, what).await,
        Command::Quarantine(what) => command::quarantine::run(&common, what).await,
        Command::Reconcile(what) => command::reconcile::run(&common, what).await,
        Command::Webhook(what) => command::webhook::run(&common, what).await,
        Command::Keys(what) => command::keys::run(&common, what).await,
    }
}
