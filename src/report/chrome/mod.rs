//! One trial in the trace event format, which Perfetto and other viewers of traces open.
//!
//! Processes are the system, services and regions; threads are their parts. Faults and outages are complete events,
//! the stages of an outage slices within it, steps of detection and failover are instants, levels are counters. An
//! outage knows the time of each stage, not their turns, so its slices stand in the stages' usual order. Times are whole
//! microseconds, every one rounded down, so that slices never cross.
//!
//! Single requests have a process of their own (`requests`).
//!
//! The format: "Trace Event Format", Chromium project.

mod requests;

use crate::results::raw::Stage;
use crate::results::replay::{Replay, Spell};
use crate::time::Time;
use serde_json::{Value, json};

/// Kinds of steps that are shown as something else than an instant.
const SHOWN_OTHERWISE: [&str; 4] = ["fault", "repair", "level", "outage"];

/// The trace, an event a line.
pub fn trace(replay: &Replay) -> Vec<u8> {
    let mut events = Vec::new();
    let mut threads = 0;
    for (group, name) in replay.groups.iter().enumerate() {
        let mut process = Process { pid: group + 1, threads: &mut threads, events: Vec::new() };

        process.spells(&of_group(&replay.outages, group), "outage", |part| format!("{part} down"));
        process.steps(replay, group);
        process.spells(&of_group(&replay.faults, group), "fault", str::to_owned);
        if group == 0 {
            process.levels(replay);
        }
        if !process.events.is_empty() {
            let named = json!({ "ph": "M", "pid": group + 1, "name": "process_name", "args": { "name": name } });
            let sorted =
                json!({ "ph": "M", "pid": group + 1, "name": "process_sort_index", "args": { "sort_index": group } });
            let inner = process.events;
            events.extend([named, sorted]);
            events.extend(inner);
        }
    }
    if let Some(requests) = &replay.requests {
        let end = Time::ZERO + replay.horizon;
        events.extend(requests::events(requests, replay.groups.len() + 1, 1001 + threads, end));
    }
    let data = json!({
        "scenario": replay.scenario,
        "trial": replay.trial,
        "seed": replay.seed,
        "horizon_s": replay.horizon.as_secs_f64(),
    });
    let mut text = String::from("{\"displayTimeUnit\": \"ms\", \"otherData\": ");
    text.push_str(&data.to_string());
    text.push_str(", \"traceEvents\": [");
    for (index, event) in events.iter().enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.push_str(&event.to_string());
    }
    text.push_str("\n]}\n");
    text.into_bytes()
}

/// The events of one group.
struct Process<'a> {
    pid: usize,
    /// Threads so far, of all processes: viewers want their numbers to differ.
    threads: &'a mut usize,
    events: Vec<Value>,
}

impl Process<'_> {
    fn thread(&mut self, name: &str) -> usize {
        *self.threads += 1;
        let (pid, tid) = (self.pid, 1000 + *self.threads);
        let of_thread =
            |kind: &str, args: Value| json!({ "ph": "M", "pid": pid, "tid": tid, "name": kind, "args": args });
        self.events.push(of_thread("thread_name", json!({ "name": name })));
        self.events.push(of_thread("thread_sort_index", json!({ "sort_index": tid })));
        tid
    }

    /// A thread per part, and another where spells of one part overlap, since slices of a thread must not cross.
    fn spells(&mut self, spells: &[&Spell], category: &str, title: impl Fn(&str) -> String) {
        let mut sorted: Vec<&Spell> = spells.to_vec();
        sorted.sort_by(|a, b| natural(&a.part).cmp(&natural(&b.part)));
        for of_part in sorted.chunk_by(|a, b| a.part == b.part) {
            let mut lanes: Vec<(usize, Time)> = Vec::new();
            for spell in of_part {
                let free = lanes.iter().position(|(_, until)| *until <= spell.start);
                let lane = free.unwrap_or_else(|| {
                    lanes.push((self.thread(&title(&spell.part)), Time::ZERO));
                    lanes.len() - 1
                });
                lanes[lane].1 = spell.end();
                self.spell(spell, category, lanes[lane].0);
            }
        }
    }

    fn spell(&mut self, spell: &Spell, category: &str, tid: usize) {
        let mut args = json!({ "cause": spell.cause, "duration": spell.duration.to_string() });
        if spell.cut {
            args["note"] = "not over at the end of the trial".into();
        }
        self.slice(tid, category, &spell.cause, (spell.start, spell.end()), &args);
        let Some(stages) = spell.stages else { return };
        let mut at = spell.start;
        for (stage, span) in Stage::ALL.iter().zip(stages).filter(|(_, span)| !span.is_zero()) {
            self.slice(tid, "stage", stage.name(), (at, at + span), &json!({ "duration": span.to_string() }));
            at += span;
        }
    }

    fn slice(&mut self, tid: usize, category: &str, name: &str, (from, to): (Time, Time), args: &Value) {
        let (from, to) = (micros(from), micros(to));
        self.events.push(json!({
            "ph": "X", "pid": self.pid, "tid": tid, "cat": category, "name": name, "ts": from, "dur": to - from,
            "args": args,
        }));
    }

    fn steps(&mut self, replay: &Replay, group: usize) {
        let shown = |kind: &str| !SHOWN_OTHERWISE.contains(&kind);
        let mut steps = replay.steps.iter().filter(|step| step.group == group && shown(&step.kind)).peekable();
        if steps.peek().is_none() {
            return;
        }
        let tid = self.thread("failover");
        for step in steps {
            self.events.push(json!({
                "ph": "i", "s": "t", "pid": self.pid, "tid": tid, "cat": step.kind, "name": step.text,
                "ts": micros(step.at), "args": { "subject": step.subject },
            }));
        }
    }

    fn levels(&mut self, replay: &Replay) {
        for record in &replay.levels {
            self.events.push(json!({
                "ph": "C", "pid": self.pid, "name": format!("level of {}", record.subject), "ts": micros(record.at),
                "args": { "level": record.level },
            }));
        }
    }
}

