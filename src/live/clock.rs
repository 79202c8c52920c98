//! The one place where live code reads the time.
//!
//! Every policy of one service measures from the same origin, so one [`Clock`] is made at the start and copied into all
//! layers. It is monotonic and never the time of day. On tokio's paused clock it stands still with it, and tests of live
//! code run in no time. It reads the time once where a layer meets the world (a call comes in, an answer comes back).

use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::time::{Span, Time};

/// A monotonic clock from the instant of its making.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that shows [`Time::ZERO`] now.
    pub fn start() -> Self {
        Clock { origin: Instant::now() }
    }

    /// Time since the start; 0 to 584 years.
    #[inline]
    pub fn now(&self) -> Time {
        let passed = Instant::now().saturating_duration_since(self.origin);
        Time::from_nanos(
            passed.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(passed.subsec_nanos())),
        )
    }

    /// Sleeps until `at`, and up to a millisecond longer: that is the grain of tokio's timer.
    pub fn sleep_until(&self, at: Time) -> Sleep {
        // far beyond the life of the process and still inside what every platform's instant can hold
        let longest = Span::YEAR * 30;
        let passed = at.since(Time::ZERO).min(longest);
        sleep_until(self.origin + Duration::from_nanos(passed.as_nanos()))
    }
}

/// A span as the standard library has it.
pub fn duration(span: Span) -> Duration {
    Duration::from_nanos(span.as_nanos())
}
