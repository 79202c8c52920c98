//! What is wrong with a scenario, where, and what to do about it.
//!
//! A [`Diagnostic`] is plain data with the line it is about, so that it outlives the text; [`Diagnostics`] holds all of a
//! scenario at once, in the order of the text, and renders itself the way compilers do. Colour and exit codes are the
//! command line's business. To add one: a [`Code`] here and its pair of files in `tests/bad`.

use super::source::{Origin, Sources};
use std::fmt;
use std::fmt::Write as _;

macro_rules! codes {
    ($($code:ident $meaning:literal;)*) => {
        /// The catalogue: E errors, W warnings.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $meaning] $code,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Code] = &[$(Code::$code,)*];

            /// The code as printed.
            pub const fn name(self) -> &'static str {
                match self { $(Code::$code => stringify!($code),)* }
            }

            /// What it is about, in a few words.
            pub const fn meaning(self) -> &'static str {
                match self { $(Code::$code => $meaning,)* }
            }
        }
    };
}

codes! {
    E001 "not TOML";
    E002 "unknown key";
    E003 "wrong type";
    E004 "missing key";
    E005 "version not known";
    E006 "`extends` or `like` cannot be followed";
    E007 "too large";
    E008 "bad `--set`";
    E101 "no unit";
    E102 "unknown unit";
    E103 "minute or month";
    E104 "out of range";
    E105 "not a percentage";
    E106 "unknown law";
    E107 "wrong parameters of a law";
    E108 "impossible law";
    E109 "spelled in two ways";
    E110 "csv";
    E111 "selector or term";
    E112 "not one of the choices";
    E113 "condition";
    E201 "unknown name";
    E202 "name given twice";
    E203 "bad name";
    E204 "wrong target";
    E301 "`need` above `nodes`";
    E302 "`need` missing";
    E303 "shares do not add up";
    E304 "said in two ways";
    E305 "circle of needs";
    E306 "no single entry";
    E307 "needed twice";
    E308 "replication missing";
    E309 "no pool there";
    E310 "no trigger";
    E311 "`beta` without `exp`";
    E312 "capacity without rate";
    E313 "impossible check";
    E314 "impossible quorum";
    E315 "needs requests";
    E316 "after the end";
    E317 "impossible saga";
    E318 "fallback on the failed";
    E900 "not yet";
    W401 "single point of failure";
    W402 "no spare";
    W403 "time to live too long";
    W404 "perfect detection";
    W405 "no timeout";
    W406 "retries multiply";
    W407 "shared check";
    W408 "no room for a lost region";
    W409 "no distance";
    W410 "unused";
    W411 "crew with too much work";
    W412 "lag too long";
    W413 "timeouts in the wrong order";
    W414 "ejects nobody";
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The scenario cannot be used.
    Error,
    /// Suspicious but legal.
    Warning,
}

impl Code {
    /// Error or warning.
    pub fn severity(self) -> Severity {
        if self.name().starts_with('E') { Severity::Error } else { Severity::Warning }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a diagnostic is written; colour repeats what the words say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text only.
    Plain,
    /// With the colour codes of a terminal.
    Colour,
}

/// The place that a diagnostic is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of the text, as given.
    pub file: String,
    /// Bytes of the text.
    pub span: std::ops::Range<usize>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The line, cut to a readable length.
    pub excerpt: String,
    /// Characters of `excerpt` before the marked ones.
    pub before: u32,
    /// Number of characters marked.
    pub width: u32,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its code.
    pub code: Code,
    /// What is wrong, one line without a full stop.
    pub message: String,
    /// Where, if it is about a text.
    pub place: Option<Place>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    pub(super) fn new(code: Code, message: String, at: Option<(Origin, &Sources)>, help: Option<String>) -> Self {
        let place = at.map(|(origin, sources)| {
            let excerpt = sources.excerpt(origin);
            Place {
                file: sources.get(origin.file).name.clone(),
                span: origin.range(),
                line: excerpt.line,
                column: excerpt.column,
                excerpt: excerpt.text,
                before: excerpt.before,
                width: excerpt.width,
            }
        });
        Diagnostic { code, message, place, help }
    }

    /// Error or warning.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// As [`Diagnostic::render`], uncoloured.
    pub fn render_plain(&self) -> String {
        self.render(Style::Plain)
    }

    /// The whole message with the line it is about, ending in a line break.
    pub fn render(&self, style: Style) -> String {
        let (word, loud) = match self.severity() {
            Severity::Error => ("error", "\u{1b}[1;31m"),
            Severity::Warning => ("warning", "\u{1b}[1;33m"),
        };
        let (loud, quiet, end) = match style {
            Style::Plain => ("", "", ""),
            Style::Colour => (loud, "\u{1b}[1;34m", "\u{1b}[0m"),
        };
        let mut out = format!("{loud}{word}[{}]{end}: {}\n", self.code, self.message);
        let mut margin = 1;
        if let Some(place) = &self.place {
            margin = place.line.to_string().len();
            let pad = " ".repeat(margin);
            let indent = " ".repeat(place.before as usize);
            let carets = "^".repeat(place.width as usize);
            let _ = writeln!(out, "{quiet}{pad}-->{end} {}:{}:{}", place.file, place.line, place.column);
            let _ = writeln!(out, "{quiet}{pad} |{end}");
            let _ = writeln!(out, "{quiet}{} |{end} {}", place.line, place.excerpt);
            let _ = writeln!(out, "{quiet}{pad} |{end} {indent}{loud}{carets}{end}");
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "{quiet}{} ={end} help: {help}", " ".repeat(margin));
        }
        out
    }
}

/// Everything that is wrong with a scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    /// Further ones that were found and not kept.
    pub left_out: usize,
}

/// So many are kept: nobody reads more, and a text of rubbish must not fill the memory.
const KEPT: usize = 200;

impl Diagnostics {
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        if self.list.len() < KEPT {
            let same = |other: &Diagnostic| {
                let place = other.place.is_some() || other.message == diagnostic.message;
                other.code == diagnostic.code && other.place == diagnostic.place && place
            };
            if !self.list.iter().any(same) {
                self.list.push(diagnostic);
            }
        } else {
            self.left_out += 1;
        }
    }

    /// Is there room for another one?
    pub(super) fn full(&self) -> bool {
        self.list.len() >= KEPT
    }

    /// Orders them by text and place; those about no place come last.
    pub(super) fn sort(&mut self) {
        let key = |d: &Diagnostic| d.place.as_ref().map(|p| (p.file.clone(), p.span.start));
        self.list.sort_by(|a, b| match (key(a), key(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => std::cmp::Ordering::Equal,
        });
    }

    /// The diagnostics, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Is one of them an error?
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// How many of them are errors.
    pub(super) fn errors(&self) -> usize {
        self.list.iter().filter(|diagnostic| diagnostic.severity() == Severity::Error).count()
    }

    /// Only the warnings.
    pub(super) fn into_warnings(self) -> Vec<Diagnostic> {
        self.list.into_iter().filter(|diagnostic| diagnostic.severity() == Severity::Warning).collect()
    }

    /// As [`Diagnostics::render`], uncoloured.
    pub fn render_plain(&self) -> String {
        self.render(Style::Plain)
    }

    /// All of them, one after the other with an empty line between.
    pub fn render(&self, style: Style) -> String {
        let mut parts: Vec<String> = self.list.iter().map(|diagnostic| diagnostic.render(style)).collect();
        if self.left_out > 0 {
            parts.push(format!("and {} more\n", self.left_out));
        }
        parts.join("\n")
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
