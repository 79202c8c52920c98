//! Reading a table key by key: each accessor takes a key with its type and default, reports what is wrong with it and
//! goes on, and records it for the long form.
//!
//! Keys that nobody asked for are unknown keys, found when the table is finished; so a reader cannot forget to refuse
//! them. A table is only read inside the closure of [`Fields::read`] or one of the accessors for inner tables, which
//! finish it.
//!
//! A session that records learns the language from these calls (`schema`): each accessor says what its key takes, tables
//! that are not written are read all the same, and `takes` speaks for keys that are read by hand.

use super::diagnostic::Code;
use super::explanation::Explanation;
use super::schema::{Look, Shape};
use super::session::{Session, meant, suggest};
use super::source::Origin;
use super::tree::{Entry, Node, Table, Value};
use super::value::Written;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::Location;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct At<T> {
    pub value: T,
    pub origin: Origin,
}

/// Stands in for a table that is not written.
static EMPTY: Table = Table { entries: Vec::new() };

/// A table that is being read.
pub(super) struct Fields<'s> {
    pub session: &'s Session<'s>,
    table: &'s Table,
    /// Where a missing key is reported: the key of the table.
    pub origin: Origin,
    /// Dotted path of the table, for notes.
    pub path: String,
    asked: BTreeSet<String>,
    shown: Explanation,
    inert: bool,
    missed: RefCell<BTreeSet<String>>,
}

impl<'s> Fields<'s> {
    /// Reads `table` with `reader`, then reports the keys that it did not ask for.
    pub fn read<T>(
        session: &'s Session<'s>,
        table: &'s Table,
        origin: Origin,
        path: &str,
        inert: bool,
        reader: impl FnOnce(&mut Fields<'s>) -> T,
    ) -> (T, Explanation) {
        let mut fields = Fields {
            session,
            table,
            origin,
            path: path.to_owned(),
            asked: BTreeSet::new(),
            shown: Explanation::default(),
            inert,
            missed: RefCell::default(),
        };
        let result = reader(&mut fields);
        fields.refuse_unknown();
        fields.tell_end();
        (result, fields.shown)
    }

    fn refuse_unknown(&self) {
        let known: Vec<&str> = self.asked.iter().map(String::as_str).collect();
        for entry in &self.table.entries {
            if !self.asked.contains(&entry.key) {
                let place = if self.path.is_empty() { String::new() } else { format!(" in `{}`", self.path) };
                let message = format!("unknown key `{}`{place}", shorten(&entry.key));
                let help = if self.session.is_full() {
                    None
                } else {
                    meant(&entry.key, &known).or_else(|| suggest(&entry.key, &known))
                };
                self.session.report(Code::E002, entry.key_origin, message, help);
            }
        }
    }

    /// Tells a session that records what was written in this table, and what was missed.
    fn tell_end(&self) {
        self.session.learn(|lessons| {
            let written: Vec<&str> = self.table.entries.iter().map(|entry| entry.key.as_str()).collect();
            lessons.finished(&self.path, &self.asked, &written, &self.missed.borrow());
        });
    }

    /// Says what a key takes that is read by hand.
    pub fn takes(&self, key: &str, shapes: impl IntoIterator<Item = Shape>) {
        self.session.learn(|lessons| {
            for shape in shapes {
                lessons.takes(&self.path, key, shape);
            }
        });
    }

    /// Says what an absent key counts as.
    fn counts_as(&self, key: &str, value: &Value) {
        self.session.learn(|lessons| lessons.counts_as(&self.path, key, value));
    }

    /// Are the keys of this table felt by the request clock only?
    pub fn set_inert(&mut self, inert: bool) -> bool {
        std::mem::replace(&mut self.inert, inert)
    }

    /// Reads with `reader`, all keys being felt by the request clock only.
    pub fn on_request_clock<T>(&mut self, reader: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.set_inert(true);
        let result = reader(self);
        self.set_inert(before);
        result
    }

    /// The keys asked for so far.
    pub fn asked(&self) -> &BTreeSet<String> {
        &self.asked
    }

    /// Counts keys as asked for that somebody else reads.
    pub fn leave(&mut self, keys: impl IntoIterator<Item = impl Into<String>>) {
        self.asked.extend(keys.into_iter().map(Into::into));
    }

    /// The value of a key, which does not count as asked for.
    pub fn peek(&self, key: &str) -> Option<&'s Node> {
        self.session.learn(|lessons| lessons.looked_at(&self.path, key, Look::Value));
        self.table.get(key)
    }

