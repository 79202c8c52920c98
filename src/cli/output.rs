//! Bytes to standard output or to a file, whole or not at all.

use super::args::{Paint, Talk};
use anyhow::Context as _;
use ninefold::report::text::Look;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Writes `bytes` into the file, or to standard output where none is given.
///
/// # Errors
/// If that cannot be done; a closed pipe is no error.
pub fn write(bytes: &[u8], file: Option<&Path>) -> anyhow::Result<()> {
    if let Some(path) = file.filter(|path| *path != Path::new("-")) {
        return whole_file(path, bytes).with_context(|| format!("cannot write `{}`", path.display()));
    }
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("cannot write"),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Under a temporary name beside its place, then renamed, so that nobody ever sees half of it. What stands there and
/// is no plain file (a device, a pipe) is written to as it is.
fn whole_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(&target).is_ok_and(|there| !there.is_file()) {
        return fs::OpenOptions::new().write(true).open(&target)?.write_all(bytes);
    }
    let temporary = temporary(&target)?;
    let written = fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, &target));
    if written.is_err() {
        // the first error is the one to report
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn temporary(target: &Path) -> io::Result<PathBuf> {
    let name = target.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a file name"))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.tmp", std::process::id()));
    Ok(target.with_file_name(hidden))
}

/// In which look text goes to the file or to standard output.
pub fn look(talk: Talk, file: Option<&Path>) -> Look {
    let coloured = match talk.paint {
        Paint::Always => true,
        Paint::Never => false,
        Paint::Auto => file.is_none() && anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
    };
    if coloured { Look::Colour } else { Look::Plain }
}

#[cfg(test)]
mod tests {
    use super::whole_file;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let folder = std::env::temp_dir().join(format!("ninefold-output-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("run.json");
        whole_file(&path, b"first").unwrap();
        whole_file(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        assert!(whole_file(&folder.join("no/such/place"), b"x").is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        whole_file(std::path::Path::new("/dev/null"), b"x").unwrap();
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    }
}
