//! Two examples for the help of each command.

use clap::Command;

/// What follows `mandate` in two examples of a command that does something; the path of the command stands first.
#[rustfmt::skip]
const EXAMPLES: &[(&str, [&str; 2])] = &[
    ("demo", ["--exit", "--data-dir /tmp/mandate"]),
    ("standalone", ["", "--config /etc/mandate/mandate.toml"]),
    ("ingress", ["", "--config /etc/mandate/ingress.toml"]),
    ("worker", ["", "--migrate"]),
    ("simulator", ["", "--merchants 5"]),
    ("release-check", ["", "--simulator http://127.0.0.1:8090 --group 3"]),
    ("init", ["/run/secrets/mandate", "secrets --component wx1f2e3d4c5b6a7988"]),
    ("health", ["http://127.0.0.1:8081/readyz", "http://127.0.0.1:9080/readyz"]),
    ("migrate", ["", "--config /etc/mandate/owner.toml"]),
    ("rebuild", ["--check", "-o json"]),
    ("reconcile", ["--dry-run", "--component wx1f2e3d4c5b6a7988"]),
    ("restored", ["", "--config /etc/mandate/mandate.toml"]),
    ("api-key create", ["--name shop --scope token:read,proxy", "--name reports --scope events:read --expires-in 90d"]),
    ("api-key list", ["", "-o json"]),
    ("api-key revoke", ["01890000-0000-7000-8000-000000000001", "01890000-0000-7000-8000-000000000002 -o json"]),
    ("audit", ["--limit 20", "--reads 24h"]),
    ("seal rotate", ["", "-o json"]),
    ("seal status", ["", "-o json"]),
    ("keygen", ["", "--id 2026-12"]),
    ("config show", ["", "-o json"]),
    ("config check", ["", "--role ingress"]),
    ("event tail", ["", "--after 0 --type authorization.granted"]),
    ("event list", ["--limit 20", "--after 100 --authorizer wxa0b1c2d3e4f50617 -o json"]),
    ("event show", ["42", "01890000-0000-7000-8000-000000000001"]),
    ("event republish", ["--from 100", "--from 100 --to 200"]),
    ("event export", ["", "--after 100 --component wx1f2e3d4c5b6a7988"]),
    ("authorizer list", ["--status broken", "--query shop --limit 500"]),
    ("authorizer show", ["wx1f2e3d4c5b6a7988 wxa0b1c2d3e4f50617", "wx1f2e3d4c5b6a7988 wxa0b1c2d3e4f50617 --at-position 42"]),
    ("authorizer history", ["wx1f2e3d4c5b6a7988 wxa0b1c2d3e4f50617", "--component wx1f2e3d4c5b6a7988 --authorizer wxa0b1c2d3e4f50617 --limit 5"]),
    ("authorizer erase", ["wx1f2e3d4c5b6a7988 wxa0b1c2d3e4f50617 --reason requested", "wx1f2e3d4c5b6a7988 wxa0b1c2d3e4f50617 --reason requested --yes"]),
    ("link create", ["--component wx1f2e3d4c5b6a7988", "--component wx1f2e3d4c5b6a7988 --tag spring --expires-in 7d --qr qr.svg"]),
    ("webhook list", ["", "-o json"]),
    ("webhook rewind", ["01890000-0000-7000-8000-000000000001 --position 100", "01890000-0000-7000-8000-000000000001 --time 2026-11-01T00:00:00Z --yes"]),
    ("listen", ["--forward-to http://127.0.0.1:3000/hook", "--forward-to http://127.0.0.1:3000/hook --after 0 --type authorization.granted"]),
    ("dead-letter list", ["", "-o json"]),
    ("dead-letter show", ["01890000-0000-7000-8000-000000000001", "01890000-0000-7000-8000-000000000001 -o json"]),
    ("dead-letter retry", ["01890000-0000-7000-8000-000000000001", "--all"]),
    ("dead-letter discard", ["01890000-0000-7000-8000-000000000001", "01890000-0000-7000-8000-000000000002 -o json"]),
    ("journal status", ["", "-o json"]),
    ("journal parked", ["", "-o ndjson"]),
    ("journal tie", ["wx1f2e3d4c5b6a7988 gh_0123456789ab wxa0b1c2d3e4f50617", "wx1f2e3d4c5b6a7988 gh_0123456789ab wxa0b1c2d3e4f50617 -o json"]),
    ("journal resend", ["--since 2h", "--since 2026-11-22T08:00:00Z"]),
    ("doctor", ["--callback-url https://wechat.example.com", "--request captured.txt"]),
    ("explain", ["61004", "webhook.disabled --lang zh"]),
    ("version", ["", "--json"]),
    ("completion", ["bash", "zsh"]),
];

/// Adds the examples to the helps.
pub(crate) fn with_examples(command: Command) -> Command {
    EXAMPLES.iter().fold(command, |command, (path, examples)| {
        let lines = examples.map(|rest| format!("  {}", format!("mandate {path} {rest}").trim_end()));
        let help = format!("Examples:\n{}", lines.join("\n"));
        let names: Vec<&str> = path.split(' ').collect();
        add(command, &names, &help)
    })
}

fn add(command: Command, path: &[&str], help: &str) -> Command {
    match path {
        [] => command.after_help(help.to_owned()),
        [name, rest @ ..] => command.mut_subcommand(name, |command| add(command, rest, help)),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::args::Arguments;

    fn leaves(command: &Command, path: &str, found: &mut Vec<(String, String)>) {
        for one in command.get_subcommands() {
            let path = format!("{path} {}", one.get_name());
            if one.has_subcommands() {
                leaves(one, &path, found);
            } else {
                let help = one.get_after_help().map(ToString::to_string).unwrap_or_default();
                found.push((path.trim_start().to_owned(), help));
            }
        }
    }

    #[test]
    fn the_help_of_every_command_has_two_examples_that_it_accepts() {
        let mut found = Vec::new();
        leaves(&with_examples(Arguments::command()), "", &mut found);
        assert_eq!(found.len(), EXAMPLES.len());
        for (path, help) in found {
            let examples: Vec<_> = help.lines().filter(|line| line.starts_with("  mandate ")).collect();
            assert_eq!(examples.len(), 2, "{path}: {help}");
            assert_ne!(examples[0], examples[1], "{path}");
            for example in examples {
                assert!(example.trim_start().starts_with(&format!("mandate {path}")), "{example}");
                let parsed = Arguments::try_parse_from(example.split_whitespace());
                assert!(parsed.is_ok(), "{example}: {parsed:?}");
            }
        }
    }
}