    /// Is the key written?
    pub fn has(&self, key: &str) -> bool {
        self.session.learn(|lessons| lessons.looked_at(&self.path, key, Look::Presence));
        self.table.get(key).is_some()
    }

    /// The entry of a key, now asked for.
    #[track_caller]
    pub fn entry(&mut self, key: &str) -> Option<&'s Entry> {
        let site = Location::caller();
        self.session.learn(|lessons| lessons.asked(&self.path, key, site));
        self.asked.insert(key.to_owned());
        let entry = self.table.entry(key);
        if let Some(entry) = entry.filter(|entry| self.inert && entry.node.as_table().is_none()) {
            self.session.note_inert(self.path_of(key), entry.key_origin);
        }
        entry
    }

    /// The value of a key, now asked for.
    #[track_caller]
    pub fn node(&mut self, key: &str) -> Option<&'s Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// Where the value of the key stands, else the table.
    pub fn origin_of(&self, key: &str) -> Origin {
        self.table.get(key).map_or(self.origin, |node| node.origin)
    }

    /// Where the key itself stands, else the table.
    pub fn key_origin(&self, key: &str) -> Origin {
        self.table.entry(key).map_or(self.origin, |entry| entry.key_origin)
    }

    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Reports a fault at the value of `key`.
    pub fn fault(&self, code: Code, key: &str, message: impl Into<String>, help: impl Into<Option<String>>) {
        self.session.report(code, self.origin_of(key), message, help.into());
    }

    /// Records a value for the long form.
    pub fn show(&mut self, key: &str, value: String, default: bool) {
        self.shown.value(key, value, default);
    }

    /// Records what it means that a key is absent.
    pub fn show_off(&mut self, key: &str, meaning: &str) {
        self.shown.remark(key, format!(" is off: {meaning}"));
    }

    /// Records a remark about a key that is absent.
    pub fn show_note(&mut self, key: &str, text: &str) {
        self.shown.remark(key, format!(": {text}"));
    }

    /// Records an inner table.
    pub fn show_table(&mut self, key: &str, table: Explanation) {
        self.shown.table(key, table);
    }

    /// A key that may be absent.
    #[track_caller]
    pub fn optional<T: Written>(&mut self, key: &str) -> Option<T> {
        self.takes(key, [T::shape()]);
        let node = self.node(key)?;
        let value = T::read(node, self.session)?;
        self.show(key, value.show(), false);
        Some(value)
    }

    /// A key with a default, which stands here as the scenario would write it.
    #[track_caller]
    pub fn or<T: Written>(&mut self, key: &str, default: impl Into<Value>) -> T {
        let default = default.into();
        self.takes(key, [T::shape()]);
        self.counts_as(key, &default);
        if let Some(node) = self.node(key)
            && let Some(value) = T::read(node, self.session)
        {
            self.show(key, value.show(), false);
            return value;
        }
        let written = Node { origin: self.origin, value: default };
        let value = T::read(&written, self.session).expect("the defaults of the language are values of it");
        if self.table.get(key).is_none() {
            self.show(key, value.show(), true);
        }
        value
    }

    /// A key that must be there.
    #[track_caller]
    pub fn required<T: Written>(&mut self, key: &str, hint: &str) -> Option<T> {
        if self.table.get(key).is_some() {
            return self.optional(key);
        }
        self.takes(key, [T::shape()]);
        self.node(key);
        self.missing(key, hint);
        None
    }

    /// Reports that `key` is missing.
    pub fn missing(&self, key: &str, hint: &str) {
        self.missed.borrow_mut().insert(key.to_owned());
        let place = if self.path.is_empty() { "the scenario".to_owned() } else { format!("`{}`", self.path) };
        self.session.report(Code::E004, self.origin, format!("`{key}` is missing in {place}"), Some(hint.to_owned()));
    }

    /// One of a few words; `default` is one of them.
    #[track_caller]
    pub fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)], default: &str) -> T {
        self.takes(key, [words(choices)]);
        self.counts_as(key, &default.into());
        let written = self.node(key);
        let chosen = written.and_then(|node| self.word(node, choices));
        let (word, value) = chosen.unwrap_or_else(|| {
            choices.iter().find(|(word, _)| *word == default).copied().expect("the default is one of the choices")
        });
        if chosen.is_some() || written.is_none() {
            self.show(key, format!("\"{word}\""), written.is_none());
        }
        value
    }

    /// One of a few words that may be absent.
    #[track_caller]
    pub fn optional_choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        self.takes(key, [words(choices)]);
        let node = self.node(key)?;
        let (word, value) = self.word(node, choices)?;
        self.show(key, format!("\"{word}\""), false);
        Some(value)
    }

    fn word<'c, T: Copy>(&self, node: &Node, choices: &[(&'c str, T)]) -> Option<(&'c str, T)> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let Some(text) = node.as_text() else {
            wrong_type(self.session, node, "one of a few words", words.first().map(|word| format!("write \"{word}\"")));
            return None;
        };
        let found = choices.iter().find(|(word, _)| *word == text).copied();
        if found.is_none() {
            let near =
                super::session::nearest(text, words.iter().copied()).map(|word| format!("did you mean `{word}`? "));
            let help = format!("{}the choices are {}", near.unwrap_or_default(), words.join(", "));
            self.session.report(
                Code::E112,
                node.origin,
                format!("`{}` is not a choice here", shorten(text)),
                Some(help),
            );
        }
        found
    }

    /// A list of values; a single value is not a list.
    #[track_caller]
    pub fn list<T: Written>(&mut self, key: &str) -> Option<Vec<At<T>>> {
        self.takes(key, [Shape::List(vec![T::shape()])]);
        let node = self.node(key)?;
        let Value::List(items) = &node.value else {
            let example = node.as_text().map_or_else(
                || "a list stands in brackets, such as `[\"a\", \"b\"]`".to_owned(),
                |_| format!("write `[{}]`", shorten(&node.show())),
            );
            wrong_type(self.session, node, "a list", Some(example));
            return None;
        };
        self.show(key, node.show(), false);
        let read = |item: &Node| Some(At { value: T::read(item, self.session)?, origin: item.origin });
        Some(items.iter().filter_map(read).collect())
    }

    /// Is the value of the key a list without anything in it, as written?
    pub fn is_empty_list(&self, key: &str) -> bool {
        self.table.get(key).and_then(Node::as_list).is_some_and(<[Node]>::is_empty)
    }

    /// An inner table that may be absent; `off` says what that means.
    #[track_caller]
    pub fn table<T>(&mut self, key: &str, off: &str, reader: impl FnOnce(&mut Fields<'s>) -> T) -> Option<T> {
        self.takes(key, [Shape::Table]);
        let Some(entry) = self.entry(key) else {
            if !off.is_empty() {
                self.show_off(key, off);
            }
            if self.session.records() {
                let path = self.path_of(key);
                Fields::read(self.session, &EMPTY, self.origin, &path, self.inert, reader);
            }
            return None;
        };
        self.table_of(entry, reader)
    }

    /// An inner table that is read all the same when it is absent, for its defaults.
    #[track_caller]
    pub fn table_or_empty<T>(&mut self, key: &str, reader: impl Fn(&mut Fields<'s>) -> T) -> T {
        if let Some(result) = self.table(key, "", &reader) {
            return result;
        }
        let path = self.path_of(key);
        let (result, shown) = Fields::read(self.session, &EMPTY, self.origin, &path, self.inert, &reader);
        self.show_table(key, shown);
        result
    }

    /// An entry of this table, read as a table.
    #[track_caller]
    pub fn table_of<T>(&mut self, entry: &'s Entry, reader: impl FnOnce(&mut Fields<'s>) -> T) -> Option<T> {
        let key = entry.key.as_str();
        let site = Location::caller();
        self.session.learn(|lessons| lessons.asked(&self.path, key, site));
        self.takes(key, [Shape::Table]);
        self.asked.insert(key.to_owned());
        let Value::Table(table) = &entry.node.value else {
            wrong_type(self.session, &entry.node, "a table", Some(as_table(key, &entry.node.value)));
            return None;
        };
        let path = self.path_of(key);
        let (result, shown) = Fields::read(self.session, table, entry.key_origin, &path, self.inert, reader);
        self.show_table(key, shown);
        Some(result)
    }

    /// A table of named tables: each entry read by `reader`.
    #[track_caller]
    pub fn tables<T>(&mut self, key: &str, mut reader: impl FnMut(&str, &mut Fields<'s>) -> T) -> Vec<T> {
        let mut results = Vec::new();
        self.table(key, "", |fields| {
            for entry in &fields.table.entries {
                results.extend(fields.table_of(entry, |inner| reader(&entry.key, inner)));
            }
        });
        results
    }

    /// The entries of this table, in order.
    pub fn entries(&self) -> &'s [Entry] {
        &self.table.entries
    }
}

