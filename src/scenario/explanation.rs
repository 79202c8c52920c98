//! The long form of a scenario: every key in force with its value, defaults marked.
//!
//! It is recorded by the very code that reads the keys ([`Fields`](super::fields::Fields)), so it cannot differ from
//! what the model was built from. Written as TOML, so that it can be read again.

use super::tree::bare_or_quoted;
use std::fmt;

/// A table of the long form.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq)]
enum Item {
    Value { key: String, value: String, default: bool },
    Off { key: String, meaning: String },
    Table { key: String, table: Explanation },
}

impl Explanation {
    pub(super) fn value(&mut self, key: &str, value: String, default: bool) {
        self.items.push(Item::Value { key: key.to_owned(), value, default });
    }

    pub(super) fn off(&mut self, key: &str, meaning: &str) {
        self.items.push(Item::Off { key: key.to_owned(), meaning: meaning.to_owned() });
    }

    pub(super) fn table(&mut self, key: &str, table: Explanation) {
        self.items.push(Item::Table { key: key.to_owned(), table });
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, path: &str) -> fmt::Result {
        let tables = self.items.iter().filter(|item| matches!(item, Item::Table { .. })).count();
        if !path.is_empty() && (tables < self.items.len() || self.items.is_empty()) {
            writeln!(f, "\n[{path}]")?;
        }
        for item in &self.items {
            match item {
                Item::Value { key, value, default } => {
                    let mark = if *default { "   # (default)" } else { "" };
                    writeln!(f, "{} = {value}{mark}", bare_or_quoted(key))?;
                }
                Item::Off { key, meaning } => writeln!(f, "# {} is off: {meaning}", bare_or_quoted(key))?,
                Item::Table { .. } => {}
            }
        }
        for item in &self.items {
            if let Item::Table { key, table } = item {
                let key = bare_or_quoted(key);
                let below = if path.is_empty() { key } else { format!("{path}.{key}") };
                table.write(f, &below)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "")
    }
}
