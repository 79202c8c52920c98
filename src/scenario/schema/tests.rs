//! The schema against the reader: nothing that the reader asks for is missing, and no sentence is about nothing.

use super::explore::explore;
use super::lessons::Lessons;
use super::shape::Shape;
use super::write::{places, sections, sentences};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

static LESSONS: LazyLock<Lessons> = LazyLock::new(explore);

/// The calls by which a reader asks for a key.
const CALLS: [&str; 12] = [
    "optional",
    "or",
    "required",
    "choice",
    "optional_choice",
    "list",
    "table",
    "table_or_empty",
    "tables",
    "not_yet",
    "node",
    "entry",
];

/// What the tables that are read are called in the readers.
const TABLES: [&str; 4] = ["fields", "root", "all", "prices"];

/// Does a key follow on such a call?
fn asks(line: &str) -> bool {
    let calls = |after: &str| {
        let name: String = after.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
        CALLS.contains(&name.as_str()) && after[name.len()..].starts_with(['(', ':'])
    };
    let is_call = |table: &&str| {
        let mark = format!("{table}.");
        line.match_indices(&mark).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.') && calls(&line[at + mark.len()..])
        })
    };
    TABLES.iter().any(is_call)
}

fn place_of(path: &Path) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The files in which keys are asked for.
fn readers(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for file in std::fs::read_dir(place_of(folder)).unwrap().flatten() {
        let place = folder.join(file.file_name());
        if file.path().is_dir() {
            files.extend(readers(&place));
        } else if !place.ends_with("fields.rs") && !place.starts_with("src/scenario/schema") {
            files.push(place);
        }
    }
    files
}

#[test]
fn the_exploration_reaches_every_place_that_asks_for_a_key() {
    let (mut missing, mut count) = (Vec::new(), 0);
    for place in readers(Path::new("src/scenario")) {
        let text = std::fs::read_to_string(place_of(&place)).unwrap();
        if !text.contains("Fields") {
            continue;
        }
        for (index, line) in text.lines().enumerate().filter(|(_, line)| asks(line)) {
            count += 1;
            let site = (place.to_str().unwrap(), index as u32 + 1);
            if !LESSONS.sites.contains(&site) {
                missing.push(format!("{}:{}: {}", site.0, site.1, line.trim()));
            }
        }
    }
    assert!(count > 150, "only {count} calls found: are the tables called by other names now?");
    let help = "the schema never sees these keys: write in src/scenario/schema/base.toml what leads the reader there";
    assert!(missing.is_empty(), "{help}\n{}", missing.join("\n"));
}

/// All keys with their tables.
fn keys() -> impl Iterator<Item = (&'static str, &'static str)> {
    LESSONS.tables.iter().flat_map(|(path, table)| {
        let asked = table.keys.iter().filter(|(_, key)| key.is_read());
        asked.map(move |(name, _)| (path.as_str(), name.as_str()))
    })
}

#[test]
fn it_is_known_what_every_key_takes() {
    let shapeless = keys().filter(|(path, name)| LESSONS.tables[*path].keys[*name].shapes.is_empty());
    let shapeless: Vec<String> = shapeless.map(|key| format!("{key:?}")).collect();
    let help = "these keys are read by hand: say `fields.takes(key, [Shape::..])` beside the reading";
    assert!(shapeless.is_empty(), "{help}\n{}", shapeless.join("\n"));
}

#[test]
fn no_table_is_without_keys() {
    let mut empty = Vec::new();
    for (path, name) in keys() {
        let below = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        for shape in &LESSONS.tables[path].keys[name].shapes {
            let inner = match shape {
                Shape::Table => below.clone(),
                Shape::List(items) if items.contains(&Shape::Table) => below.clone(),
                Shape::Each(_) => format!("{below}.*"),
                _ => continue,
            };
            if LESSONS.tables.get(&inner).is_none_or(|table| table.keys.is_empty()) {
                empty.push(inner);
            }
        }
    }
    assert!(empty.is_empty(), "write one entry of each in src/scenario/schema/base.toml: {empty:?}");
}

#[test]
fn every_key_has_a_sentence_and_every_sentence_a_key() {
    let sentences = sentences();
    let mut needed: BTreeSet<(String, String)> =
        [("scenario", "extends"), ("regions", "like")].map(|(table, key)| (table.into(), key.into())).into();
    let mut without = Vec::new();
    for (path, name) in keys() {
        match places(path, name).into_iter().find(|place| sentences.contains_key(place)) {
            Some(place) => _ = needed.insert(place),
            None => without.push(format!("[{path}] {name}")),
        }
    }
    assert!(without.is_empty(), "src/scenario/schema/words.toml has no sentence for\n{}", without.join("\n"));
    let sections = sections();
    let all = sections.iter().flat_map(|(tables, keys)| keys.keys().map(move |key| (tables, key)));
    let used = |tables: &str, key: &str| tables.split(' ').any(|table| needed.contains(&(table.into(), key.into())));
    let idle: Vec<_> = all.filter(|(tables, key)| !used(tables, key)).collect();
    assert!(idle.is_empty(), "src/scenario/schema/words.toml has sentences about no key: {idle:?}");
}

#[test]
fn a_line_that_asks_for_a_key_is_known() {
    for line in ["fields.or(\"a\", 1)", "let a = root.optional::<Text>(key);", "_ = prices.optional::<Number>(&key)"] {
        assert!(asks(line), "{line}");
    }
    for line in ["dns.flatten().or(anycast)", "fields.origin_of(key)", "self.fields.or(x)", "table.entry(last)"] {
        assert!(!asks(line), "{line}");
    }
}

#[test]
fn it_is_one_closed_object_with_definitions_that_exist() {
    let text = super::json_schema();
    let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
    for part in text.split("\"$ref\": \"#/$defs/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(schema["$defs"].get(name).is_some(), "{name}");
    }
    let open = schema["$defs"].as_object().unwrap().iter();
    let open = open.filter(|(_, one)| one["type"] == "object" && one["additionalProperties"] != false);
    assert_eq!(open.count(), 0);
    assert_eq!(schema["additionalProperties"], false);
}
