//! `requests`: the classes of requests, with what they are worth and in which steps they go.

use super::diagnostic::Code;
use super::fields::{Fields, shorten};
use super::names::Names;
use super::policy::{self, retry};
use super::session::Session;
use super::source::Origin;
use super::value::{Count, Text};
use crate::model::traffic::{self, Saga};
use crate::resilience::load_shedding::Criticality;
use crate::resilience::retry::RetryConfig;

/// A class of requests, and where it stands.
pub(super) struct Class {
    pub model: traffic::Class,
    origin: Origin,
}

/// Reads `requests`: felt by the request clock only, except what writes and where a class enters.
pub(super) fn read(root: &mut Fields<'_>, names: &Names) -> Vec<Class> {
    root.tables("requests", |name, fields| {
        let own = fields.optional::<Text>("entry");
        let own = own.and_then(|text| names.service(fields.session, &text.0, fields.origin_of("entry")));
        let writes = fields.or::<bool>("writes", false);
        let (priority, idempotent, deadline, saga) = fields.on_request_clock(|fields| {
            let words = [
                ("critical", Criticality::Critical),
                ("critical-plus", Criticality::CriticalPlus),
                ("sheddable-plus", Criticality::SheddablePlus),
                ("sheddable", Criticality::Sheddable),
            ];
            let priority = fields.choice("priority", &words, "critical");
            let idempotent = fields.or::<bool>("idempotent", true);
            let deadline = policy::time(fields, "deadline");
            (priority, idempotent, deadline, fields.table("saga", "", |fields| saga(fields, names)))
        });
        let name = name.to_owned();
        let model = traffic::Class { name, priority, writes, idempotent, entry: own, deadline, saga };
        Class { model, origin: fields.origin }
    })
}

/// Warns of the classes that no group asks for.
pub(super) fn warn_unused(session: &Session<'_>, classes: &[Class]) {
    for Class { model, origin } in classes {
        if !session.was_used("request class", &model.name) {
            let message = format!("request class `{}` is used nowhere", shorten(&model.name));
            session.report(Code::W410, *origin, message, Some("remove it".to_owned()));
        }
    }
}

fn saga(fields: &mut Fields<'_>, names: &Names) -> Saga {
    let written = fields.list::<Text>("steps").unwrap_or_default();
    if !fields.has("steps") {
        fields.missing("steps", "name the services, in order");
    } else if fields.is_empty_list("steps") {
        fields.fault(Code::E104, "steps", "a saga has at least one step", None);
    }
    let steps = policy::services(fields, names, &written);
    let mut pivot = None;
    if let Some(name) = fields.optional::<Text>("pivot") {
        pivot = written.iter().position(|step| step.value == name);
        if pivot.is_none() && !written.is_empty() {
            let words: Vec<String> = written.iter().map(|step| format!("`{}`", shorten(&step.value.0))).collect();
            let message = format!("`{}` is not a step", shorten(&name.0));
            fields.fault(Code::E317, "pivot", message, format!("one of {}", words.join(", ")));
        }
    }
    let undo = fields.table("undo", "", retry::read);
    let Count(attempts) = fields.or("attempts", 10);
    let budget = undo.and_then(|undo| undo.budget);
    let undo = undo.map(|undo| undo.config);
    let undo = undo.unwrap_or_else(|| RetryConfig { max_attempts: attempts, ..RetryConfig::default() });
    Saga { steps, pivot, undo, budget, attempts }
}
