//! `fallback`: the tiers that answer when a call has failed, which make it soft.

use crate::model::dist::Law;
use crate::model::topology::{ServiceId, Tier};
use crate::model::traffic::RequestTier;
use crate::scenario::diagnostic::Code;
use crate::scenario::fields::{Fields, wrong_type};
use crate::scenario::names::Names;
use crate::scenario::schema::Shape;
use crate::scenario::tree::Value;
use crate::scenario::value::{Percent, Text};
use crate::time::Span;

/// Reads the tiers, as the structure clock and as requests see them; `failed` is the service that the call is to.
pub(in crate::scenario) fn read(
    fields: &mut Fields<'_>,
    names: &Names,
    failed: Option<ServiceId>,
) -> Vec<(Tier, RequestTier)> {
    let mut found = Vec::new();
    fields.takes("fallback", [Shape::List(vec![Shape::Table])]);
    let Some(entry) = fields.entry("fallback") else { return found };
    let session = fields.session;
    let Value::List(tiers) = &entry.node.value else {
        wrong_type(session, &entry.node, "a list of tiers", Some("write `[{ tier = \"cached\" }]`".into()));
        return found;
    };
    let path = fields.path_of("fallback");
    for tier in tiers {
        let Some(table) = tier.as_table() else {
            wrong_type(session, tier, "a tier", Some("write `{ tier = \"cached\" }`".into()));
            continue;
        };
        let (tier, _) = Fields::read(session, table, tier.origin, &path, false, |fields| one(fields, names, failed));
        found.extend(tier);
    }
    fields.show("fallback", entry.node.show(), false);
    found
}

fn one(fields: &mut Fields<'_>, names: &Names, failed: Option<ServiceId>) -> Option<(Tier, RequestTier)> {
    let session = fields.session;
    let name = fields.required::<Text>("tier", "give the tier a name");
    let mut calls = None;
    if let Some(name) = fields.optional::<Text>("calls") {
        let origin = fields.origin_of("calls");
        let called = names.service(session, &name.0, origin);
        if called.is_some() && called == failed {
            let message = format!("the tier calls `{}`, which has just failed", name.0);
            session.report(Code::E318, origin, message, Some("call another service".into()));
        }
        calls = called;
    }
    if fields.has("calls") && fields.has("takes") {
        let message = "`calls` and `takes` both say where the answer comes from";
        session.report(Code::E304, fields.key_origin("takes"), message, Some("keep one".into()));
    }
    let Percent(hit) = fields.or("hit", "100%");
    let (takes, max_age, dwell) = fields.on_request_clock(|fields| {
        (fields.optional::<Law>("takes"), fields.optional::<Span>("max_age"), fields.or::<Span>("dwell", "0s"))
    });
    let takes = takes.unwrap_or_else(|| Law::fixed(Span::ZERO));
    let name = name?.0;
    let tier = Tier { name: name.clone(), calls, hit };
    Some((tier, RequestTier { name, calls, takes, hit, max_age, dwell }))
}
