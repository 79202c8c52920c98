//! The budgets that keep a list of all that was paid in and out.

use ninefold::resilience::ErrorClass;
use ninefold::resilience::retry_budget::{
    ConcurrencyBudget, ConcurrencyConfig, QuotaBudget, QuotaConfig, RatioBudget, RatioConfig, RetryBudget, TokenBudget,
    TokenConfig, Withdrawal,
};
use ninefold::time::{Span, Time};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Law {
    Tokens(TokenConfig),
    Quota(QuotaConfig),
    Ratio(RatioConfig),
    Concurrency(ConcurrencyConfig),
}

/// One call: how many retries under way it has (0 or 1), and what its last one cost.
#[derive(Clone, Copy, Default)]
struct Open {
    retrying: Option<(Withdrawal, i64)>,
}

struct Naive {
    law: Law,
    now: u64,
    level: i64,
    paid: Vec<(u64, i64)>,
}

impl Naive {
    fn new(law: Law) -> Self {
        let level = match law {
            Law::Tokens(config) => i64::from(config.max) * 1_000,
            Law::Quota(config) => i64::from(config.size),
            Law::Ratio(_) | Law::Concurrency(_) => 0,
        };
        Naive { law, now: 0, level, paid: Vec::new() }
    }

    fn balance(&self, config: RatioConfig) -> i64 {
        let slot = config.window.as_nanos() / 10;
        let recent = self.paid.iter().filter(|(t, _)| self.now / slot - t / slot < 10);
        // the tests choose whole retries per window
        let whole = (config.min_per_second * config.window.as_secs_f64()).round() as i64;
        whole * i64::from(config.per_requests) + recent.map(|(_, amount)| amount).sum::<i64>()
    }

    /// The cost, if granted.
    fn withdraw(&mut self, calls: &[Open], class: ErrorClass) -> Option<i64> {
        match self.law {
            Law::Tokens(config) => (self.level > i64::from(config.max) * 500).then_some(0),
            Law::Quota(config) => {
                let cost = i64::from(if class == ErrorClass::Timeout { config.timeout_cost } else { config.cost });
                if self.level < cost {
                    return None;
                }
                self.level -= cost;
                Some(cost)
            }
            Law::Ratio(config) => {
                let cost = i64::from(config.per_requests);
                if self.balance(config) < cost {
                    return None;
                }
                self.paid.push((self.now, -cost));
                Some(cost)
            }
            Law::Concurrency(config) => {
                let retries = calls.iter().filter(|call| call.retrying.is_some()).count();
                let share = (f64::from(config.share) / 10_000.0 * calls.len() as f64 + 1e-9).floor() as usize;
                (retries < share.max(config.min as usize)).then_some(0)
            }
        }
    }

    fn request(&mut self) {
        if let Law::Ratio(config) = self.law {
            self.paid.push((self.now, i64::from(config.retries)));
        }
    }

    fn failure(&mut self) {
        if let Law::Tokens(_) = self.law {
            self.level = (self.level - 1_000).max(0);
        }
    }

    fn success(&mut self, last: Option<i64>) {
        match self.law {
            Law::Tokens(config) => {
                self.level = (self.level + i64::from(config.ratio)).min(i64::from(config.max) * 1_000);
            }
            Law::Quota(config) => self.level = (self.level + last.unwrap_or(1)).min(i64::from(config.size)),
            Law::Ratio(_) | Law::Concurrency(_) => {}
        }
    }
}

fn budget(law: Law) -> RetryBudget {
    match law {
        Law::Tokens(config) => RetryBudget::Tokens(TokenBudget::new(config).expect("valid")),
        Law::Quota(config) => RetryBudget::Quota(QuotaBudget::new(config).expect("valid")),
        Law::Ratio(config) => RetryBudget::Ratio(RatioBudget::new(config).expect("valid")),
        Law::Concurrency(config) => RetryBudget::Concurrency(ConcurrencyBudget::new(config).expect("valid")),
    }
}

