//! Reads the base text over and over, each time with another change, until the reader asks for nothing new.
//!
//! A reader asks for further keys when a word is chosen (`mode = "slow"`) or when it sees that a key is there (`fails`).
//! So each word of each choice is tried, and a value of a key that the reader looks at before it reads it. A key that is found under a change is explored under that change. Most texts made so have errors, which
//! nobody reads: a reader goes on after an error.

use super::super::compose::add_text;
use super::super::resolve::resolve;
use super::super::session::Session;
use super::super::source::{FileId, Origin};
use super::super::tree::{self, Entry, Node, Table, Value};
use super::lessons::{Key, Lessons, Look, pattern};
use super::shape::{Shape, json_of};
use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::Path;

const BASE: &str = include_str!("base.toml");

/// A key with its value, by the path of its table.
#[derive(Clone, Debug)]
struct Change {
    path: String,
    key: String,
    value: Value,
}

/// All that the reader can be made to ask for.
pub(super) fn explore() -> Lessons {
    let lessons = RefCell::new(Lessons::default());
    let mut tried = BTreeSet::new();
    let mut queue: VecDeque<Vec<Change>> = VecDeque::from([Vec::new()]);
    while let Some(changes) = queue.pop_front() {
        read(&changes, &lessons);
        let fresh = std::mem::take(&mut lessons.borrow_mut().fresh);
        for (path, name) in fresh {
            let known = lessons.borrow();
            let key = known.tables.get(&path).and_then(|table| table.keys.get(&name));
            for value in key.map(candidates).unwrap_or_default() {
                if tried.insert((pattern(&path), pattern(&name), json_of(&value).to_string())) {
                    let change = Change { path: path.clone(), key: name.clone(), value };
                    queue.push_back([changes.as_slice(), &[change]].concat());
                }
            }
        }
    }
    lessons.into_inner().by_pattern()
}

/// The values of a key after which the reader might ask for others.
fn candidates(key: &Key) -> Vec<Value> {
    let words = |shape: &&Shape| matches!(shape, Shape::Words(_));
    let mut values: Vec<Value> = key.shapes.iter().filter(words).flat_map(Shape::examples).collect();
    match key.look {
        Look::Never => {}
        Look::Presence if key.shapes.is_empty() => values.push("1s".into()),
        Look::Presence => values.extend(key.shapes.first().and_then(|shape| shape.examples().into_iter().next())),
        Look::Value => {
            values.extend(key.shapes.iter().flat_map(Shape::examples));
            values.extend(["1s".into(), Value::Integer(1), Value::Table(Table::default())]);
        }
    }
    values
}

/// Reads the base text with these changes.
fn read(changes: &[Change], lessons: &RefCell<Lessons>) {
    let nothing = |_: &Path| -> io::Result<Vec<u8>> { Err(io::ErrorKind::NotFound.into()) };
    let mut session = Session::recording(&nothing, lessons);
    // two names, so that the name of a file is no default
    let path = Path::new(if changes.is_empty() { "one" } else { "two" });
    let file = add_text(&mut session, "base", path, BASE.as_bytes().to_vec());
    if let Some(mut root) = file.and_then(|file| tree::parse(&session, file)) {
        for change in changes {
            let parts: Vec<&str> = change.path.split('.').filter(|part| !part.is_empty()).collect();
            put(&mut root, &parts, change);
        }
        resolve(&session, &root, path);
    }
}

/// Lays the change on the tree; of a list its first table is meant, what is no table becomes one.
fn put(table: &mut Table, parts: &[&str], change: &Change) {
    let origin = Origin::new(FileId::MAIN, 0..0);
    let entry =
        |key: &str, value: Value| Entry { key: key.to_owned(), key_origin: origin, node: Node { origin, value } };
    let Some((first, rest)) = parts.split_first() else {
        table.set(entry(&change.key, change.value.clone()));
        return;
    };
    let Some(node) = table.get_mut(first) else {
        let mut inner = Table::default();
        put(&mut inner, rest, change);
        table.set(entry(first, Value::Table(inner)));
        return;
    };
    let item = match &mut node.value {
        Value::List(items) => items.first_mut(),
        Value::Table(_)
        | Value::Text(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Bool(_)
        | Value::Datetime(_) => Some(node),
    };
    let Some(item) = item else { return };
    if item.as_table().is_none() {
        item.value = Value::Table(Table::default());
    }
    if let Value::Table(inner) = &mut item.value {
        put(inner, rest, change);
    }
}
