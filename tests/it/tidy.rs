//! The tree keeps its own rules: who may import whom, how long a file may grow, what must not appear where.
//!
//! Sources are read as text. A rule here is one that neither the compiler nor clippy checks; what they check is left to
//! them. Tests within the sources are exempt where a rule says so.

use crate::shell::root;
use std::collections::BTreeSet;
use std::path::Path;

/// Who may import whom, below `crate::`; the layers of docs/architecture.md. A new edge is a decision: its own commit.
const IMPORTS: [(&str, &[&str]); 13] = [
    ("time", &[]),
    ("stats", &[]),
    ("resilience", &["time"]),
    ("live", &["resilience", "time"]),
    ("model", &["time", "resilience"]),
    ("engine", &["time"]),
    ("results", &["time", "stats"]),
    ("scenario", &["time", "resilience", "model"]),
    ("simulation", &["time", "stats", "resilience", "model", "engine", "results"]),
    ("structure", &["time", "stats", "model", "results"]),
    ("exact", &["time", "stats", "model", "results", "structure"]),
    ("experiment", &["time", "stats", "resilience", "model", "engine", "results", "simulation", "structure"]),
    ("report", &["time", "stats", "results"]),
];

/// Lines that a file may have.
const LINES_MAX: usize = 500;

/// Folders that are not ours to judge.
const SKIPPED: [&str; 2] = ["target", ".git"];

/// All files below a folder, as paths from the root with forward slashes.
fn files(below: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(below)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            let skipped = SKIPPED.iter().any(|name| entry.file_name() == *name);
            if path.is_dir() && !skipped {
                folders.push(path);
            } else if !skipped {
                let path = path.strip_prefix(root()).expect("below the root");
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

/// The Rust files below a folder.
pub fn sources(below: &str) -> Vec<String> {
    files(below).into_iter().filter(|path| Path::new(path).extension().is_some_and(|end| end == "rs")).collect()
}

/// The text of a file, by its path from the root.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect("a text file")
}

/// Files of tests within the sources.
fn is_test(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    path.contains("/tests/") || file == "tests.rs" || file.ends_with("_tests.rs")
}

/// The lines of a source that are neither comments nor tests, with their numbers. Tests are the modules behind
/// `#[cfg(test)]`, here always the end of a file, and files of their own.
fn code(path: &str) -> Vec<(usize, String)> {
    if is_test(path) {
        return Vec::new();
    }
    let text = read(path);
    let lines: Vec<&str> = text.lines().collect();
    let opens_tests = |at: usize| lines[at].trim() == "#[cfg(test)]" && lines[at + 1].trim_end().ends_with('{');
    let end = (0..lines.len().saturating_sub(1)).find(|at| opens_tests(*at) && lines[*at].starts_with('#'));
    let kept = lines.iter().take(end.unwrap_or(lines.len())).enumerate();
    let kept = kept.map(|(index, line)| (index + 1, line.split("//").next().unwrap_or(line).to_owned()));
    kept.collect()
}

/// What a line of a source has after each `crate::`.
fn imports(line: &str) -> Vec<String> {
    let after = line.split("crate::").skip(1);
    after.map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()).collect()
}

/// The module of the first level that a file belongs to.
fn module(path: &str) -> String {
    let inner = path.strip_prefix("src/").expect("a source");
    inner.split('/').next().unwrap_or(inner).trim_end_matches(".rs").to_owned()
}

fn assert_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

#[test]
fn imports_go_down_the_layers() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for path in sources("src") {
        let module = module(&path);
        if ["main", "cli", "lib"].contains(&module.as_str()) {
            continue;
        }
        let allowed = IMPORTS.iter().find(|(name, _)| *name == module).map(|(_, allowed)| *allowed);
        let Some(allowed) = allowed else {
            wrong.push(format!("{path}: `{module}` has no layer"));
            continue;
        };
        for (number, line) in code(&path) {
            for import in imports(&line) {
                seen += 1;
                if import != module && !allowed.contains(&import.as_str()) {
                    wrong.push(format!("{path}:{number}: {module} imports `{import}`"));
                }
            }
        }
    }
    assert!(seen > 200, "the test reads imports: {seen}");
    assert_none(&wrong, "imports go down, never up or sideways, by full path");
}

