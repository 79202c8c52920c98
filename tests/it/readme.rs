//! The README keeps its word: every command in it runs, and what it shows is what comes out.
//!
//! Commands are the lines of `sh` blocks; `cargo run --release --` stands for the binary under test, an exit code that is
//! not 0 is told behind `# exit`. A `text` block must be the head of a file of the gallery named right before it in a
//! comment; `UPDATE=1 cargo test readme` renews it. `cargo test` is not run from within itself; blocks of Rust are
//! doctests of the crate.

use crate::shell::{self, Folder};
use ninefold::results::measure::Measure;

fn readme() -> String {
    std::fs::read_to_string(shell::root().join("README.md")).expect("README.md")
}

/// The blocks of one language, each with the line before it.
fn blocks(text: &str, language: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut before = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.strip_prefix("```") == Some(language) {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((before.clone(), body.join("\n")));
        } else if !line.trim().is_empty() {
            line.clone_into(&mut before);
        }
    }
    blocks
}

/// Runs one line of a block in a folder that has the scenarios; files that it writes stay there.
fn run(line: &str, folder: &Folder) {
    let (command, remark) = line.split_once('#').unwrap_or((line, ""));
    let code = remark.trim().strip_prefix("exit ").map_or(0, |code| code.trim().parse().expect("an exit code"));
    let command = command.trim();
    let args = command.strip_prefix("cargo run --release -- ").or(command.strip_prefix("ninefold "));
    let Some(args) = args else {
        let known = ["cargo test", "cargo install --path ."];
        assert!(known.contains(&command), "the README has a command that nobody tries: {command}");
        return;
    };
    let output = shell::ninefold_in(&folder.0, args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{line}\n{stderr}");
}

#[test]
fn every_command_of_the_readme_runs() {
    let folder = Folder::new("readme");
    for file in shell::files_below("scenarios") {
        let copy = folder.0.join(&file);
        std::fs::create_dir_all(copy.parent().expect("in a folder")).expect("a folder");
        std::fs::copy(shell::root().join(&file), copy).expect("a copy");
    }
    let blocks = blocks(&readme(), "sh");
    let lines = blocks.iter().flat_map(|(_, body)| body.lines()).filter(|line| !line.trim().is_empty());
    let mut count = 0;
    for line in lines {
        run(line, &folder);
        count += 1;
    }
    assert!(count > 5, "the README shows commands");
}

#[test]
fn what_the_readme_shows_is_what_comes_out() {
    let shown = blocks(&readme(), "text");
    assert!(!shown.is_empty());
    for (before, body) in shown {
        let file = before.trim().strip_prefix("<!-- ").and_then(|name| name.strip_suffix(" -->"));
        let file = file.unwrap_or_else(|| panic!("a block without its file: {before}"));
        let stands = std::fs::read_to_string(shell::root().join(file)).expect("a file of the gallery");
        let (body, stands) = (body.trim_end(), stands.trim_end());
        if std::env::var("UPDATE").is_ok_and(|value| value == "1") {
            let lines: Vec<&str> = stands.lines().take(body.lines().count()).collect();
            let path = shell::root().join("README.md");
            std::fs::write(&path, readme().replace(body, &lines.join("\n"))).expect("README.md");
        } else {
            assert!(
                stands.starts_with(body),
                "{file} has changed: UPDATE=1 cargo test gallery, then UPDATE=1 cargo test readme"
            );
        }
    }
}

#[test]
fn the_readme_lists_every_scenario() {
    let text = readme();
    let missing = shell::files_below("scenarios").into_iter().filter(|file| !text.contains(&format!("({file})")));
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    for document in ["README.md", "CHANGELOG.md", "docs/architecture.md", "docs/methods.md", "docs/scenario.md"] {
        let path = shell::root().join(document);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{document}: {error}"));
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap_or_default();
            let outside = target.is_empty() || target.starts_with("http");
            assert!(outside || path.with_file_name(target).exists(), "{document}: no `{target}`");
        }
    }
}

#[test]
fn tests_that_the_methods_name_exist() {
    let sources = crate::tidy::sources("src").into_iter().chain(crate::tidy::sources("tests"));
    let code: String = sources.map(|path| crate::tidy::read(&path)).collect();
    let text = crate::tidy::read("docs/methods.md");
    let words = text.split('`').skip(1).step_by(2).filter(|word| word.matches('_').count() >= 3);
    // some measures have names as long as those of tests
    let words = words.filter(|word| Measure::by_name(word).is_none());
    let missing: Vec<&str> = words.filter(|word| !code.contains(&format!("fn {word}("))).collect();
    assert!(missing.is_empty(), "docs/methods.md names tests that are gone: {missing:?}");
}
