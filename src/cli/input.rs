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
const SCENARIO_MAX: u64 = 16 * 1024 * 1024 + 1;
/// As much as a saved run or a csv file may have.
const FILE_MAX: u64 = 1024 * 1024 * 1024;

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
    let text = bytes(path, first)?;
    from_text(path, text, changes, talk)
}

/// As [`scenario`], of a text that was read already.
///
/// # Errors
/// A refusal with all diagnostics.
pub fn from_text(path: &Path, text: Vec<u8>, changes: &ChangeArgs, talk: Talk) -> anyhow::Result<Loaded> {
    let name = if is_stdin(path) { Path::new("stdin") } else { path };
    let scenario = scenario::load_text(name, text, &file, &changes.overrides())
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
    bytes(path, whole)
}

/// The bytes of a file that a scenario names: a text or a csv file, each with a limit of its own further on.
///
/// # Errors
/// If it cannot be read, or is longer than any file may be.
pub fn file(path: &Path) -> io::Result<Vec<u8>> {
    whole(&mut File::open(path)?)
}

/// How much of a stream is read.
type Read = fn(&mut dyn io::Read) -> io::Result<Vec<u8>>;

fn bytes(path: &Path, read: Read) -> anyhow::Result<Vec<u8>> {
    if is_stdin(path) {
        return read(&mut io::stdin().lock()).context("cannot read standard input");
    }
    let bytes = File::open(path).and_then(|mut file| read(&mut file));
    bytes.with_context(|| format!("cannot read `{}`", path.display()))
}

/// As much as shows whether it is too long for a scenario.
fn first(from: &mut dyn io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(SCENARIO_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// All of it: a file that lost its end would be read as another one.
fn whole(from: &mut dyn io::Read) -> io::Result<Vec<u8>> {
    at_most(from, FILE_MAX)
}

fn at_most(from: &mut dyn io::Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
    }
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

#[cfg(test)]
mod tests {
    use super::at_most;

    #[test]
    fn a_file_is_read_whole_or_refused() {
        assert_eq!(at_most(&mut [7_u8; 5].as_slice(), 5).unwrap(), [7; 5]);
        let error = at_most(&mut [7_u8; 6].as_slice(), 5).unwrap_err();
        assert_eq!(error.to_string(), "it has more than 5 bytes");
    }
}