#[test]
fn the_table_of_imports_has_no_circle() {
    for (at, (name, allowed)) in IMPORTS.iter().enumerate() {
        let earlier: BTreeSet<&str> = IMPORTS[..at].iter().map(|(name, _)| *name).collect();
        assert!(allowed.iter().all(|import| earlier.contains(import)), "{name} imports what stands above it");
    }
}

/// `failure`, `failover` and `traffic` stand side by side inside `model`.
#[test]
fn siblings_inside_the_model_do_not_know_each_other() {
    let siblings = ["failure", "failover", "traffic"];
    let mut wrong = Vec::new();
    for own in siblings {
        for path in sources(&format!("src/model/{own}")) {
            for (number, line) in code(&path) {
                let others = siblings.iter().filter(|other| **other != own);
                let named = others.filter(|other| line.contains(&format!("model::{other}")));
                wrong.extend(named.map(|other| format!("{path}:{number}: `{other}`")));
            }
        }
    }
    assert_none(&wrong, "dist and topology come first; these three never import each other");
}

#[test]
fn no_file_grows_beyond_five_hundred_lines() {
    let all = ["src", "tests", "benches"].into_iter().flat_map(sources);
    let long = all.map(|path| (read(&path).lines().count(), path)).filter(|(lines, _)| *lines > LINES_MAX);
    let long: Vec<String> = long.map(|(lines, path)| format!("{path}: {lines} lines")).collect();
    assert_none(&long, "a file that grows is cut by reasons to change");
}

#[test]
fn every_source_says_what_it_is() {
    let ours = sources("src").into_iter().filter(|path| !is_test(path));
    let silent: Vec<String> = ours.filter(|path| !read(path).starts_with("//! ")).collect();
    assert_none(&silent, "a file begins with what it is");
}

#[test]
fn bad_input_cannot_unwrap() {
    let mut wrong = Vec::new();
    for path in sources("src") {
        for (number, line) in code(&path) {
            if line.contains(".unwrap()") {
                wrong.push(format!("{path}:{number}"));
            }
        }
    }
    assert_none(&wrong, "no `.unwrap()` outside tests: handle it, or `expect` what the invariant says");
}

#[test]
fn only_the_command_line_prints() {
    let words = ["print!(", "println!(", "eprint!(", "eprintln!(", "dbg!("];
    let mut wrong = Vec::new();
    for path in sources("src").into_iter().filter(|path| module(path) != "cli") {
        for (number, line) in code(&path) {
            if words.iter().any(|word| line.contains(word)) {
                wrong.push(format!("{path}:{number}"));
            }
        }
    }
    assert_none(&wrong, "data and messages leave through cli");
}

#[test]
fn only_the_command_line_reads_the_clock_and_files() {
    let words = ["Instant::now", "SystemTime::now", "std::fs", "fs::read", "File::open", "std::env"];
    let mut wrong = Vec::new();
    for path in sources("src").into_iter().filter(|path| !["cli", "main", "live"].contains(&module(path).as_str())) {
        for (number, line) in code(&path) {
            if words.iter().any(|word| line.contains(word)) {
                wrong.push(format!("{path}:{number}"));
            }
        }
    }
    assert_none(&wrong, "only main and cli touch files, terminal and wall clock");
}

#[test]
fn nothing_points_outside_the_tree() {
    // written in two halves, so that this file passes its own rule
    let places = [("/wo", "rk/"), ("/tm", "p/"), ("/ro", "ot/"), ("/ho", "me/"), ("../sh", "ared")];
    let places: Vec<String> = places.iter().map(|(one, other)| format!("{one}{other}")).collect();
    let mut wrong = Vec::new();
    for path in files("") {
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        for (index, line) in text.lines().enumerate() {
            if places.iter().any(|place| line.contains(place)) {
                wrong.push(format!("{path}:{}: {}", index + 1, line.trim()));
            }
        }
    }
    assert_none(&wrong, "a clone elsewhere must work");
}
