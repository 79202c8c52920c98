//! Hard dependencies of a service: `depends_on` and `calls`.

use super::diagnostic::Code;
use super::explanation::Explanation;
use super::fields::{Fields, shorten, wrong_type};
use super::names::Names;
use super::policy::{self, Attempts};
use super::schema::Shape;
use super::session::{Session, suggest};
use super::source::Origin;
use super::term;
use super::tree::{Entry, Node, Table, Value};
use super::value::{Count, Percent, Text, Written as _};
use crate::model::topology::{Need, Reach, ServiceId, Term};

/// A call, as the warnings see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub from: ServiceId,
    pub to: ServiceId,
    pub attempts: Attempts,
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
) -> Vec<(Need, Call)> {
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
        let ((need, attempts), explanation) =
            Fields::read(session, &merged, called.key_origin, &path, false, |fields| {
                read_call(fields, names, Some(to))
            });
        shown.table(&called.key, explanation);
        let need = Need { term: Term::Service(to), ..need };
        found.push((need, Call { from, to, attempts, origin: called.key_origin }));
    }
    fields.show_table("calls", shown);
    found
}

/// Reads the keys of a call; what it is to is filled in by whoever knows.
fn read_call(fields: &mut Fields<'_>, names: &Names, to: Option<ServiceId>) -> (Need, Attempts) {
    fields.optional::<Text>("policy");
    let words = [("local", Reach::Local), ("any", Reach::Any), ("primary", Reach::Primary)];
    let reach = fields.optional_choice("reach", &words).unwrap_or(Reach::ByTarget);
    let Percent(share) = fields.or("share", "100%");
    fields.not_yet("only", "calls of some classes of requests");
    fields.on_request_clock(|fields| {
        fields.or::<Count>("times", 1);
        fields.or::<Count>("stage", 1);
    });
    let attempts = policy::read(fields);
    let fallback = policy::fallback(fields, names, to);
    let term = Term::AtLeast { count: 0, of: Vec::new() };
    (Need { term, reach, share, fallback }, attempts)
}
