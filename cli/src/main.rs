//! The one binary, `mandate`: the processes and the operator's commands. It wires; it decides nothing.

mod args;
mod commands;
mod context;
mod demo;
mod doctor;
mod exit;
mod explain;
mod output;
mod process;
mod role;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::{args::Arguments, exit::CliError};

fn main() -> ExitCode {
    let matches = args::with_examples(Arguments::command()).get_matches();
    let arguments = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    mandate_runtime::tls::install_provider();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .thread_name("mandate")
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(commands::run(arguments));
            runtime.shutdown_background(); // what had to end has ended; a forced stop must not wait
            result
        }
        Err(error) => Err(CliError::failed(error)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}
