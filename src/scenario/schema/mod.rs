//! The JSON Schema of the scenario language, for editors.
//!
//! The reader asks for keys one by one, so the schema is found by reading: a small text (`base.toml`) is read in a session
//! that records what it is asked for (`lessons`), then again and again with one key more or another word, until nothing new
//! is asked (`explore`). What was learnt is written as JSON Schema (`write`), with the sentences of `words.toml`. A key that
//! somebody adds to a reader is thus in the schema; tests say when one is not found, takes something unknown, or has no
//! sentence.
//!
//! The schema accepts whatever `check` accepts. It refuses unknown keys, wrong types, unknown units and words; what needs
//! arithmetic, names or other files is `check`'s alone. Keys that must be there are asked of the items of lists only,
//! since any other table may be a layer over one that has them (`extends`, `like`, policies, pools).

mod explore;
mod lessons;
mod shape;
#[cfg(test)]
mod tests;
mod write;

pub(super) use lessons::{Lessons, Look};
pub(super) use shape::Shape;

/// The JSON Schema (draft 2020-12) of the scenario language, as text that ends in a line break.
pub fn json_schema() -> String {
    let schema = write::schema(&explore::explore(), &write::sentences());
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
