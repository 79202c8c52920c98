//! Single requests as text: each a tree of calls and attempts, with the time since it came.

use super::table::clean;
use crate::report::number;
use crate::results::requests::{
    self as told, AttemptTrace, CallTrace, Ending, Names, Owner, RequestTrace, Requests, TierTrace,
};
use crate::time::{Span, Time};
use std::fmt::Write as _;

/// The requests, one below the other; what stands for an instant is the caller's.
pub fn requests(requests: &Requests, stamp: fn(Time) -> String) -> String {
    let count = requests.requests.len() as u64;
    let (shown, all) = (number::whole(count), number::whole(requests.arrived));
    let mut text = format!("\nREQUESTS  {shown} of the {all} that came: {}\n", requests.choice);
    for request in &requests.requests {
        let tree = Tree { names: &requests.names, request };
        let _ = write!(text, "\n{}  ", stamp(request.arrived));
        tree.head(&mut text);
        tree.calls(Owner::User, 1, &mut text);
    }
    text
}

/// A length to the microsecond: `250ms`, `1.25s`.
fn length(span: Span) -> String {
    let micros = (span.as_nanos() as f64 / 1e3).round();
    if micros >= 1e6 {
        format!("{}s", number::trimmed(micros / 1e6))
    } else {
        format!("{}ms", number::trimmed(micros / 1e3))
    }
}

/// A name of a list, cleaned of what does not print.
fn name(names: &[String], index: u32) -> String {
    clean(told::name(names, index))
}

/// One request.
struct Tree<'r> {
    names: &'r Names,
    request: &'r RequestTrace,
}

/// Something that a call did, to be told in the order of time.
enum Part<'r> {
    Backoff(Time, Span),
    Attempt(usize, &'r AttemptTrace),
    Tier(usize, &'r TierTrace),
}

impl Tree<'_> {
    /// Who asked for what, and how it ended.
    fn head(&self, text: &mut String) {
        let RequestTrace { number, group, client, class, region, arrived, ended, ending, .. } = self.request;
        let mut who = format!("request {number}  {}", name(&self.names.groups, *group));
        if *client > 0 {
            let _ = write!(who, " {client}");
        }
        let class = name(&self.names.classes, *class);
        if !class.is_empty() {
            let _ = write!(who, ", {class}");
        }
        if let Some(region) = region {
            let _ = write!(who, ", to {}", name(&self.names.regions, *region));
        }
        let _ = writeln!(text, "{who}: {}", end(*ending, *arrived, *ended));
    }

    /// A line: the time since the request came, and what happened then.
    fn line(&self, text: &mut String, at: Time, depth: usize, what: &str) {
        let millis = at.since(self.request.arrived).as_nanos() as f64 / 1e6;
        let _ = writeln!(text, "{millis:>15.3}ms {:width$}{what}", "", width = 2 * depth);
    }

    /// All calls of this owner.
    fn calls(&self, owner: Owner, depth: usize, text: &mut String) {
        for (index, call) in self.request.calls.iter().enumerate().filter(|(_, call)| call.owner == owner) {
            let what = format!("{}: {}", name(&self.names.calls, call.call), end(call.ending, call.began, call.ended));
            self.line(text, call.began, depth, &what);
            for part in parts(call) {
                self.part(index, &part, depth + 1, text);
            }
        }
    }

    fn part(&self, index: usize, part: &Part<'_>, depth: usize, text: &mut String) {
        let call = &self.request.calls[index];
        match part {
            Part::Backoff(at, wait) => self.line(text, *at, depth, &format!("waits {}", length(*wait))),
            Part::Attempt(place, attempt) => {
                self.line(text, attempt.sent, depth, &self.attempt(attempt));
                let owner = Owner::Attempt { call: index as u32, attempt: *place as u32 };
                self.calls(owner, depth + 1, text);
            }
            Part::Tier(place, tier) => {
                let tiers = self.names.tiers(call.call);
                let what = format!("tier {}: {}", name(tiers, tier.tier), end(tier.ending, tier.began, tier.ended));
                self.line(text, tier.began, depth, &what);
                self.calls(Owner::Tier { call: index as u32, tier: *place as u32 }, depth + 1, text);
            }
        }
    }

    /// `attempt 2, a hedge, at db@us-east 1: queue 3ms, work 12ms, ok after 15ms`.
    fn attempt(&self, attempt: &AttemptTrace) -> String {
        let mut what = format!("attempt {}", attempt.number);
        if attempt.hedge {
            what.push_str(", a hedge,");
        }
        if let Some(node) = attempt.node {
            let _ = write!(what, " at {}", name(&self.names.nodes, node));
        }
        what.push_str(": ");
        if let Some(queue) = attempt.queue().filter(|queue| !queue.is_zero()) {
            let _ = write!(what, "queue {}, ", length(queue));
        }
        if let Some(service) = attempt.service() {
            let _ = write!(what, "work {}, ", length(service));
        }
        what.push_str(&end(attempt.ending, attempt.sent, attempt.ended));
        what
    }
}

/// What a call did, in the order of time; at equal times the wait before the attempt that it leads to.
fn parts(call: &CallTrace) -> Vec<Part<'_>> {
    let backoffs = call.backoffs.iter().map(|(from, until)| (*from, Part::Backoff(*from, until.since(*from))));
    let attempts =
        call.attempts.iter().enumerate().map(|(place, attempt)| (attempt.sent, Part::Attempt(place, attempt)));
    let tiers = call.tiers.iter().enumerate().map(|(place, tier)| (tier.began, Part::Tier(place, tier)));
    let mut parts: Vec<(Time, Part<'_>)> = attempts.chain(backoffs).chain(tiers).collect();
    parts.sort_by_key(|(at, _)| *at);
    parts.into_iter().map(|(_, part)| part).collect()
}

/// `timeout after 1.25s`.
fn end(ending: Ending, from: Time, ended: Option<Time>) -> String {
    ended.map_or_else(|| ending.name().to_owned(), |at| format!("{} after {}", ending.name(), length(at.since(from))))
}
