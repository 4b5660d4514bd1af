//! The Java that runs Kafka and Cassandra: found, checked, and how it is called.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Cassandra 5.0 takes no newer one.
const VERSION: &str = "17";
/// Where Debian keeps Javas that are not the default.
const INSTALLED: &str = "/usr/lib/jvm";

/// What a virtual machine is tuned for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tuning {
    /// To start soon and take little: only the quick compiler.
    #[default]
    Start,
    /// To be fast when warm, as in production: what is measured runs so.
    Throughput,
}

impl Tuning {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Start => &["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"],
            Self::Throughput => &["-XX:+UseG1GC"],
        }
    }
}

/// Finds a Java 17: that of `JAVA_HOME` alone when this is set, else the one on the path or an installed one.
pub(crate) fn find() -> Result<PathBuf> {
    if let Some(home) = env::var_os("JAVA_HOME").filter(|home| !home.is_empty()) {
        let java = Path::new(&home).join("bin/java");
        let found = version(&java).with_context(|| format!("JAVA_HOME: running {}", java.display()))?;
        if found != VERSION {
            bail!("JAVA_HOME holds Java {found}, and the engines need Java {VERSION}");
        }
        return Ok(java);
    }
    let on_path = PathBuf::from("java");
    let is_right = |java: &PathBuf| version(java).is_ok_and(|found| found == VERSION);
    std::iter::once(on_path.clone())
        .chain(installed())
        .find(is_right)
        .with_context(|| {
            let found = version(&on_path).map_or("none".to_owned(), |found| format!("Java {found}"));
            format!(
                "the engines need Java {VERSION}, and there is {found}: `make tools` installs it or says how"
            )
        })
}

fn installed() -> Vec<PathBuf> {
    let homes = std::fs::read_dir(INSTALLED).into_iter().flatten().flatten();
    homes
        .map(|home| home.path().join("bin/java"))
        .filter(|java| java.exists())
        .collect()
}

/// The major version that a Java says of itself.
fn version(java: &Path) -> Result<String> {
    let output = Command::new(java).arg("-version").output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // openjdk version "17.0.15" 2025-04-15
    let quoted = said.split('"').nth(1).context("it does not say its version")?;
    Ok(quoted
        .split(['.', '-', '+'])
        .next()
        .unwrap_or_default()
        .to_owned())
}

/// A call of a main class: the program and its arguments.
pub(crate) struct Call<'a> {
    pub(crate) java: &'a Path,
    pub(crate) jars: &'a Path,
    pub(crate) tuning: Tuning,
    pub(crate) heap_mib: u32,
    /// Further flags of the virtual machine.
    pub(crate) flags: Vec<String>,
    pub(crate) main: &'static str,
    pub(crate) args: Vec<OsString>,
}

impl Call<'_> {
    pub(crate) fn words(self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec![self.java.into()];
        words.extend(self.tuning.flags().iter().map(OsString::from));
        words.extend([
            format!("-Xmx{}m", self.heap_mib).into(),
            "-Xshare:auto".into(),
            // What goes on after that is no engine to test against.
            "-XX:+ExitOnOutOfMemoryError".into(),
            // Memory mapped to share counters with tools costs a file in a global folder.
            "-XX:-UsePerfData".into(),
            "-Djava.awt.headless=true".into(),
        ]);
        words.extend(self.flags.into_iter().map(OsString::from));
        words.extend(["-cp".into(), self.jars.join("*").into(), self.main.into()]);
        words.extend(self.args);
        words
    }
}