/// (pause, 0 begin | 1, 2 fail and try again | 3 succeed | 4 give up, which call, timed out)
type Step = (i64, u8, usize, bool);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pause = prop_oneof![10 => Just(0_i64), 5 => 0..30_i64, 1 => 0..200_i64, 1 => -20..0_i64];
    let what = prop_oneof![5 => Just(0_u8), 6 => Just(1_u8), 3 => Just(3_u8), 1 => Just(4_u8)];
    prop::collection::vec((pause, what, any::<usize>(), any::<bool>()), super::STEPS)
}

fn laws() -> impl Strategy<Value = Law> {
    prop_oneof![
        (1..12_u32, 1..1_500_u32).prop_map(|(max, ratio)| Law::Tokens(TokenConfig { max, ratio })),
        (10..60_u32, 1..6_u32, 1..11_u32).prop_map(|(size, cost, timeout_cost)| Law::Quota(QuotaConfig {
            size,
            cost,
            timeout_cost
        })),
        // slots that divide 100 ms, so that whole retries per window make a finite decimal per second
        (1..4_u32, 1..12_u32, prop::sample::select(vec![1_u32, 2, 5, 10, 25]), 0..3_u32).prop_map(
            |(retries, per_requests, slot, kept)| {
                let window = Span::from_millis(10 * u64::from(slot));
                let min_per_second = f64::from(kept) * 100.0 / f64::from(slot);
                Law::Ratio(RatioConfig { retries, per_requests, window, min_per_second })
            }
        ),
        (0..=100_u32, 1..4_u32).prop_map(|(pct, min)| Law::Concurrency(ConcurrencyConfig { share: pct * 100, min })),
    ]
}

fn run(law: Law, steps: Vec<Step>) {
    let (mut real, mut naive) = (budget(law), Naive::new(law));
    let mut calls: Vec<Open> = Vec::new();
    let mut clock = 1_000_i64;
    for (pause, what, which, timed_out) in steps {
        clock += pause;
        let now = Time::ZERO + Span::from_millis(clock as u64);
        if what != 0 && calls.is_empty() {
            continue;
        }
        naive.now = naive.now.max(now.as_nanos());
        if what == 0 {
            real.request(now);
            naive.request();
            calls.push(Open::default());
            continue;
        }
        let which = which % calls.len();
        let last = calls[which].retrying.take();
        real.settle(last.map(|(withdrawal, _)| withdrawal));
        if what == 1 {
            let class = if timed_out { ErrorClass::Timeout } else { ErrorClass::Error };
            real.failure();
            naive.failure();
            let granted = real.withdraw(now, class);
            let cost = naive.withdraw(&calls, class);
            assert_eq!(granted.is_some(), cost.is_some());
            calls[which].retrying = granted.zip(cost);
            if granted.is_some() {
                continue;
            }
        } else if what == 3 {
            real.success(last.map(|(withdrawal, _)| withdrawal));
            naive.success(last.map(|(_, cost)| cost));
        }
        real.finish();
        calls.swap_remove(which);
        match (&mut real, law) {
            (RetryBudget::Tokens(real), _) => assert_eq!(i64::from(real.thousandths()), naive.level),
            (RetryBudget::Quota(real), _) => assert_eq!(i64::from(real.left()), naive.level),
            (RetryBudget::Ratio(real), Law::Ratio(config)) => assert_eq!(real.balance(now), naive.balance(config)),
            (RetryBudget::Concurrency(real), _) => {
                let retries = calls.iter().filter(|call| call.retrying.is_some()).count();
                assert_eq!(real.in_progress(), (calls.len() as u64, retries as u64));
            }
            (RetryBudget::Ratio(_) | RetryBudget::Unlimited, _) => unreachable!("built from the law"),
        }
    }
}

proptest! {
    // four laws: each gets as many steps as the other policies do
    #![proptest_config(proptest::test_runner::Config { cases: 4 * super::CASES, ..super::config() })]
    #[test]
    fn the_budgets_agree_with_ones_that_list_all_payments(law in laws(), steps in steps()) {
        run(law, steps);
    }
}
