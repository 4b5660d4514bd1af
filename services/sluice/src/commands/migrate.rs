//! `sluice migrate`: makes topics and tables, or brings them up to date. It changes nothing that is as it must be,
//! so it may be run again, and by two at once.

use chassis::config;

use crate::cli::Migrate;
use crate::output;
use crate::roles::config::Config;
use crate::roles::operator::Operator;

pub(super) async fn run(args: Migrate) -> anyhow::Result<()> {
    let config: Config = config::load(args.engines.config.as_deref(), &[])?;
    let operator = Operator::new(config, args.engines.patience)?;
    for line in operator.make_topics().await? {
        output::line(&line)?;
    }
    operator.check_topics().await?;
    for line in operator.make_tables().await? {
        output::line(&line)?;
    }
    if args.new_generation {
        let generation = operator.raise_generation().await?;
        output::line(&format!(
            "generation {generation}: partitions of the topics of events count as new from now on, with nothing \
             stored of them yet"
        ))?;
    }
    Ok(())
}
