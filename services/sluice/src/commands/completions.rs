//! `sluice completions`: the script that teaches a shell our words.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::output;

pub(super) fn run(shell: Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sluice", &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(())
}
