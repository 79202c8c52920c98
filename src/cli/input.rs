//! Scenarios and saved runs from files or from standard input.

use super::Refusal;
use super::args::{ChangeArgs, Talk};
use anyhow::Context as _;
use ninefold::experiment::Identity;
use ninefold::scenario::{self, Scenario};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// One byte more than a scenario may have, so that an endless file is found to be too long without being read.
const BYTES_MAX: u64 = 16 * 1024 * 1024 + 1;
/// As much as a saved run may have.
const SAVED_MAX: u64 = 1024 * 1024 * 1024;

/// A scenario that was read, and what it is called in messages.
pub struct Loaded {
    /// The scenario.
    pub scenario: Scenario,
    /// The path as given.
    pub path: PathBuf,
}

impl Loaded {
    /// Who made the results of what.
    pub fn identity(&self) -> Identity {
        Identity {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: self.scenario.model.name.clone(),
            hash: blake3::hash(&self.scenario.hash_input).to_hex().to_string(),
        }
    }
}

/// Reads and checks the scenario at `path`; its warnings go to standard error.
///
/// # Errors
/// A refusal with all diagnostics, or that the file cannot be read.
pub fn scenario(path: &Path, changes: &ChangeArgs, talk: Talk) -> anyhow::Result<Loaded> {
    let text = bytes(path, BYTES_MAX)?;
    from_text(path, text, changes, talk)
}

/// As [`scenario`], of a text that was read already.
///
/// # Errors
/// A refusal with all diagnostics.
pub fn from_text(path: &Path, text: Vec<u8>, changes: &ChangeArgs, talk: Talk) -> anyhow::Result<Loaded> {
    let name = if is_stdin(path) { Path::new("stdin") } else { path };
    let read = |path: &Path| -> io::Result<Vec<u8>> { limited(File::open(path)?, BYTES_MAX) };
    let scenario = scenario::load_text(name, text, &read, &changes.overrides())
        .map_err(|diagnostics| Refusal(diagnostics.render_plain()))?;
    if !talk.quiet {
        for warning in &scenario.warnings {
            eprintln!("{}", warning.render_plain());
        }
    }
    Ok(Loaded { scenario, path: path.to_owned() })
}

/// The bytes at `path`, or of standard input for `-`; long enough for a saved run.
///
/// # Errors
/// If it cannot be read.
pub fn saved_or_scenario(path: &Path) -> anyhow::Result<Vec<u8>> {
    bytes(path, SAVED_MAX)
}

fn bytes(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    if is_stdin(path) {
        return limited(io::stdin().lock(), most).context("cannot read standard input");
    }
    let file = File::open(path).and_then(|file| limited(file, most));
    file.with_context(|| format!("cannot read `{}`", path.display()))
}

fn limited(from: impl io::Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Standard input can be read once only.
///
/// # Errors
/// A refusal if `-` is among the paths twice.
pub fn stdin_once(paths: &[PathBuf]) -> anyhow::Result<()> {
    if paths.iter().filter(|path| is_stdin(path)).count() > 1 {
        anyhow::bail!(Refusal("error: `-` stands for standard input, which can be read once only".to_owned()));
    }
    Ok(())
}
