//! `sluice config`: the settings of `sluice standalone` and of the roles, checked, shown and explained.

use chassis::config::{Loaded, reference};

use crate::cli::{self, Which};
use crate::output;
use crate::output::escape;
use crate::roles;
use crate::standalone;

const HEAD: &str = "\
# Configuration

From the weakest to the strongest: the defaults below, the TOML file given with `--config`, environment variables,
flags. Unknown keys are refused. A secret may also be in a file of its own: `key = { file = \"PATH\" }`, or the
environment variable with `__FILE` at its end.

`sluice config check --config FILE` says everything that is wrong with a file, `sluice config show --config FILE`
what is in effect and where it comes from. Both are about `sluice standalone`; `--role ROLE` makes them about a role.
";

const STANDALONE: &str = "\
## `sluice standalone`

The whole system in one process.
";

const ROLES: &str = "\
## Roles

One file may hold the settings of all roles, of `sluice migrate` and of `sluice keys bootstrap`: each reads the whole
and uses its part.
";

pub(super) fn run(command: cli::Config) -> anyhow::Result<()> {
    match command {
        cli::Config::Check(which) => {
            read(&which)?;
            output::say("the configuration is valid");
        }
        cli::Config::Show(which) => output::line(escape::lines(&read(&which)?).trim_end())?,
        cli::Config::Reference => output::line(&document())?,
    }
    Ok(())
}

/// The configuration in effect, if it is valid.
fn read(which: &Which) -> anyhow::Result<String> {
    let file = which.settings.config.as_deref();
    if let Some(role) = which.role {
        let loaded = Loaded::<roles::config::Config>::read(file, &[])?;
        loaded.config.check_needs_of(role)?;
        return Ok(loaded.show());
    }
    let flags = standalone::config::overrides(&which.settings);
    Ok(Loaded::<standalone::config::Config>::read(file, &flags)?.show())
}

fn document() -> String {
    let standalone = reference::<standalone::config::Config>();
    let roles = reference::<roles::config::Config>();
    format!(
        "{HEAD}\n{STANDALONE}\n{standalone}\n{ROLES}\n{}",
        roles.trim_end()
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::cli::Settings;
    use crate::roles::Role;

    fn shown(file: PathBuf, role: Option<Role>) -> Result<String, String> {
        let settings = Settings {
            config: Some(file),
            ..Settings::default()
        };
        read(&Which { role, settings }).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_is_read_as_that_of_standalone_or_of_a_role() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sluice.toml");
        fs::write(&file, "[kafka]\nprefix = \"a.\"\n").unwrap();
        assert!(shown(file.clone(), None).unwrap_err().contains("kafka"));
        assert!(
            shown(file.clone(), Some(Role::Retention))
                .unwrap()
                .contains("kafka.prefix = \"a.\"  # file")
        );
        assert!(
            shown(file, Some(Role::Query))
                .unwrap_err()
                .contains("auth.pepper: must be set for query")
        );
    }

    #[test]
    fn secrets_of_a_role_are_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sluice.toml");
        let secret = "0123456789abcdef0123456789abcdef";
        let text = format!(
            "[auth]\npepper = \"first {secret}\"\n[cql]\nusername = \"u\"\npassword = \"{secret}\"\n\
             [redis]\npassword = \"{secret}\"\n"
        );
        fs::write(&file, text).unwrap();
        let shown = shown(file, Some(Role::Gateway)).unwrap();
        assert!(!shown.contains(secret), "{shown}");
        assert!(shown.contains("auth.pepper = \"[redacted]\""), "{shown}");
    }

    #[test]
    fn the_reference_names_every_key_of_both() {
        let document = document();
        for key in ["`log.partitions`", "`kafka.partitions`", "`SLUICE__AUTH__PEPPER`"] {
            assert!(document.contains(key), "{key}");
        }
    }
}
