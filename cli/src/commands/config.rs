//! `mandate config`.

use std::path::Path;

use mandate_runtime::config;

use crate::{
    args::{ConfigCommand, Global},
    exit::CliError,
    output,
    role::Role,
};

/// In warnings about placeholders, which this command calls problems.
const KNOWN_TO_ALL: &str = "which everybody knows";

pub(super) fn run(global: &Global, command: &ConfigCommand) -> Result<(), CliError> {
    let loaded =
        config::load(global.config.as_deref(), Path::new(config::DEFAULT_FILE), config::environment())?;
    for warning in &loaded.warnings {
        output::note(format!("warning: {warning}"))?;
    }
    match command {
        ConfigCommand::Check { role } => {
            let role = role.unwrap_or_else(|| Role::of(&loaded));
            let file = loaded.file.as_deref().map_or_else(
                || "the environment (there is no file)".to_owned(),
                |file| file.display().to_string(),
            );
            let mut checked = role.check(&loaded);
            checked.warnings.retain(|warning| !warning.contains(KNOWN_TO_ALL));
            checked.problems.extend(loaded.check_values());
            let warnings = checked.into_result().map_err(|errors| {
                CliError::Usage(format!("{file}: `mandate {role}` would not work:\n{errors}"))
            })?;
            for warning in warnings {
                output::note(format!("warning: {warning}"))?;
            }
            output::line(format!("{file}: the configuration is good for `mandate {role}`"))
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
