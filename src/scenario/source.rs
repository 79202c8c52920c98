//! The texts a scenario is made of, and places in them.
//!
//! Every value of the merged scenario remembers the file and the bytes that it came from, so that a fault found at the
//! end of the pipeline still points at the very token. `--set` values live in a file of their own called `--set`.
//! Lines and columns are computed only when a diagnostic is made; nothing here judges anything.

use std::ops::Range;
use std::path::PathBuf;

/// A text, by its place in [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(u32);

/// Bytes of one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    /// The text.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl FileId {
    /// The scenario's own file.
    pub const MAIN: FileId = FileId(0);
}

impl Origin {
    pub fn new(file: FileId, range: Range<usize>) -> Self {
        Origin { file, start: range.start as u32, end: range.end as u32 }
    }

    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One text.
#[derive(Debug)]
pub(super) struct Source {
    /// What a diagnostic calls it.
    pub name: String,
    /// Where it was read from: paths in it are relative to this file's folder.
    pub path: PathBuf,
    /// The text.
    pub text: String,
}

/// All texts of a scenario, the main file first.
#[derive(Debug, Default)]
pub(super) struct Sources {
    files: Vec<Source>,
}

/// A line of a text, as a diagnostic shows it.
pub(super) struct Excerpt {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The line, cut to a readable length.
    pub text: String,
    /// Characters of `text` before the marked ones.
    pub before: u32,
    /// Number of characters marked, at least 1.
    pub width: u32,
}

/// Characters kept on either side of the mark.
const KEPT: usize = 70;

impl Sources {
    pub fn add(&mut self, source: Source) -> FileId {
        self.files.push(source);
        FileId(self.files.len() as u32 - 1)
    }

    pub fn get(&self, file: FileId) -> &Source {
        &self.files[file.0 as usize]
    }

    /// The bytes at `origin` as text, if they are whole characters.
    pub fn slice(&self, origin: Origin) -> Option<&str> {
        self.get(origin.file).text.get(origin.range())
    }

    /// The line of `origin` with its number and the place in it.
    pub fn excerpt(&self, origin: Origin) -> Excerpt {
        let text = &self.get(origin.file).text;
        let mut start = (origin.start as usize).min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let line = text[..start].bytes().filter(|byte| *byte == b'\n').count() + 1;
        let before = &text[line_start..start];
        let column = before.chars().count();
        let skipped = column.saturating_sub(KEPT);
        let mut end = (origin.end as usize).clamp(start, line_end);
        while !text.is_char_boundary(end) {
            end += 1;
        }
        let width = text[start..end].chars().count().clamp(1, KEPT);
        let ahead = if skipped > 0 { "..." } else { "" };
        let kept: String = before.chars().skip(skipped).map(visible).collect();
        let rest: String = text[start..line_end].chars().take(width + KEPT).map(visible).collect();
        Excerpt {
            line: line as u32,
            column: column as u32 + 1,
            before: (ahead.len() + column - skipped) as u32,
            text: format!("{ahead}{kept}{rest}").trim_end().to_owned(),
            width: width as u32,
        }
    }
}

/// A character that a terminal shows as one cell and does not obey.
fn visible(character: char) -> char {
    match character {
        '\t' => ' ',
        control if control.is_control() => '\u{fffd}',
        other => other,
    }
}
