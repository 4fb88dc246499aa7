//! `mandate doctor`.

use std::{fs, path::Path};

use mandate_ingress::Settings;
use mandate_runtime::config::{self, Log};

use crate::{
    args::{Doctor, Global},
    context::begin,
    doctor::{self, Finding, Verdict, request},
    exit::CliError,
    output::{self, Format, line},
    role::Role,
};

pub(super) async fn run(global: &Global, arguments: Doctor) -> Result<(), CliError> {
    let loaded =
        config::load(global.config.as_deref(), Path::new(config::DEFAULT_FILE), config::environment())?;
    // Findings say it; the parts that are tried need not log it, too.
    begin(&Log { level: "off".into(), ..loaded.config.log.clone() })?;
    let findings = if let Some(file) = &arguments.request {
        let settings =
            Settings::from_config(&loaded.config).map_err(|error| CliError::Usage(error.to_string()))?;
        let raw = fs::read(file)
            .map_err(|error| CliError::Usage(format!("--request: {}: {error}", file.display())))?;
        request::examine(&raw, &settings)
    } else {
        let role = arguments.role.unwrap_or_else(|| Role::of(&loaded));
        doctor::examine(&loaded, role, arguments.callback_url.as_deref()).await
    };
    print(&findings, global.output)?;
    match findings.iter().filter(|finding| finding.verdict == Verdict::Failed).count() {
        0 => Ok(()),
        1 => Err(CliError::Failed(anyhow::anyhow!("1 check failed"))),
        failed => Err(CliError::Failed(anyhow::anyhow!("{failed} checks failed"))),
    }
}

fn print(findings: &[Finding], format: Format) -> Result<(), CliError> {
    if format != Format::Table {
        return output::list(findings, format, [], |_| []);
    }
    for Finding { check, verdict, found, cure } in findings {
        let verdict = match verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "WARN",
            Verdict::Failed => "FAIL",
            Verdict::Skipped => "-",
        };
        line(format!("{verdict:>4}  {check}: {found}"))?;
        if let Some(cure) = cure {
            line(format!("      do: {cure}"))?;
        }
    }
    Ok(())
}
