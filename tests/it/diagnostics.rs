//! Each diagnostic has a broken scenario in `tests/bad` and its whole message beside it.
//!
//! `UPDATE=1 cargo test diagnostics` rewrites the messages. A scenario that needs other files names them in `tests/bad`
//! too; one that is about an override has it in its first line, after `# --set `.

use ninefold::scenario::{Code, Severity, load};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Codes of the catalogue that need a part of the language which this version refuses first.
const NOT_REACHABLE: [&str; 1] = ["E312"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

/// Reads below `tests/bad`, so that messages hold no path of this machine.
fn read_bad(path: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(folder().join(path))
}

/// All messages of a scenario in `tests/bad`.
fn messages(name: &str) -> String {
    let text = read_bad(Path::new(name)).unwrap();
    let text = String::from_utf8_lossy(&text);
    let overrides: Vec<String> =
        text.lines().filter_map(|line| line.strip_prefix("# --set ")).map(str::to_owned).collect();
    match load(Path::new(name), &read_bad, &overrides) {
        Ok(scenario) => scenario.warnings.iter().map(|warning| warning.render_plain() + "\n").collect(),
        Err(problems) => problems.render_plain(),
    }
}

fn names() -> BTreeSet<String> {
    let files = std::fs::read_dir(folder()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
    let is_toml = |name: &String| Path::new(name).extension().is_some_and(|end| end == "toml");
    let is_case = |name: &String| is_toml(name) && (name.starts_with('E') || name.starts_with('W'));
    names.filter(is_case).collect()
}

#[test]
fn every_broken_scenario_says_what_is_expected() {
    let update = std::env::var("UPDATE").is_ok_and(|value| value == "1");
    let mut wrong = Vec::new();
    for name in names() {
        let found = messages(&name);
        let expected = folder().join(name.replace(".toml", ".expected"));
        if update {
            std::fs::write(&expected, &found).unwrap();
        }
        if std::fs::read_to_string(&expected).unwrap_or_default() != found {
            wrong.push(format!("{name}\n{found}"));
        }
        assert!(found.contains(&format!("[{}]", &name[..4])), "{name} does not show its code:\n{found}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_broken_scenario() {
    let names = names();
    for code in Code::ALL {
        let has = names.iter().any(|name| name.starts_with(code.name()));
        let reachable = !NOT_REACHABLE.contains(&code.name());
        assert_eq!(has, reachable, "{code}: {}", code.meaning());
    }
}

#[test]
fn a_code_that_starts_with_w_is_a_warning() {
    let warnings = Code::ALL.iter().filter(|code| code.severity() == Severity::Warning);
    assert!(warnings.clone().all(|code| code.name().starts_with('W')) && warnings.count() > 5);
}
