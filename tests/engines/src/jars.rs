//! The jars of Kafka and Cassandra: resolved by Maven once, then taken from a cache outside of the checkout.
//!
//! A folder of the cache is complete because it exists: jars are collected in another one beside it, which is
//! renamed at the end. Two processes at once are safe: the second waits and finds the work done.

use std::env;
use std::fs::{self, File};
use std::path::{self, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// What copies jars; named with its version, so that the one Maven brings along does not matter.
const PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/// The versions of everything that is installed, one `NAME=version` a line.
const VERSIONS: &str = include_str!("../../../tools/versions");

/// An engine made of jars.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Distribution {
    name: &'static str,
    /// Group and name of its artifacts, which all have its version.
    artifacts: &'static [(&'static str, &'static str)],
    /// Group, name and version of what it runs with.
    others: &'static [(&'static str, &'static str, &'static str)],
}

pub(crate) const KAFKA: Distribution = Distribution {
    name: "kafka",
    artifacts: &[
        ("org.apache.kafka", "kafka_2.13"),
        // The commands for topics and load, for a developer.
        ("org.apache.kafka", "kafka-tools"),
    ],
    // Without it nothing is logged.
    others: &[("org.slf4j", "slf4j-simple", "1.7.36")],
};

pub(crate) const CASSANDRA: Distribution = Distribution {
    name: "cassandra",
    artifacts: &[("org.apache.cassandra", "cassandra-all")],
    others: &[],
};

/// Fetches the jars of both engines, unless they are there, and returns their folders.
pub fn fetch() -> Result<[PathBuf; 2]> {
    Ok([KAFKA.jars()?, CASSANDRA.jars()?])
}

/// Where everything of this crate is kept: beside the tools, or in the user's cache.
pub(crate) fn cache() -> Result<PathBuf> {
    let set = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let sluice = match set("SLUICE_TOOLS") {
        Some(tools) => tools.parent().context("SLUICE_TOOLS has no parent")?.to_owned(),
        None => set("XDG_CACHE_HOME")
            .or_else(|| set("HOME").map(|home| home.join(".cache")))
            .context("neither XDG_CACHE_HOME nor HOME is set: there is no place for the engines")?
            .join("sluice"),
    };
    Ok(path::absolute(sluice.join("engines"))?)
}

impl Distribution {
    fn version(&self) -> &'static str {
        let named = |line: &'static str| {
            let (name, version) = line.split_once('=')?;
            name.eq_ignore_ascii_case(self.name).then_some(version)
        };
        let version = VERSIONS.lines().find_map(named);
        version.expect("tools/versions names every engine")
    }

    /// The folder of its jars.
    pub(crate) fn jars(&self) -> Result<PathBuf> {
        let cache = cache()?;
        let jars = cache.join(format!("{}-{}", self.name, self.version()));
        if jars.is_dir() {
            return Ok(jars);
        }
        fs::create_dir_all(&cache).with_context(|| format!("making {}", cache.display()))?;
        // One for all: Maven's own cache is not made for two at once.
        let lock = File::create(cache.join("fetch.lock"))?;
        lock.lock().context("waiting for another fetch of jars")?;
        if !jars.is_dir() {
            let work = tempfile::Builder::new().prefix("fetch-").tempdir_in(&cache)?;
            let collected = self.resolve(work.path()).with_context(|| {
                format!(
                    "fetching {} {} by Maven into {}",
                    self.name,
                    self.version(),
                    cache.display()
                )
            })?;
            fs::rename(&collected, &jars)?;
        }
        Ok(jars)
    }

    fn resolve(&self, work: &Path) -> Result<PathBuf> {
        let (pom, collected) = (work.join("pom.xml"), work.join("jars"));
        fs::write(&pom, self.pom())?;
        let output = Command::new("mvn")
            .args([
                "--quiet",
                "--batch-mode",
                "--strict-checksums",
                PLUGIN,
                "-DincludeScope=runtime",
            ])
            .arg(format!("-DoutputDirectory={}", collected.display()))
            .arg("--file")
            .arg(&pom)
            .output()
            .context("Maven (`mvn`) is needed once: `make tools` installs it or says how")?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            bail!("mvn: {}\n{}", output.status, String::from_utf8_lossy(&said));
        }
        Ok(collected)
    }

    fn pom(&self) -> String {
        let dependency = |(group, artifact, version): (&str, &str, &str)| {
            format!(
                "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
                 <version>{version}</version></dependency>"
            )
        };
        let own = self
            .artifacts
            .iter()
            .map(|&(group, name)| (group, name, self.version()));
        let dependencies: String = own.chain(self.others.iter().copied()).map(dependency).collect();
        format!(
            "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
             <groupId>sluice</groupId><artifactId>{}</artifactId><version>1</version><packaging>pom</packaging>\
             <dependencies>{dependencies}</dependencies></project>\n",
            self.name
        )
    }
}
