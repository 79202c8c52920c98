//! From the files of a scenario to one tree: `extends` (deep merge over another file), `--set`, `like` of regions.
//!
//! In this order, so that `--set` may change what is then copied. Every value keeps the place it was written at.

use super::diagnostic::Code;
use super::fields::shorten;
use super::session::{Session, nearest, suggest};
use super::source::{FileId, Origin, Source};
use super::tree::{self, Entry, Node, Table, Value};
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

/// Bytes of one text at most.
const TEXT: usize = 16 * 1024 * 1024;
/// Files that extend each other at most.
const DEPTH: usize = 16;

/// Adds a text to the session, if it is small enough and UTF-8.
pub(super) fn add_text(session: &mut Session<'_>, name: &str, path: &Path, bytes: Vec<u8>) -> Option<FileId> {
    let size = bytes.len();
    if size > TEXT {
        let message = format!("`{name}` has {size} bytes, the limit is {TEXT}");
        session.report_nowhere(Code::E007, message, Some("numbers belong in a csv file".to_owned()));
        return None;
    }
    let (text, bad) = match String::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let mut valid = error.into_bytes();
            valid.truncate(at);
            (String::from_utf8(valid).unwrap_or_default(), Some(at))
        }
    };
    let file =
        session.add_source(Source { name: name.to_owned(), path: path.to_owned(), text, lines: OnceCell::new() });
    if let Some(at) = bad {
        let message = format!("byte {at} is not UTF-8 text");
        session.report(Code::E001, Origin::new(file, at..at), message, Some("a scenario is a TOML text".to_owned()));
        return None;
    }
    Some(file)
}

/// The tree of `file` over the trees of all that it extends.
pub(super) fn extend(session: &mut Session<'_>, file: FileId) -> Option<Table> {
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut layers: Vec<Table> = Vec::new();
    let mut current = file;
    loop {
        let mut table = tree::parse(session, current)?;
        let source = session.sources().get(current);
        let (path, folder) = (source.path.clone(), source.path.parent().unwrap_or(Path::new("")).to_owned());
        seen.push(path);
        let extends = table.remove("extends");
        layers.push(table);
        let Some(entry) = extends else { break };
        current = follow(session, &entry, &folder, &seen)?;
    }
    let mut layers = layers.into_iter().rev();
    let mut merged = layers.next()?;
    for layer in layers {
        merged.merge(layer);
    }
    Some(merged)
}

fn follow(session: &mut Session<'_>, entry: &Entry, folder: &Path, seen: &[PathBuf]) -> Option<FileId> {
    let origin = entry.node.origin;
    let Some(name) = entry.node.as_text() else {
        super::fields::wrong_type(session, &entry.node, "the path of a file", None);
        return None;
    };
    let path = normal(&folder.join(name));
    if let Some(at) = seen.iter().position(|other| normal(other) == path) {
        let show = |path: &PathBuf| format!("`{}`", path.display());
        let through: Vec<String> = seen[at + 1..].iter().map(show).collect();
        let through = if through.is_empty() { String::new() } else { format!(" through {}", through.join(", ")) };
        let message = format!("{} extends itself{through}", show(&seen[at]));
        session.report(Code::E006, origin, message, Some("break the circle".to_owned()));
        return None;
    }
    if seen.len() >= DEPTH {
        session.report(
            Code::E006,
            origin,
            format!("`extends` goes {DEPTH} deep"),
            Some("merge some of the files".into()),
        );
        return None;
    }
    match session.read_bytes(&path) {
        Ok(bytes) => add_text(session, &path.display().to_string(), &path, bytes),
        Err(error) => {
            session.report(Code::E006, origin, format!("cannot read `{}`: {error}", path.display()), None);
            None
        }
    }
}

/// The path without `.` and `..`, as far as the text alone tells.
fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if parts.file_name().is_some() => _ = parts.pop(),
            other => parts.push(other),
        }
    }
    parts
}

/// What a flag of its own sets.
const FLAGS: [(&str, &str); 6] = [
    ("--trials", "simulation.trials"),
    ("--until", "simulation.until"),
    ("--seed", "simulation.seed"),
    ("--horizon", "horizon"),
    ("--fidelity", "simulation.fidelity"),
    ("--confidence", "simulation.confidence"),
];

/// Applies `PATH=VALUE` texts to the tree, and after them those that a flag stands for (`--trials=5`); as in `extends`,
/// `false` removes what is no truth value.
pub(super) fn set(session: &mut Session<'_>, root: &mut Table, overrides: &[String]) {
    let flag = |line: &String| {
        let (name, value) = line.split_once('=')?;
        FLAGS.iter().find(|(flag, _)| *flag == name).map(|&(flag, path)| (flag, path, value.to_owned()))
    };
    let (flags, paths): (Vec<_>, Vec<_>) = overrides.iter().partition(|line| flag(line).is_some());
    let paths: Vec<&str> = paths.into_iter().map(String::as_str).collect();
    if !paths.is_empty() {
        let Some(file) = add_text(session, "--set", Path::new("--set"), paths.join("\n").into_bytes()) else { return };
        let mut at = 0;
        for line in paths {
            set_path(session, root, line, file, at);
            at += line.len() + 1;
        }
    }
    for (flag, path, text) in flags.into_iter().filter_map(flag) {
        set_flag(session, root, flag, path, &text);
    }
}

