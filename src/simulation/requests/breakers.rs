//! What breakers and ejections do meanwhile: how often, how long, in which spans.

use std::collections::BTreeMap;

use super::record::Recorder;
use super::tally::CallTally;
use crate::resilience::circuit_breaker::{Change, State};
use crate::resilience::outlier_ejection::{EjectionEvent, HostState};
use crate::time::Time;

/// Hears breakers and ejections for an edge.
pub struct BreakerEar<'t> {
    pub(super) call: &'t mut CallTally,
    pub(super) open: &'t mut BTreeMap<(u32, u32), Time>,
    pub(super) spans: &'t mut Vec<(Time, Time)>,
    pub(super) recorder: Option<&'t mut Recorder>,
    pub(super) edge: u32,
    pub(super) client: u32,
    pub(super) start: Time,
}

impl BreakerEar<'_> {
    /// An own policy has refused an attempt.
    pub fn rejected(&mut self) {
        self.call.rejected += 1;
        if let Some(recorder) = &mut self.recorder {
            recorder.call(self.edge).rejected += 1;
        }
    }

    /// A breaker has changed.
    pub fn changed(&mut self, target: u32, change: Change) {
        let key = (self.client, target);
        if let Some(recorder) = &mut self.recorder {
            recorder.changed(self.edge, key, change);
        }
        if matches!(change.from, State::Open { .. })
            && let Some(since) = self.open.remove(&key)
        {
            self.call.open += change.now.since(since);
            self.spans.push((since, change.now));
        }
        if matches!(change.to, State::Open { .. }) {
            self.call.opened += 1;
            self.call.first_opened.get_or_insert(change.now.since(self.start));
            self.open.insert(key, change.now);
        }
        if change.to == State::Closed {
            self.call.last_closed = Some(change.now.since(self.start));
        }
    }

    /// A node has been ejected, or has come back.
    pub fn ejected(&mut self, event: EjectionEvent) {
        if let Some(recorder) = &mut self.recorder {
            recorder.ejected(self.edge, self.client, event);
        }
        self.call.ejected += u64::from(matches!(event.change.to, HostState::Ejected(_)));
    }
}

/// The spans, those that touch made one.
pub fn united(spans: &mut [(Time, Time)]) -> Vec<(Time, Time)> {
    spans.sort_unstable();
    let mut all: Vec<(Time, Time)> = Vec::new();
    for &(from, to) in spans.iter() {
        match all.last_mut().filter(|last| from <= last.1) {
            Some(last) => last.1 = last.1.max(to),
            None => all.push((from, to)),
        }
    }
    all
}
