//! What was learnt of the language, as JSON Schema.
//!
//! Each table is a definition, and tables with the same keys share one. All objects are closed.

use super::lessons::{Key, Lesson, Lessons};
use super::shape::{NAME, Place, QUANTILE, Shape, WAY, any_of, definitions, reference};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

const WORDS: &str = include_str!("words.toml");

/// A sentence for each key, by the last words of the path of its table.
pub(super) type Sentences = BTreeMap<(String, String), String>;

/// The sections of `words.toml`; one may serve several tables.
pub(super) fn sections() -> BTreeMap<String, BTreeMap<String, String>> {
    toml::from_str(WORDS).expect("the sentences are tables of texts")
}

/// The sentences of `words.toml`.
pub(super) fn sentences() -> Sentences {
    let mut all = Sentences::new();
    for (tables, keys) in sections() {
        for table in tables.split(' ') {
            all.extend(keys.iter().map(|(key, text)| ((table.to_owned(), key.clone()), text.clone())));
        }
    }
    all
}

/// Where the sentence of a key stands: under the last two words of its table's path, or under the last one.
pub(super) fn places(path: &str, key: &str) -> [(String, String); 2] {
    let words: Vec<&str> = path.split('.').filter(|word| !word.is_empty() && *word != "*").collect();
    let last = words.last().copied().unwrap_or("scenario");
    let two = if words.len() > 1 { words[words.len() - 2..].join(".") } else { last.to_owned() };
    [(two, key.to_owned()), (last.to_owned(), key.to_owned())]
}

struct Writer<'l> {
    lessons: &'l Lessons,
    sentences: &'l Sentences,
    definitions: Map<String, Json>,
    /// Names of the definitions by their text.
    names: BTreeMap<String, String>,
}

/// The whole schema.
pub(super) fn schema(lessons: &Lessons, sentences: &Sentences) -> Json {
    let mut writer = Writer { lessons, sentences, definitions: definitions(), names: BTreeMap::new() };
    let mut root = writer.object("", false);
    let extends = json!({ "type": "string", "description": writer.sentence("", "extends") });
    if let Some(properties) = root.get_mut("properties").and_then(Json::as_object_mut) {
        properties.insert("extends".to_owned(), extends);
    }
    let mut whole = Map::new();
    whole.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    whole.insert("title".to_owned(), json!("A scenario of ninefold"));
    whole.extend(root);
    whole.insert("anyOf".to_owned(), json!([{ "required": ["version"] }, { "required": ["extends"] }]));
    whole.insert("$defs".to_owned(), Json::Object(writer.definitions));
    Json::Object(whole)
}

impl Writer<'_> {
    fn sentence(&self, path: &str, key: &str) -> String {
        let found = places(path, key).into_iter().find_map(|place| self.sentences.get(&place));
        found.cloned().unwrap_or_default()
    }

    /// A reference to the definition of a table; `item`: it stands in a list and nowhere else.
    fn table(&mut self, path: &str, item: bool) -> Json {
        let object = Json::Object(self.object(path, item));
        let text = object.to_string();
        if let Some(name) = self.names.get(&text) {
            return reference(name);
        }
        let words: Vec<&str> = path.split('.').map(|word| if word == "*" { "NAME" } else { word }).collect();
        let mut from = words.len() - 1;
        while from > 0 && (words[from] == "NAME" || self.definitions.contains_key(&words[from..].join("."))) {
            from -= 1;
        }
        let name = words[from..].join(".");
        self.names.insert(text, name.clone());
        self.definitions.insert(name.clone(), object);
        reference(&name)
    }

    fn object(&mut self, path: &str, item: bool) -> Map<String, Json> {
        let lessons = self.lessons;
        let empty = Lesson::default();
        let table = lessons.tables.get(path).unwrap_or(&empty);
        let (mut properties, mut patterns, mut required) = (Map::new(), Map::new(), Vec::new());
        for name in &table.order {
            let Some(key) = table.keys.get(name).filter(|key| key.is_read()) else { continue };
            let schema = self.key(path, name, key, item);
            match name.as_str() {
                "*" if path == "links" => _ = patterns.insert(WAY.to_owned(), schema),
                "*" => _ = patterns.insert(NAME.to_owned(), schema),
                "pNN" => _ = patterns.insert(QUANTILE.to_owned(), schema),
                _ => _ = properties.insert(name.clone(), schema),
            }
            if item && key.required() {
                required.push(name.clone());
            }
        }
        if path == "regions.*" {
            let like = json!({ "type": "string", "description": self.sentence(path, "like") });
            properties.insert("like".to_owned(), like);
        }
        let mut object = Map::new();
        object.insert("type".to_owned(), json!("object"));
        for (word, keys) in [("properties", properties), ("patternProperties", patterns)] {
            if !keys.is_empty() {
                object.insert(word.to_owned(), Json::Object(keys));
            }
        }
        if !required.is_empty() {
            object.insert("required".to_owned(), json!(required));
        }
        object.insert("additionalProperties".to_owned(), json!(false));
        object
    }

    fn key(&mut self, path: &str, name: &str, key: &Key, item: bool) -> Json {
        let below = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let in_list = key.shapes == [Shape::List(vec![Shape::Table])];
        let mut table = |place: Place| match place {
            Place::Here => self.table(&below, in_list),
            Place::Below => self.table(&format!("{below}.*"), false),
        };
        let mut kinds: Vec<Json> = key.shapes.iter().map(|shape| shape.schema(&mut table)).collect();
        let truth = key.shapes.contains(&Shape::Bool);
        if !truth && !item && below != "version" {
            kinds.push(reference("removed"));
        }
        let mut schema = Map::new();
        let sentence = self.sentence(path, name);
        if !sentence.is_empty() {
            let needed = if key.required() { "Required. " } else { "" };
            schema.insert("description".to_owned(), json!(format!("{needed}{sentence}")));
        }
        // what depends on other keys is told by the sentence
        let [default] = key.defaults.as_slice() else { return with(schema, kinds) };
        if !sentence.contains("absent:") {
            schema.insert("default".to_owned(), default.clone());
        }
        with(schema, kinds)
    }
}

/// The annotations with what the key takes.
fn with(mut annotations: Map<String, Json>, kinds: Vec<Json>) -> Json {
    if let Json::Object(kinds) = any_of(kinds) {
        for (word, value) in kinds {
            annotations.entry(word).or_insert(value);
        }
    }
    Json::Object(annotations)
}
