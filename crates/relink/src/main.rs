//! The program: arguments, telemetry, wiring, exit codes. Decides nothing about signals, cases
//! or messages; the crates it puts together do.

mod admin;
mod args;
mod command;
mod fail_points;
mod failure;
mod health;
mod output;
mod parts;
mod process;
mod roles;
mod stop;
mod switched_off;
mod telemetry;
mod work;

use args::{Args, Command};
use clap::Parser as _;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Wrong usage ends here with code 2 and what is wrong with it.
    let args = Args::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::failed(format!("cannot start: {error}")).report(),
    };
    let result = runtime.block_on(run(args));
    // Blocking reads of a terminal or a slow disk must not hold up the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn run(args: Args) -> Result<(), Failure> {
    fail_points::arm()?;
    let common = args.common;
    match args.command {
        Command::Run => roles::run_configured(&common, roles::Roles::all()).await,
        Command::Receive => roles::run_configured(&common, roles::Roles::receive()).await,
        Command::Work { only } => roles::run_configured(&common, roles::Roles::work(&only)).await,
        Command::Web => roles::run_configured(&common, roles::Roles::web()).await,
        Command::Demo(demo) => command::demo::run(&demo).await,
        Command::Check => command::check::run(&common),
        Command::Migrate => command::migrate::run(&common).await,
        Command::Config(what) => command::config::run(&common, what),
        Command::Accounts(what) => command::accounts::run(&common, what).await,
        Command::Cases(what) => command::cases::run(&common, what).await,
        Command::Attempts(what) => command::attempts::run(&common, what).await,
        Command::Dead(what) => command::dead::run(&common, what).await,
    }
}
