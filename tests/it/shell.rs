//! Commands as a user types them at the root of the project.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The root of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder of the project, folders in folders too, by its path from the root.
pub fn files_below(folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).expect(folder).flatten() {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Runs `ninefold` with what follows its name, at the root; words in double or single quotes stay together.
pub fn ninefold(args: &str) -> Output {
    ninefold_in(root(), args)
}

/// The same in another folder.
pub fn ninefold_in(folder: &Path, args: &str) -> Output {
    let words = words(args.strip_prefix("ninefold ").unwrap_or(args));
    let mut command = Command::new(env!("CARGO_BIN_EXE_ninefold"));
    command.current_dir(folder).args(words).env_remove("NO_COLOR").stdin(Stdio::null());
    command.output().expect("the binary runs")
}

fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in text.chars() {
        match (letter, quote) {
            ('"' | '\'', None) => (quote, word) = (Some(letter), Some(word.unwrap_or_default())),
            (letter, Some(open)) if letter == open => quote = None,
            (letter, None) if letter.is_whitespace() => words.extend(word.take()),
            (letter, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// A folder of its own for one test, gone at its end.
pub struct Folder(pub PathBuf);

impl Folder {
    /// Empty, named after the test.
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("ninefold-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn quoted_words_stay_together() {
    assert_eq!(words("run a.toml --set 'x.\"a b\"=1' \"c d\""), ["run", "a.toml", "--set", "x.\"a b\"=1", "c d"]);
}
