//! `relink check`: is the configuration good, and for which commands? Opens no port, no file
//! but the configuration and its secrets, and touches no server.

use crate::args::{Common, Format};
use crate::failure::Failure;
use crate::{output, parts};
use relink_config::{Config, ProcessEnv, ProcessRole};
use serde::Serialize;

#[derive(Serialize)]
struct Checked {
    file: String,
    warnings: Vec<String>,
    commands: Vec<Command>,
}

#[derive(Serialize)]
struct Command {
    command: &'static str,
    problems: Vec<String>,
}

const COMMANDS: [(&str, ProcessRole); 4] = [
    ("relink run", ProcessRole::Run),
    ("relink receive", ProcessRole::Receive),
    ("relink work", ProcessRole::Work),
    ("relink web", ProcessRole::Web),
];

pub(crate) fn run(common: &Common) -> Result<(), Failure> {
    let loaded = Config::load(common.config.as_deref(), &ProcessEnv)?;
    // What only shows when the senders are built: templates, certificates, lengths.
    if loaded.config.email.enabled {
        parts::email_sender(&loaded.config)?;
    }
    if loaded.config.sms.enabled {
        parts::sms_sender(&loaded.config)?;
    }
    let commands = COMMANDS.map(|(command, role)| Command {
        command,
        problems: loaded.config.check_role(role).iter().map(ToString::to_string).collect(),
    });
    let checked = Checked {
        file: loaded.path.display().to_string(),
        warnings: loaded.warnings.iter().map(ToString::to_string).collect(),
        commands: commands.into(),
    };
    match common.output {
        Format::Json => output::json(&checked)?,
        Format::Table => print(&checked)?,
    }
    // One command that works is a configuration for that command.
    if checked.commands.iter().all(|command| !command.problems.is_empty()) {
        return Err(Failure::config("this configuration serves no command"));
    }
    Ok(())
}

fn print(checked: &Checked) -> Result<(), Failure> {
    output::line(&format!("{}: good", checked.file))?;
    for warning in &checked.warnings {
        output::line(&format!("warning: {warning}"))?;
    }
    for command in &checked.commands {
        if command.problems.is_empty() {
            output::line(&format!("{}: can start", command.command))?;
        } else {
            output::line(&format!("{}: not with this file:", command.command))?;
            for problem in &command.problems {
                output::line(&format!("  {problem}"))?;
            }
        }
    }
    Ok(())
}
