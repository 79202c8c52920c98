//! `deploys` of a service.

use super::diagnostic::Code;
use super::fields::Fields;
use super::value::Percent;
use crate::model::dist::Law;
use crate::model::failure::{DeployBlast, Deploys};
use crate::model::topology::ServiceId;
use crate::time::Span;

const BLASTS: [(&str, DeployBlast); 3] =
    [("batch", DeployBlast::Batch), ("region", DeployBlast::Region), ("service", DeployBlast::Service)];

/// Reads the table, if it is there.
pub(super) fn read(fields: &mut Fields<'_>, service: ServiceId) -> Option<Deploys> {
    fields.table("deploys", "nothing is ever deployed", |fields| table(fields, service)).flatten()
}

fn table(fields: &mut Fields<'_>, service: ServiceId) -> Option<Deploys> {
    let every = fields.required::<Law>("every", "say how often, such as `every = \"7d\"`");
    let Percent(batch) = fields.or("batch", "25%");
    let restart = fields.or::<Law>("restart", "30s");
    let bake = fields.or::<Span>("bake", "10min");
    let Percent(bad) = fields.or("bad", "0%");
    let blast = fields.choice("blast", &BLASTS, "batch");
    let Percent(errors) = fields.or("errors", "100%");
    if batch == 0.0 {
        fields.fault(Code::E104, "batch", "a batch of 0 % never gets anywhere", "write a larger share".to_owned());
    }
    if every.as_ref().is_some_and(|every| every.mean_s() == 0.0) {
        fields.fault(Code::E104, "every", "a deploy every 0s never ends", "write a longer time".to_owned());
    }
    let mut law = |key: &str, hint: &str| {
        if bad > 0.0 {
            fields.required::<Law>(key, hint)
        } else {
            Some(fields.optional(key).unwrap_or_else(Law::never))
        }
    };
    let noticed = law("noticed", "say how long a bad deploy goes unnoticed, such as `noticed = \"10min\"`");
    let rollback = law("rollback", "say how long it takes to undo, such as `rollback = \"5min\"`");
    let (every, noticed, rollback) = (every?, noticed?, rollback?);
    Some(Deploys { service, every, batch, restart, bake, bad, blast, errors, noticed, rollback })
}
