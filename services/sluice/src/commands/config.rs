//! `sluice config`: the settings of `sluice standalone`, checked, shown and explained.

use chassis::config::{Loaded, reference};

use crate::cli::{self, Settings};
use crate::output;
use crate::output::escape;
use crate::standalone::config::{Config, overrides};

const HEAD: &str = "\
# Configuration

Settings of `sluice standalone`, from the weakest to the strongest: these defaults, the TOML file given with
`--config`, environment variables, flags. Unknown keys are refused. `sluice config check --config FILE` says
everything that is wrong with a file, `sluice config show --config FILE` what is in effect and where it comes from.
";

pub(super) fn run(command: cli::Config) -> anyhow::Result<()> {
    match command {
        cli::Config::Check(settings) => {
            read(&settings)?;
            output::say("the configuration is valid");
        }
        cli::Config::Show(settings) => {
            output::line(escape::lines(&read(&settings)?.show()).trim_end())?;
        }
        cli::Config::Reference => output::line(&format!("{HEAD}\n{}", reference::<Config>().trim_end()))?,
    }
    Ok(())
}

fn read(settings: &Settings) -> anyhow::Result<Loaded<Config>> {
    Ok(Loaded::read(settings.config.as_deref(), &overrides(settings))?)
}
