//! Health checks as written, and how an outage is noticed.

use super::diagnostic::Code;
use super::fields::Fields;
use super::value::{Count, Percent};
use crate::model::dist::Law;
use crate::model::failover::{Check, Detection, Election, Schedule, Sees};
use crate::model::topology::HealthPolicy;
use crate::time::Span;

/// The words for what a check looks at.
const SEES: [(&str, Sees); 3] = [("node", Sees::Node), ("region", Sees::Region), ("dependencies", Sees::Dependencies)];

/// Reads the keys of a check; `sees` is the default of that key.
pub(super) fn read(fields: &mut Fields<'_>, sees: &str) -> Check {
    let every: Span = fields.or("every", "10s");
    let timeout: Span = fields.or("timeout", "2s");
    if every.is_zero() {
        fields.fault(Code::E313, "every", "a check every 0s never ends", "write a longer time".to_owned());
    }
    if timeout > every {
        let message = format!("`timeout = {timeout}` is longer than `every = {every}`");
        fields.fault(Code::E313, "timeout", message, "lower it".to_owned());
    }
    let down_after: Count = fields.or("down_after", 3);
    let up_after: Count = fields.or("up_after", 2);
    let schedule =
        fields.choice("schedule", &[("fixed", Schedule::Fixed), ("after-answer", Schedule::AfterAnswer)], "fixed");
    let every_down: Span = fields.or("every_down", every.to_string().as_str());
    if every_down.is_zero() && !every.is_zero() {
        fields.fault(Code::E313, "every_down", "a check every 0s never ends", "write a longer time".to_owned());
    }
    let Percent(false_fail) = fields.or("false_fail", "0%");
    let Count(checkers) = fields.or("checkers", 1);
    let Count(agree) = fields.or("agree", i64::from(checkers / 2 + 1));
    if agree > checkers {
        let message = format!("`agree = {agree}` of `checkers = {checkers}`");
        fields.fault(Code::E313, "agree", message, "lower it".to_owned());
    }
    let through_queue = fields.on_request_clock(|fields| fields.or::<bool>("through_queue", false));
    let sees = fields.choice("sees", &SEES, sees);
    let (down_after, up_after) = (down_after.0, up_after.0);
    Check {
        every,
        timeout,
        down_after,
        up_after,
        schedule,
        every_down,
        false_fail,
        checkers,
        agree,
        through_queue,
        sees,
    }
}

/// Reads `detect`, `health_check` or `election`, of which at most one may stand.
pub(super) fn detection(fields: &mut Fields<'_>, sees: &str, off: &str) -> Detection {
    if fields.has("detect") && fields.has("health_check") {
        let message = "`detect` and `health_check` both say how an outage is noticed";
        let origin = fields.key_origin("health_check");
        fields.session.report(Code::E304, origin, message, Some("keep one".to_owned()));
    }
    let election = fields.table("election", "", election).flatten();
    for key in ["detect", "health_check"] {
        if fields.has("election") && fields.has(key) {
            let message = format!("`election` and `{key}` both say how an outage is noticed");
            fields.session.report(Code::E304, fields.key_origin(key), message, Some("keep one".to_owned()));
        }
    }
    if let Some(election) = election {
        fields.leave(["detect", "health_check"]);
        return Detection::Election(election);
    }
    let law: Option<Law> = fields.optional("detect");
    let check = fields.table("health_check", if law.is_none() { off } else { "" }, |fields| read(fields, sees));
    match (check, law) {
        (Some(check), _) => Detection::Check(check),
        (None, Some(law)) => Detection::After(law),
        (None, None) => Detection::Instant,
    }
}

fn election(fields: &mut Fields<'_>) -> Option<Election> {
    let heartbeat = fields.required::<Span>("heartbeat", "say how often the primary shows that it lives");
    let timeout = fields.required("timeout", "say how long a follower waits, such as `uniform(from=5s, to=10s)`");
    let vote = fields.or("vote", "0s");
    Some(Election { heartbeat: heartbeat?, timeout: timeout?, vote })
}

/// Reads the checks beside the readiness check, which the request clock feels only: the one that restarts a hung node,
/// and the one for observers.
pub(super) fn beside(fields: &mut Fields<'_>) -> HealthPolicy {
    fields.on_request_clock(|fields| {
        let liveness = fields.table("liveness", "a hung node is never restarted", |fields| {
            (read(fields, "node"), fields.or::<Law>("restart", "30s"))
        });
        let deep =
            fields.table("deep_check", "", |fields| (read(fields, "dependencies"), fields.or::<Law>("cost", "0s")));
        HealthPolicy { liveness, deep }
    })
}