/// The words of choices, as a shape.
fn words<T>(choices: &[(&str, T)]) -> Shape {
    Shape::Words(choices.iter().map(|(word, _)| (*word).to_owned()).collect())
}

/// Reports that `subject` has no meaning in this version.
pub(super) fn not_yet(session: &Session<'_>, origin: Origin, subject: &str, what: &str) {
    let help = format!("{what} will come with a later version; leave it out for now");
    session.report(Code::E900, origin, format!("{subject} is not yet built"), Some(help));
}

/// Reports a value of the wrong type.
pub(super) fn wrong_type(session: &Session<'_>, node: &Node, wanted: &str, help: Option<String>) {
    let shown = shorten(&node.show());
    session.report(Code::E003, node.origin, format!("`{shown}` is {}, {wanted} is wanted", node.value.kind()), help);
}

/// `there are only 3 nodes`.
pub(super) fn there_are(count: u32, noun: &str) -> String {
    if count == 1 { format!("there is only 1 {noun}") } else { format!("there are only {count} {noun}s") }
}

/// At most sixty characters of `text`.
pub(super) fn shorten(text: &str) -> String {
    let clean = |character: char| if character.is_control() { '\u{fffd}' } else { character };
    if text.chars().count() <= 60 {
        return text.chars().map(clean).collect();
    }
    let mut short: String = text.chars().take(57).map(clean).collect();
    short.push_str("...");
    short
}

/// How to write as a table what somebody wrote as something else: names in a list, or a plain yes.
fn as_table(key: &str, value: &Value) -> String {
    let text = |node: &Node| if let Value::Text(text) = &node.value { Some(text.clone()) } else { None };
    let names = if let Value::List(nodes) = value { nodes.iter().map(text).collect::<Option<Vec<_>>>() } else { None };
    let inside = match (value, names) {
        (Value::Bool(true), _) => "{}".to_owned(),
        (_, Some(names)) if (1..=4).contains(&names.len()) && names.iter().all(|name| name.len() <= 20) => {
            format!("{{ {} }}", names.iter().map(|name| format!("{name} = {{}}")).collect::<Vec<_>>().join(", "))
        }
        (_, Some(_) | None) => "{ .. }".to_owned(),
    };
    format!("write `{key} = {inside}`")
}
