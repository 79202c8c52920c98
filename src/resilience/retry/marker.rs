//! Retrying at one layer only: what travels with a request, and what a server makes of it.
//!
//! Three layers that each try three times send 27 requests where one was wanted. So a request says whether somebody
//! above already retries it, and the number of the attempt. A server that must refuse looks at the attempt numbers it
//! has seen lately: many repeated attempts mean that the whole group is overloaded and another try elsewhere will not
//! help, so it answers "do not retry" (Site Reliability Engineering, ch. 21).

use std::ops::{AddAssign, SubAssign};

use crate::resilience::slots::Slots;
use crate::time::{Span, Time};

/// What travels with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryMarker {
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Whether the sender, or somebody above it, retries; if so the receiver must not.
    pub retried: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    requests: u64,
    repeated: u64,
}

impl AddAssign for Seen {
    fn add_assign(&mut self, other: Seen) {
        self.requests += other.requests;
        self.repeated += other.repeated;
    }
}

impl SubAssign for Seen {
    fn sub_assign(&mut self, other: Seen) {
        self.requests -= other.requests;
        self.repeated -= other.repeated;
    }
}

/// The attempt numbers that a server has seen in the last 10 s.
#[derive(Clone, Debug)]
pub struct AttemptHistogram {
    seen: Slots<Seen>,
    last_seen: Time,
}

/// From this share of repeated attempts on, in basis points, the group counts as overloaded: twice the 10 % to which
/// a client's retry budget should hold it.
const OVERLOADED: u64 = 2_000;

/// Fewer requests than this say nothing.
const ENOUGH: u64 = 100;

impl Default for AttemptHistogram {
    fn default() -> Self {
        AttemptHistogram { seen: Slots::new(10, Span::SECOND), last_seen: Time::ZERO }
    }
}

impl AttemptHistogram {
    /// A request has come in.
    pub fn record(&mut self, now: Time, marker: RetryMarker) {
        self.last_seen = self.last_seen.max(now);
        self.seen.add(self.last_seen, Seen { requests: 1, repeated: u64::from(marker.attempt > 1) });
    }

    /// Whether a refusal should say "do not retry": 100 requests or more, and 20 % or more of them repeated.
    pub fn group_is_overloaded(&mut self, now: Time) -> bool {
        self.last_seen = self.last_seen.max(now);
        let seen = self.seen.total_at(self.last_seen);
        seen.requests >= ENOUGH && seen.repeated * 10_000 >= seen.requests * OVERLOADED
    }
}
