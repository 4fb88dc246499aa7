//! `mandate config`.

use std::path::Path;

use mandate_runtime::config;

use crate::{
    args::{ConfigCommand, Global},
    exit::CliError,
    output,
};

pub(super) fn run(global: &Global, command: &ConfigCommand) -> Result<(), CliError> {
    let loaded =
        config::load(global.config.as_deref(), Path::new(config::DEFAULT_FILE), config::environment())?;
    for warning in &loaded.warnings {
        output::note(format!("warning: {warning}"))?;
    }
    match command {
        ConfigCommand::Check => {
            // Other roles need less, so what this one lacks is no problem of the file.
            for problem in loaded.check_standalone().problems {
                output::note(format!("warning: `mandate standalone` would refuse: {problem}"))?;
            }
            output::line("the configuration is good")
        }
        ConfigCommand::Show => {
            let rows = config::show(&loaded);
            if global.output == output::Format::Table {
                return output::line(output::table(["key", "value", "origin"], rows.into_iter()));
            }
            output::list(&loaded.origins, global.output, [], |_| [])
        }
    }
}