fn set_flag(session: &mut Session<'_>, root: &mut Table, flag: &str, path: &str, text: &str) {
    let Some(file) = add_text(session, flag, Path::new(flag), text.as_bytes().to_vec()) else { return };
    let origin = Origin::new(file, 0..text.len());
    let value = tree::parse_value(text, file, 0).unwrap_or_else(|| Node::text(text, origin));
    let names: Vec<&str> = path.split('.').collect();
    if let Err((_, message, help)) = put(root, &names, &vec![origin; names.len()], value) {
        session.report(Code::E008, origin, message, help);
    }
}

fn set_path(session: &Session<'_>, root: &mut Table, line: &str, file: FileId, base: usize) {
    let place = |from: usize, to: usize| Origin::new(file, base + from..base + to);
    let bad = |origin: Origin, message: String, help: Option<String>| session.report(Code::E008, origin, message, help);
    let Some((keys, equals)) = key_path(line) else {
        let help = if line.contains('=') {
            "write a path of keys, such as `--set services.db.need=2`".to_owned()
        } else {
            format!("give it a value: `--set {}=VALUE`", shorten(line))
        };
        let help = Some(help);
        bad(place(0, line.len()), format!("`{}` is not `PATH=VALUE`", shorten(line)), help);
        return;
    };
    let raw = &line[equals + 1..];
    let value_text = raw.trim();
    let value_at = equals + 1 + (raw.len() - raw.trim_start().len());
    let origin = place(value_at, value_at + value_text.len());
    let value = tree::parse_value(value_text, file, base + value_at).unwrap_or_else(|| Node::text(value_text, origin));
    let origins: Vec<Origin> = keys.iter().map(|(_, from, to)| place(*from, *to)).collect();
    let names: Vec<&str> = keys.iter().map(|(name, _, _)| name.as_str()).collect();
    if let Err((index, message, help)) = put(root, &names, &origins, value) {
        bad(origins[index], message, help);
    }
}

/// A key of a path, its first byte, and one past its last.
type PathKey = (String, usize, usize);

/// The dotted path at the start of a line with the bytes of each key, and where its `=` stands.
fn key_path(line: &str) -> Option<(Vec<PathKey>, usize)> {
    let mut keys = Vec::new();
    let mut at = 0;
    loop {
        let rest = &line[at..];
        let (key, length) = if let quote @ ('"' | '\'') = rest.chars().next()? {
            let end = rest[1..].find(quote)? + 1;
            (rest[1..end].to_owned(), end + 1)
        } else {
            let end = rest.find(['.', '='])?;
            (rest[..end].trim().to_owned(), end)
        };
        if key.is_empty() || keys.len() > 80 {
            return None;
        }
        keys.push((key, at, at + length));
        at += length;
        match line[at..].trim_start().chars().next()? {
            '.' => at += line[at..].find('.')? + 1,
            '=' => return Some((keys, at + line[at..].find('=')?)),
            _ => return None,
        }
    }
}

/// Tables whose keys are names.
const NAMED: [&str; 14] = [
    "regions",
    "links",
    "services",
    "users",
    "profiles",
    "faults",
    "policies",
    "crews",
    "requests",
    "objectives",
    "operators",
    "experiments",
    "calls",
    "pools",
];

/// Those of them in which a path of keys makes no new name: what stands there is, and calls, what the world is made of,
/// and a misspelt name would be one more of it. Elsewhere a new one is only asked, said or used.
const PARTS: [&str; 4] = ["regions", "services", "calls", "pools"];

type Refused = (usize, String, Option<String>);

fn put(root: &mut Table, names: &[&str], origins: &[Origin], value: Node) -> Result<(), Refused> {
    let mut table = root;
    let last = names.len() - 1;
    for (index, name) in names[..last].iter().enumerate() {
        let path = names[..=index].join(".");
        if table.get(name).is_none() {
            let kind = index.checked_sub(1).map(|above| names[above]).filter(|above| NAMED.contains(above));
            let near = kind.and_then(|_| nearest(name, table.entries.iter().map(|entry| entry.key.as_str())));
            let is_part = kind.is_some_and(|kind| PARTS.contains(&kind)) || *name == "pools";
            if is_part || near.is_some() {
                let help = missing(&names[..=index], near, is_part);
                return Err((index, format!("there is no `{path}`"), Some(help)));
            }
            let node = Node { origin: origins[index], value: Value::Table(Table::default()) };
            table.set(Entry { key: (*name).to_owned(), key_origin: origins[index], node });
        }
        let Some(node) = table.get_mut(name) else { return Ok(()) };
        if let Value::List(items) = &mut node.value {
            if *name == "pools" {
                node.value = Value::Table(pools_as_table(items));
            } else {
                return put_in_list(items, index + 1, names, origins, value);
            }
        }
        let kind = node.value.kind();
        let Value::Table(next) = &mut node.value else {
            return Err((index, format!("`{path}` is {kind}, it has no keys"), None));
        };
        table = next;
    }
    let removes = matches!(value.value, Value::Bool(false));
    if removes && table.get(names[last]).is_some_and(|old| !matches!(old.value, Value::Bool(_))) {
        table.remove(names[last]);
        return Ok(());
    }
    table.set(Entry { key: names[last].to_owned(), key_origin: origins[last], node: value });
    Ok(())
}