fn of_group(spells: &[Spell], group: usize) -> Vec<&Spell> {
    spells.iter().filter(|spell| spell.group == group).collect()
}

/// Whole microseconds since the start.
fn micros(at: Time) -> u64 {
    at.since(Time::ZERO).as_nanos() / 1_000
}

/// A key that puts `db 10` after `db 9`.
fn natural(part: &str) -> (&str, usize) {
    let digits = part.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    (&part[..digits], part[digits..].parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{natural, trace};
    use crate::report::sample;
    use serde_json::Value;
    use std::collections::BTreeMap;

    fn events() -> Vec<Value> {
        let trace: Value = serde_json::from_slice(&trace(&sample::replay())).unwrap();
        trace["traceEvents"].as_array().unwrap().clone()
    }

    fn of(events: &[Value], phase: &str) -> Vec<Value> {
        events.iter().filter(|event| event["ph"] == phase).cloned().collect()
    }

    #[test]
    fn slices_of_a_thread_never_cross() {
        let mut threads: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
        for event in of(&events(), "X") {
            let (from, length) = (event["ts"].as_u64().unwrap(), event["dur"].as_u64().unwrap());
            threads.entry(event["tid"].as_u64().unwrap()).or_default().push((from, from + length));
        }
        for slices in threads.values() {
            for (a, b) in slices.iter().flat_map(|a| slices.iter().map(move |b| (a, b))) {
                assert!(a.1 <= b.0 || b.1 <= a.0 || (a.0 <= b.0 && b.1 <= a.1) || (b.0 <= a.0 && a.1 <= b.1));
            }
        }
    }

    #[test]
    fn every_thread_has_a_name_of_its_own_process() {
        let events = events();
        let named: Vec<(Value, Value)> = of(&events, "M")
            .into_iter()
            .filter(|event| event["name"] == "thread_name")
            .map(|event| (event["pid"].clone(), event["tid"].clone()))
            .collect();
        for event in of(&events, "X").into_iter().chain(of(&events, "i")) {
            assert!(named.contains(&(event["pid"].clone(), event["tid"].clone())), "{event}");
        }
        let mut numbers: Vec<&Value> = named.iter().map(|(_, tid)| tid).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), named.len());
    }

    #[test]
    fn an_outage_is_a_slice_with_its_stages_within_in_microseconds() {
        let slices = of(&events(), "X");
        let system: Vec<(&str, u64, u64)> = slices
            .iter()
            .filter(|event| event["pid"] == 1)
            .map(|e| (e["name"].as_str().unwrap(), e["ts"].as_u64().unwrap(), e["dur"].as_u64().unwrap()))
            .collect();
        let begin = 600 * 60_000_000;
        assert_eq!(system[0].1, begin);
        assert_eq!(system[0].2, 4 * 60_000_000);
        assert_eq!(system[1], ("undetected", begin, 60_000_000));
        assert_eq!(system[2], ("promoting", begin + 60_000_000, 180_000_000));
        assert_eq!(of(&events(), "i").len(), 2);
        assert_eq!(of(&events(), "C").len(), 3);
    }

    #[test]
    fn parts_stand_in_the_order_of_their_numbers() {
        assert!(natural("db 9") < natural("db 10"));
    }
}
