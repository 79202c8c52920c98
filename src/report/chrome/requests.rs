//! Single requests for trace viewers: a process of their own, a thread for each, its calls and attempts nested in it.
//!
//! Slices of a thread must nest, so what runs beside another (a hedge, parallel calls, work that nobody waits for any
//! more) stands on a further thread of the same request.

use super::micros;
use crate::results::requests::{AttemptTrace, CallTrace, Ending, Names, Owner, RequestTrace, Requests, name};
use crate::time::Time;
use serde_json::{Value, json};

/// A slice to be placed.
struct Slice<'a> {
    /// The slice that it belongs to; none: the request itself.
    parent: Option<usize>,
    name: String,
    category: &'a str,
    from: Time,
    to: Time,
    args: Value,
}

/// The events of all requests, in process `pid`, threads from `tid` on.
pub fn events(requests: &Requests, pid: usize, mut tid: usize, end: Time) -> Vec<Value> {
    let mut events = vec![
        json!({ "ph": "M", "pid": pid, "name": "process_name", "args": { "name": "requests" } }),
        json!({ "ph": "M", "pid": pid, "name": "process_sort_index", "args": { "sort_index": pid } }),
    ];
    for request in &requests.requests {
        let slices = slices(requests, request, end);
        let lanes = lanes(&slices);
        let threads = lanes.iter().max().map_or(0, |most| most + 1);
        for lane in 0..threads {
            let beside = if lane > 0 { ", beside" } else { "" };
            let name = format!("request {}{beside}", request.number);
            let number = tid + lane;
            events
                .push(json!({ "ph": "M", "pid": pid, "tid": number, "name": "thread_name", "args": { "name": name } }));
            events.push(json!({ "ph": "M", "pid": pid, "tid": number, "name": "thread_sort_index", "args": { "sort_index": number } }));
        }
        for (slice, lane) in slices.iter().zip(&lanes) {
            let (from, to) = (micros(slice.from), micros(slice.to));
            events.push(json!({
                "ph": "X", "pid": pid, "tid": tid + lane, "cat": slice.category, "name": slice.name, "ts": from,
                "dur": to - from, "args": slice.args,
            }));
        }
        tid += threads;
    }
    events
}

/// A lane for each slice: its parent's, if no slice but those that it lies in is there at that time.
fn lanes(slices: &[Slice<'_>]) -> Vec<usize> {
    let mut lanes: Vec<usize> = Vec::new();
    for (index, slice) in slices.iter().enumerate() {
        let first = slice.parent.map_or(0, |parent| lanes[parent]);
        let free = |lane: usize| {
            (0..index).filter(|&other| lanes[other] == lane).all(|other| {
                let there = &slices[other];
                let apart = there.to <= slice.from || slice.to <= there.from;
                apart || (is_within(slices, index, other) && there.from <= slice.from && slice.to <= there.to)
            })
        };
        let lane = (first..=first + slices.len()).find(|&lane| free(lane));
        lanes.push(lane.unwrap_or(first));
    }
    lanes
}

/// Is `other` the parent of slice `index`, or of its parent?
fn is_within(slices: &[Slice<'_>], index: usize, other: usize) -> bool {
    std::iter::successors(slices[index].parent, |&at| slices[at].parent).any(|at| at == other)
}

/// All slices of a request, each after the one that it belongs to.
fn slices<'r>(requests: &'r Requests, request: &'r RequestTrace, end: Time) -> Vec<Slice<'r>> {
    let names = &requests.names;
    let region = request.region.map(|region| name(&names.regions, region));
    let mut builder = Builder { names, end, slices: Vec::new(), attempts: Vec::new(), tiers: Vec::new() };
    let args = json!({
        "group": name(&names.groups, request.group), "client": request.client,
        "class": name(&names.classes, request.class), "region": region, "outcome": request.ending.name(),
    });
    let title = format!("request {}: {}", request.number, request.ending.name());
    builder.add(None, ("request", title), (request.arrived, request.ended), args);
    for call in &request.calls {
        builder.call(call);
    }
    builder.slices
}

/// The slices of a request so far, and where the attempts and tiers of each call stand among them.
struct Builder<'r> {
    names: &'r Names,
    end: Time,
    slices: Vec<Slice<'r>>,
    attempts: Vec<Vec<usize>>,
    tiers: Vec<Vec<usize>>,
}

impl<'r> Builder<'r> {
    fn add(
        &mut self,
        parent: Option<usize>,
        (category, name): (&'r str, String),
        (from, to): (Time, Option<Time>),
        args: Value,
    ) -> usize {
        self.slices.push(Slice { parent, name, category, from, to: to.unwrap_or(self.end), args });
        self.slices.len() - 1
    }

    fn call(&mut self, call: &CallTrace) {
        let parent = match call.owner {
            Owner::User => Some(0),
            Owner::Attempt { call, attempt } => self.attempts[call as usize].get(attempt as usize).copied(),
            Owner::Tier { call, tier } => self.tiers[call as usize].get(tier as usize).copied(),
        };
        let title = name(&self.names.calls, call.call).to_owned();
        let own = self.add(parent, ("call", title), (call.began, call.ended), outcome(call.ending));
        let attempts = call.attempts.iter().map(|attempt| self.attempt(own, attempt)).collect();
        self.attempts.push(attempts);
        for (from, until) in &call.backoffs {
            self.add(Some(own), ("backoff", "backoff".to_owned()), (*from, Some(*until)), json!({}));
        }
        let names = self.names.tiers(call.call);
        let mut tiers = Vec::new();
        for tier in &call.tiers {
            let title = format!("tier {}", name(names, tier.tier));
            tiers.push(self.add(Some(own), ("tier", title), (tier.began, tier.ended), outcome(tier.ending)));
        }
        self.tiers.push(tiers);
    }

    fn attempt(&mut self, call: usize, attempt: &AttemptTrace) -> usize {
        let node = attempt.node.map(|node| name(&self.names.nodes, node));
        let args = json!({
            "outcome": attempt.ending.name(), "hedge": attempt.hedge, "node": node,
            "queue_us": attempt.queue().map(|span| span.as_nanos() / 1_000),
            "work_us": attempt.service().map(|span| span.as_nanos() / 1_000),
        });
        let at = node.map_or_else(String::new, |node| format!(" at {node}"));
        let title = format!("attempt {}{at}", attempt.number);
        let own = self.add(Some(call), ("attempt", title), (attempt.sent, attempt.ended), args);
        let steps = [("queue", attempt.reached, attempt.started), ("work", attempt.started, attempt.worked)];
        for (what, from, to) in steps {
            if let (Some(from), Some(to)) = (from, to)
                && from < to
            {
                self.add(Some(own), (what, what.to_owned()), (from, Some(to)), json!({}));
            }
        }
        own
    }
}

fn outcome(ending: Ending) -> Value {
    json!({ "outcome": ending.name() })
}
