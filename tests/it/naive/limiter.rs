//! GCRA against the token bucket: a level that fills with time, in nanoseconds of credit; booked ahead it is negative.

use ninefold::resilience::rate_limiter::{AtomicGcra, Gcra, GcraConfig, KeyedGcra, Refused};
use ninefold::time::{Span, Time};
use proptest::prelude::*;

struct Bucket {
    level: i128,
    seen: i128,
    period: i128,
    burst: i128,
}

impl Bucket {
    fn reserve(&mut self, now: i128, cells: i128, wait: i128) -> Result<Span, Refused> {
        let now = now.max(self.seen);
        self.level = (self.level + now - self.seen).min(self.period * self.burst);
        self.seen = now;
        if cells > self.burst {
            return Err(Refused::ExceedsBurst);
        }
        let short = (cells * self.period - self.level).max(0);
        let span = Span::from_nanos(short as u64);
        if short > wait {
            return Err(Refused::Wait(span));
        }
        self.level -= cells * self.period;
        Ok(span)
    }
}

fn steps() -> impl Strategy<Value = Vec<(i64, u32, u64)>> {
    let pause = prop_oneof![4 => Just(0_i64), 8 => 0..30_i64, 1 => 0..500_i64, 1 => -20..0_i64];
    let wait = prop_oneof![3 => Just(0_u64), 1 => 0..100_u64];
    prop::collection::vec((pause, 0..7_u32, wait), super::STEPS)
}

proptest! {
    #![proptest_config(super::config())]
    #[test]
    fn gcra_agrees_with_a_token_bucket(period in 1..40_u64, burst in 1..6_u32, steps in steps()) {
        let config = GcraConfig { period: Span::from_nanos(period), burst };
        let mut real = Gcra::new(config).expect("valid");
        let atomic = AtomicGcra::new(config).expect("valid");
        let mut keyed = KeyedGcra::new(config, 8, 3).expect("valid");
        let capacity = i128::from(period) * i128::from(burst);
        let mut bucket = Bucket { level: capacity, seen: 0, period: period.into(), burst: burst.into() };
        let mut clock = 1_000_i64;
        for (pause, cells, wait) in steps {
            clock += pause;
            let now = Time::from_nanos(clock as u64);
            let wait_span = Span::from_nanos(wait);
            let expected = bucket.reserve(clock.into(), cells.into(), wait.into());
            prop_assert_eq!(real.reserve(now, cells, wait_span), expected);
            // one word has no room for the last instant seen: its caller's clock must not turn back
            prop_assert_eq!(atomic.reserve(Time::from_nanos(bucket.seen as u64), cells, wait_span), expected);
            prop_assert_eq!(keyed.reserve(now, &1_u8, cells, wait_span), expected);
            let short = i128::from(period) - bucket.level;
            let wake = (short > 0).then(|| Time::from_nanos((bucket.seen + short) as u64));
            prop_assert_eq!(real.next_wake(), wake);
        }
    }
}
