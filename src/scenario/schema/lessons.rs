//! What can be learnt of the language by watching the reader: which keys it asks for in which table, and what they take.
//!
//! [`Fields`](super::super::fields::Fields) reports here each time it is asked for a key, if its session records; so the
//! schema is written by the very calls that read. While the reader is watched, tables are told apart by their path; at the
//! end names become `*` and quantiles `pNN`. In a text made for recording each name has a hyphen, and no key of the
//! language has one; nor is a key called like the region or the group that exists where none is written.

use super::super::tree::Value;
use super::shape::{Shape, json_of};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::Location;

/// How the reader looks at a key before it reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::scenario) enum Look {
    /// Not at all.
    #[default]
    Never,
    /// Whether it is there.
    Presence,
    /// What it is.
    Value,
}

/// What was learnt of one key.
#[derive(Clone, Debug, Default)]
pub(in crate::scenario) struct Key {
    /// What it takes, in the order found.
    pub shapes: Vec<Shape>,
    /// The values that it had when it was absent.
    pub defaults: Vec<Json>,
    /// How the reader looks at it before it reads it.
    pub look: Look,
    /// The first place of the reader that asks for it; none: it is only looked at.
    pub site: Option<&'static Location<'static>>,
    /// Was it once absent and missed?
    missed: bool,
    /// Was it once absent and not missed, or not asked for?
    spared: bool,
}

/// What was learnt of one table.
#[derive(Clone, Debug, Default)]
pub(in crate::scenario) struct Lesson {
    /// Its keys in the order asked for.
    pub order: Vec<String>,
    /// The same by name.
    pub keys: BTreeMap<String, Key>,
    visits: u32,
}

/// All that was learnt.
#[derive(Clone, Debug, Default)]
pub(in crate::scenario) struct Lessons {
    /// By path.
    pub tables: BTreeMap<String, Lesson>,
    /// Places of the reader that have asked for a key.
    pub sites: BTreeSet<(&'static str, u32)>,
    /// Lesson of which something new is known, with their tables.
    pub fresh: BTreeSet<(String, String)>,
}

/// The names of what exists where nothing is written.
const UNWRITTEN: [&str; 2] = ["here", "everyone"];

/// The path with `*` for names.
pub(in crate::scenario) fn pattern(path: &str) -> String {
    let part = |part| {
        let quantile = str::strip_prefix(part, 'p').is_some_and(|rest| rest.parse::<u32>().is_ok());
        if part.contains('-') || UNWRITTEN.contains(&part) {
            "*"
        } else if quantile {
            "pNN"
        } else {
            part
        }
    };
    path.split('.').map(part).collect::<Vec<&str>>().join(".")
}

impl Lessons {
    fn key(&mut self, path: &str, key: &str) -> &mut Key {
        let Lesson { order, keys, visits } = self.tables.entry(path.to_owned()).or_default();
        keys.entry(key.to_owned()).or_insert_with(|| {
            order.push(key.to_owned());
            // asked for only now, so not needed before
            Key { spared: *visits > 0, ..Key::default() }
        })
    }

    /// A key was asked for.
    pub fn asked(&mut self, path: &str, key: &str, site: &'static Location<'static>) {
        self.sites.insert((site.file(), site.line()));
        self.key(path, key).site.get_or_insert(site);
    }

    /// The reader looks whether or how a key is written.
    pub fn looked_at(&mut self, path: &str, key: &str, look: Look) {
        let known = self.key(path, key);
        if look > known.look {
            known.look = look;
            self.fresh.insert((path.to_owned(), key.to_owned()));
        }
    }

    /// A key takes this.
    pub fn takes(&mut self, path: &str, key: &str, shape: Shape) {
        let known = self.key(path, key);
        if !known.shapes.contains(&shape) {
            known.shapes.push(shape);
            self.fresh.insert((path.to_owned(), key.to_owned()));
        }
    }

    /// A key that is absent counts as this.
    pub fn counts_as(&mut self, path: &str, key: &str, value: &Value) {
        let value = json_of(value);
        let known = self.key(path, key);
        if !known.defaults.contains(&value) {
            known.defaults.push(value);
        }
    }

    /// A table was read to its end: these keys were asked for, these were written, these were missed.
    pub fn finished(&mut self, path: &str, asked: &BTreeSet<String>, written: &[&str], missed: &BTreeSet<String>) {
        let table = self.tables.entry(path.to_owned()).or_default();
        table.visits += 1;
        for (name, key) in &mut table.keys {
            if missed.contains(name) {
                key.missed = true;
            } else if !asked.contains(name) || !written.contains(&name.as_str()) {
                key.spared = true;
            }
        }
    }

    /// The same with `*` for names: what tables have in common is one.
    pub fn by_pattern(self) -> Lessons {
        let mut all = Lessons { sites: self.sites, ..Lessons::default() };
        for (path, from) in self.tables {
            let into = all.tables.entry(pattern(&path)).or_default();
            let known = into.visits > 0;
            for name in from.order {
                let Some(key) = from.keys.get(&name) else { continue };
                let name = pattern(&name);
                let Lesson { order, keys, .. } = into;
                let found = keys.entry(name.clone()).or_insert_with(|| {
                    order.push(name);
                    Key { spared: known, ..Key::default() }
                });
                found.add(key);
            }
            for (name, key) in &mut into.keys {
                key.spared |= from.visits > 0 && !name.contains('*') && !from.keys.contains_key(name);
            }
            into.visits += from.visits;
        }
        all
    }
}

impl Key {
    /// Is it a key of the table, or only looked at?
    pub fn is_read(&self) -> bool {
        self.site.is_some() || !self.shapes.is_empty()
    }

    /// Must it be written?
    pub fn required(&self) -> bool {
        self.missed && !self.spared
    }

    fn add(&mut self, other: &Key) {
        self.missed |= other.missed;
        self.spared |= other.spared;
        self.look = self.look.max(other.look);
        self.site = self.site.or(other.site);
        for shape in &other.shapes {
            if !self.shapes.contains(shape) {
                self.shapes.push(shape.clone());
            }
        }
        for value in &other.defaults {
            if !self.defaults.contains(value) {
                self.defaults.push(value.clone());
            }
        }
    }
}
