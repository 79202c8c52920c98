//! What a service needs: `depends_on`, and `calls` with their policies.

use super::diagnostic::Code;
use super::explanation::Explanation;
use super::fields::{Fields, shorten, wrong_type};
use super::names::Names;
use super::policy::{self, fallback};
use super::schema::Shape;
use super::session::{Session, suggest};
use super::source::Origin;
use super::term;
use super::tree::{Entry, Node, Table, Value};
use super::value::{Count, Percent, Text, Written as _};
use crate::model::topology::{Need, Reach, ServiceId, Term};
use crate::model::traffic::{Call, ClassId};

/// A call, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Called {
    pub call: Call,
    pub origin: Origin,
}

/// Named sets of policy keys.
pub(super) struct Policies<'s> {
    list: &'s [Entry],
}

impl<'s> Policies<'s> {
    /// Reads and checks `policies`.
    pub fn read(root: &mut Fields<'s>, names: &Names) -> Policies<'s> {
        let list = root.peek("policies").and_then(Node::as_table);
        root.tables("policies", |_, fields| read_call(fields, names, None));
        Policies { list: list.map(|table| table.entries.as_slice()).unwrap_or_default() }
    }

    fn get(&self, session: &Session<'_>, name: &str, origin: Origin) -> Option<&'s Table> {
        session.mark_used("policy", name);
        let found = self.list.iter().find(|entry| entry.key == name);
        if found.is_none() {
            let known: Vec<&str> = self.list.iter().map(|entry| entry.key.as_str()).collect();
            session.report(
                Code::E201,
                origin,
                format!("there is no policy `{}`", shorten(name)),
                suggest(name, &known),
            );
        }
        found.and_then(|entry| entry.node.as_table())
    }

    /// Warns of the policies that nobody used.
    pub fn warn_unused(&self, session: &Session<'_>) {
        for entry in self.list {
            if !session.was_used("policy", &entry.key) {
                let message = format!("policy `{}` is used nowhere", shorten(&entry.key));
                session.report(Code::W410, entry.key_origin, message, Some("remove it".to_owned()));
            }
        }
    }

    /// The keys of `table` over those of the policy that it names; users take only what a single attempt can have.
    pub fn under(&self, session: &Session<'_>, table: &Table, for_users: bool) -> Table {
        let mut merged = Table::default();
        if let Some(node) = table.get("policy") {
            let name = Text::read(node, session);
            if let Some(policy) = name.and_then(|name| self.get(session, &name.0, node.origin)) {
                merged.merge(policy.clone());
            }
            if for_users {
                merged.entries.retain(|entry| {
                    !["policy", "reach", "share", "times", "stage", "only"].contains(&entry.key.as_str())
                });
            }
        }
        merged.merge(table.clone());
        merged
    }
}

/// Reads `depends_on`.
pub(super) fn depends_on(fields: &mut Fields<'_>, names: &Names) -> Vec<(Need, Origin)> {
    fields.takes("depends_on", [Shape::List(vec![Shape::Text])]);
    let Some(node) = fields.node("depends_on") else { return Vec::new() };
    fields.show("depends_on", node.show(), false);
    let Value::List(items) = &node.value else {
        wrong_type(fields.session, node, "a list of terms", Some(format!("write `[{}]`", shorten(&node.show()))));
        return Vec::new();
    };
    let read = |item: &Node| {
        let term = term::term(fields.session, names, item)?;
        Some((Need::hard(term, Reach::ByTarget), item.origin))
    };
    items.iter().filter_map(read).collect()
}

/// Reads `calls`.
pub(super) fn calls(
    fields: &mut Fields<'_>,
    names: &Names,
    from: ServiceId,
    policies: &Policies<'_>,
) -> Vec<(Need, Called)> {
    let mut found = Vec::new();
    fields.takes("calls", [Shape::Each(vec![Shape::Table, Shape::Text])]);
    let Some(entry) = fields.entry("calls") else { return found };
    let session = fields.session;
    let Value::Table(table) = &entry.node.value else {
        wrong_type(session, &entry.node, "a table of calls", Some("write `calls.db = {}`".to_owned()));
        return found;
    };
    let mut shown = Explanation::default();
    for called in &table.entries {
        let Some(to) = names.service(session, &called.key, called.key_origin) else { continue };
        let short;
        let written = match &called.node.value {
            Value::Table(table) => table,
            Value::Text(_) => {
                short = Table { entries: vec![Entry { key: "policy".into(), ..called.clone() }] };
                &short
            }
            Value::Integer(_) | Value::Float(_) | Value::Bool(_) | Value::Datetime(_) | Value::List(_) => {
                wrong_type(session, &called.node, "a call", Some(format!("write `calls.{} = {{}}`", called.key)));
                continue;
            }
        };
        let merged = policies.under(session, written, false);
        let path = format!("{}.calls.{}", fields.path, called.key);
        let (read, explanation) = Fields::read(session, &merged, called.key_origin, &path, false, |fields| {
            read_call(fields, names, Some((from, to)))
        });
        shown.table(&called.key, explanation);
        let (need, call) = read;
        found.push((need, Called { call, origin: called.key_origin }));
    }
    fields.show_table("calls", shown);
    found
}

/// Reads the keys of a call from one service to another; a policy has no such ends, and what is read of it is thrown away.
fn read_call(fields: &mut Fields<'_>, names: &Names, ends: Option<(ServiceId, ServiceId)>) -> (Need, Call) {
    fields.optional::<Text>("policy");
    let words = [("local", Reach::Local), ("any", Reach::Any), ("primary", Reach::Primary)];
    let reach = fields.optional_choice("reach", &words).unwrap_or(Reach::ByTarget);
    let Percent(share) = fields.or("share", "100%");
    let only = only(fields, names);
    let (times, stage) =
        fields.on_request_clock(|fields| (fields.or::<Count>("times", 1).0, fields.or::<Count>("stage", 1).0));
    let policy = policy::read(fields);
    let (structure, tiers) = fallback::read(fields, names, ends.map(|(_, to)| to)).into_iter().unzip();
    let (from, to) = ends.unwrap_or((ServiceId(0), ServiceId(0)));
    let classes = only.iter().map(|class| class.0).collect();
    let call = Call { from, to, reach, share, times, stage, only, policy, tiers };
    (Need { term: Term::Service(to), reach, share, only: classes, fallback: structure }, call)
}

/// The classes of requests that make the call; none: all.
fn only(fields: &mut Fields<'_>, names: &Names) -> Vec<ClassId> {
    let session = fields.session;
    let written = fields.list::<Text>("only").unwrap_or_default();
    let mut classes = Vec::new();
    for class in &written {
        match names.class(session, &class.value.0, class.origin) {
            Some(id) if classes.contains(&id) => {
                session.report(Code::E202, class.origin, "this class is listed twice", None);
            }
            found => classes.extend(found),
        }
    }
    if fields.is_empty_list("only") {
        fields.fault(Code::E104, "only", "no class makes the call", "leave `only` out: all do".to_owned());
    }
    classes
}
