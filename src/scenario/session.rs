//! What every reader of a scenario shares: the texts, the faults found so far, the inert keys, files read on the way.
//!
//! Readers take `&Session` and report into it, so that none of them stops at the first fault. The session judges
//! nothing by itself and owns no part of the result.

use super::diagnostic::{Code, Diagnostic, Diagnostics};
use super::schema::Lessons;
use super::source::{FileId, Origin, Source, Sources};
use std::cell::{Cell, Ref, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// How files are read: the command line passes the file system, a test a map.
pub(super) type Reader<'a> = &'a dyn Fn(&Path) -> io::Result<Vec<u8>>;

/// The state of reading one scenario.
pub(super) struct Session<'a> {
    sources: Sources,
    read: Reader<'a>,
    problems: RefCell<Diagnostics>,
    inert: RefCell<BTreeMap<Origin, String>>,
    requests: Cell<bool>,
    used: RefCell<BTreeSet<(&'static str, String)>>,
    files: RefCell<BTreeMap<PathBuf, Vec<u8>>>,
    lessons: Option<&'a RefCell<Lessons>>,
}

impl<'a> Session<'a> {
    pub fn new(read: Reader<'a>) -> Self {
        Session {
            sources: Sources::default(),
            read,
            problems: RefCell::default(),
            inert: RefCell::default(),
            requests: Cell::default(),
            used: RefCell::default(),
            files: RefCell::default(),
            lessons: None,
        }
    }

    /// A session that records which keys are read, and in which absent tables are read too.
    pub fn recording(read: Reader<'a>, lessons: &'a RefCell<Lessons>) -> Self {
        Session { lessons: Some(lessons), ..Session::new(read) }
    }

    /// Does it record?
    pub fn records(&self) -> bool {
        self.lessons.is_some()
    }

    /// Adds to what is recorded, if anything is.
    pub fn learn(&self, add: impl FnOnce(&mut Lessons)) {
        if let Some(lessons) = self.lessons {
            add(&mut lessons.borrow_mut());
        }
    }

    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Was this not written in a text, but as a flag of the command?
    pub fn is_flag(&self, origin: Origin) -> bool {
        self.sources.get(origin.file).name.starts_with("--")
    }

    pub fn add_source(&mut self, source: Source) -> FileId {
        self.sources.add(source)
    }

    /// Reads a file as bytes.
    pub fn read_bytes(&self, path: &Path) -> io::Result<Vec<u8>> {
        (self.read)(path)
    }

    /// Keeps the content of a further file for the hash of the scenario.
    pub fn keep_file(&self, path: PathBuf, digest: Vec<u8>) {
        self.files.borrow_mut().insert(path, digest);
    }

    /// The further files that were read, by path.
    pub fn kept_files(&self) -> Ref<'_, BTreeMap<PathBuf, Vec<u8>>> {
        self.files.borrow()
    }

    /// Reports that something is wrong at `origin`.
    pub fn report(&self, code: Code, origin: Origin, message: impl Into<String>, help: Option<String>) {
        let full = self.problems.borrow().full();
        let at = (!full).then_some((origin, &self.sources));
        self.problems.borrow_mut().push(Diagnostic::new(code, message.into(), at, help));
    }

    /// Reports something that has no place in a text.
    pub fn report_nowhere(&self, code: Code, message: impl Into<String>, help: Option<String>) {
        self.problems.borrow_mut().push(Diagnostic::new(code, message.into(), None, help));
    }

    /// Would a further report be left out anyway?
    pub fn is_full(&self) -> bool {
        self.problems.borrow().full()
    }

    pub fn has_errors(&self) -> bool {
        self.problems.borrow().has_errors()
    }

    /// How many errors there are so far.
    pub fn errors(&self) -> usize {
        self.problems.borrow().errors()
    }

    /// Says that requests are simulated one by one.
    pub fn simulate_requests(&self) {
        self.requests.set(true);
    }

    /// Are requests simulated one by one?
    pub fn simulates_requests(&self) -> bool {
        self.requests.get()
    }

    /// Notes that the key at `path`, which stands at `origin`, has no effect on the structure clock.
    pub fn note_inert(&self, path: String, origin: Origin) {
        if !self.simulates_requests() {
            self.inert.borrow_mut().entry(origin).or_insert(path);
        }
    }

    /// The paths of the inert keys, in the order of the text.
    pub fn inert(&self) -> Vec<String> {
        self.inert.borrow().values().cloned().collect()
    }

    /// Notes that the name was used, `kind` being `profile`, `policy`, ..
    pub fn mark_used(&self, kind: &'static str, name: &str) {
        self.used.borrow_mut().insert((kind, name.to_owned()));
    }

    pub fn was_used(&self, kind: &'static str, name: &str) -> bool {
        self.used.borrow().contains(&(kind, name.to_owned()))
    }

    pub fn into_problems(self) -> Diagnostics {
        let mut problems = self.problems.into_inner();
        problems.sort();
        problems
    }
}

/// The candidate nearest to `word`, if one is near enough to be meant.
pub(super) fn nearest<'w>(word: &str, candidates: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    if word.len() > 100 {
        return None;
    }
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != word)
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| {
            let prefix =
                word.len() >= 3 && (candidate.starts_with(word) || word.starts_with(candidate) && candidate.len() >= 3);
            *distance <= limit || prefix
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The key that a word from elsewhere means, and how it is written, in a table that takes `keys`.
pub(super) fn meant(word: &str, keys: &[&str]) -> Option<String> {
    // a fault that does not say when it strikes is not asked when it `fails`
    let (key, written) = match word {
        "mtbf" | "mttf" | "mtbf_hours" | "failure_rate" if keys.contains(&"repair") => {
            return Some("did you mean `fails`, as in `fails = \"exp(mean=90d)\"`?".to_owned());
        }
        "mttr" | "repair_time" | "recovery" => ("repair", "repair = \"1h\""),
        "replicas" | "instances" | "count" | "servers" => ("nodes", "nodes = 3"),
        "rps" | "qps" | "requests_per_second" => ("rate", "rate = \"200/s\""),
        "duration" => ("for", "for = \"1h\""),
        _ => return None,
    };
    keys.contains(&key).then(|| format!("did you mean `{key}`, as in `{written}`?"))
}

/// The hint for a name that does not exist: the nearest one, else all if they are few.
pub(super) fn suggest(word: &str, candidates: &[&str]) -> Option<String> {
    if let Some(near) = nearest(word, candidates.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    if candidates.is_empty() || candidates.len() > 12 {
        return None;
    }
    if let [only] = candidates {
        return Some(format!("there is only `{only}`"));
    }
    Some(format!("one of {}", candidates.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")))
}