/// What may have been meant by a path to what is not there, or how such a table is added.
fn missing(path: &[&str], near: Option<&str>, is_part: bool) -> String {
    let joined = |path: &[&str]| path.iter().map(|key| tree::bare_or_quoted(key)).collect::<Vec<_>>().join(".");
    let add = format!("`--set '{} = {{ .. }}'` adds one", shorten(&joined(path)));
    let Some(near) = near else { return add };
    let meant = joined(&[&path[..path.len() - 1], &[near]].concat());
    if is_part { format!("did you mean `{meant}`?") } else { format!("did you mean `{meant}`? {add}") }
}

/// `["us-east"]` as `{ us-east = {} }`.
fn pools_as_table(items: &[Node]) -> Table {
    let entry = |item: &Node| {
        let node = Node { origin: item.origin, value: Value::Table(Table::default()) };
        Some(Entry { key: item.as_text()?.to_owned(), key_origin: item.origin, node })
    };
    Table { entries: items.iter().filter_map(entry).collect() }
}

fn put_in_list(items: &mut [Node], at: usize, names: &[&str], origins: &[Origin], value: Node) -> Result<(), Refused> {
    let count = items.len();
    let Some(item) = names[at].parse::<usize>().ok().and_then(|index| items.get_mut(index)) else {
        let path = names[..at].join(".");
        return Err((
            at,
            format!("`{path}` is a list of {count}, `{}` is none of its items", names[at]),
            Some("items count from 0".into()),
        ));
    };
    if at + 1 == names.len() {
        *item = value;
        return Ok(());
    }
    match &mut item.value {
        Value::Table(table) => put(table, &names[at + 1..], &origins[at + 1..], value)
            .map_err(|(index, message, help)| (index + at + 1, message, help)),
        other => Err((at, format!("`{}` is {}, it has no keys", names[..=at].join("."), other.kind()), None)),
    }
}

/// Gives each region with `like` the keys of the region it names, its own laid over them.
pub(super) fn like(session: &Session<'_>, root: &mut Table) {
    let Some(Value::Table(regions)) = root.get_mut("regions").map(|node| &mut node.value) else { return };
    if regions.entries.len() > 1_000 {
        return;
    }
    let bases: Vec<Option<usize>> = regions.entries.iter().map(|entry| base_of(session, regions, entry)).collect();
    let originals: Vec<Option<Table>> = regions.entries.iter().map(|entry| entry.node.as_table().cloned()).collect();
    for (index, entry) in regions.entries.iter_mut().enumerate() {
        let mut chain = vec![index];
        while let Some(base) = bases[chain[chain.len() - 1]] {
            if chain.len() > DEPTH && !chain.contains(&base) {
                let message = format!("`like` goes more than {DEPTH} deep from `{}`", shorten(&entry.key));
                session.report(Code::E006, entry.key_origin, message, Some("name the first of them".to_owned()));
                break;
            }
            if chain.contains(&base) {
                let message = format!("`{}` is like itself", shorten(&entry.key));
                session.report(Code::E006, entry.key_origin, message, Some("break the circle".to_owned()));
                chain.truncate(1);
                break;
            }
            chain.push(base);
        }
        let mut merged = Table::default();
        for layer in chain.iter().rev().filter_map(|at| originals[*at].clone()) {
            merged.merge(layer);
        }
        merged.remove("like");
        if matches!(entry.node.value, Value::Table(_)) {
            entry.node.value = Value::Table(merged);
        }
    }
}

fn base_of(session: &Session<'_>, regions: &Table, entry: &Entry) -> Option<usize> {
    let node = entry.node.as_table()?.get("like")?;
    let Some(name) = node.as_text() else {
        super::fields::wrong_type(session, node, "the name of a region", None);
        return None;
    };
    let at = regions.entries.iter().position(|other| other.key == name);
    if at.is_none() {
        let known: Vec<&str> = regions.entries.iter().map(|other| other.key.as_str()).collect();
        session.report(
            Code::E201,
            node.origin,
            format!("there is no region `{}`", shorten(name)),
            suggest(name, &known),
        );
    }
    at
}

/// The whole composition: the text at `path` over what it extends, with the overrides, `like` applied.
pub(super) fn compose(session: &mut Session<'_>, path: &Path, text: Vec<u8>, overrides: &[String]) -> Option<Table> {
    let file = add_text(session, &path.display().to_string(), path, text)?;
    let mut root = extend(session, file)?;
    set(session, &mut root, overrides);
    like(session, &mut root);
    Some(root)
}
