use proptest::prelude::{prop, prop_assert, proptest};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{BalancePolicy, Balancer};
use crate::time::{Span, Time};

const DRAWS: u32 = 100_000;

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(4)
}

fn balancer(policy: BalancePolicy, hosts: usize) -> Balancer {
    Balancer::new(policy, hosts).unwrap()
}

fn at(millis: u64) -> Time {
    Time::ZERO + Span::from_millis(millis)
}

/// Picks without sending and compares the counts with `expected` probabilities: 4 standard errors of a binomial.
fn check(balancer: &mut Balancer, eligible: &[u32], expected: &[f64]) {
    check_avoiding(balancer, eligible, &[], expected);
}

/// The same for attempts that avoid hosts.
fn check_avoiding(balancer: &mut Balancer, eligible: &[u32], avoid: &[u32], expected: &[f64]) {
    let (mut rng, mut counts) = (rng(), vec![0_u32; expected.len()]);
    for _ in 0..DRAWS {
        counts[balancer.pick(at(0), eligible, avoid, 0, &mut rng).unwrap() as usize] += 1;
    }
    for (host, (&count, &p)) in counts.iter().zip(expected).enumerate() {
        let (mean, error) = (f64::from(DRAWS) * p, (f64::from(DRAWS) * p * (1.0 - p)).sqrt());
        assert!((f64::from(count) - mean).abs() <= 4.0 * error, "host {host}: {count} instead of {mean} +- {error}");
    }
}

#[test]
fn round_robin_goes_round() {
    let (mut balancer, mut rng) = (balancer(BalancePolicy::RoundRobin, 4), rng());
    let picks: Vec<_> = (0..6).map(|_| balancer.pick(at(0), &[0, 2, 3], &[], 0, &mut rng).unwrap()).collect();
    assert_eq!(picks, [0, 2, 3, 0, 2, 3]);
    assert_eq!(balancer.pick(at(0), &[0, 2, 3], &[0], 0, &mut rng), Some(2));
    assert_eq!(balancer.pick(at(0), &[0, 2, 3], &[], 0, &mut rng), Some(3));
}

#[test]
fn random_is_uniform() {
    check(&mut balancer(BalancePolicy::Random, 5), &[0, 1, 3, 4], &[0.25, 0.25, 0.0, 0.25, 0.25]);
}

/// Ten callers that each ask once over four hosts: 3, 3, 2 and 2 of them, and each goes round from there.
#[test]
fn callers_that_start_apart_do_not_herd() {
    for policy in [BalancePolicy::RoundRobin, BalancePolicy::LeastOutstanding] {
        let (template, mut rng, mut counts) = (balancer(policy, 4), rng(), [0_u32; 4]);
        for caller in 0..10 {
            let mut balancer = template.clone();
            balancer.start_at(caller);
            let first = balancer.pick(at(0), &[0, 1, 2, 3], &[], 0, &mut rng).unwrap();
            let second = balancer.pick(at(0), &[0, 1, 2, 3], &[], 0, &mut rng).unwrap();
            assert_eq!((first, second), (caller % 4, (caller + 1) % 4));
            counts[first as usize] += 1;
        }
        assert_eq!(counts, [3, 3, 2, 2]);
    }
    // with host 1 out of service they spread as well
    let mut counts = [0_u32; 3];
    for caller in 0..10 {
        let mut balancer = balancer(BalancePolicy::RoundRobin, 3);
        balancer.start_at(caller);
        counts[balancer.pick(at(0), &[0, 2], &[], 0, &mut rng()).unwrap() as usize] += 1;
    }
    assert_eq!(counts, [5, 0, 5]);
}

#[test]
fn least_outstanding_takes_the_idlest_and_ties_go_round() {
    let (mut balancer, mut rng) = (balancer(BalancePolicy::LeastOutstanding, 3), rng());
    balancer.sent(0);
    balancer.sent(2);
    assert_eq!(balancer.pick(at(0), &[0, 1, 2], &[], 0, &mut rng), Some(1));
    balancer.sent(1);
    let picks: Vec<_> = (0..3).map(|_| balancer.pick(at(0), &[0, 1, 2], &[], 0, &mut rng).unwrap()).collect();
    assert_eq!(picks, [1, 2, 0]);
    balancer.ended(at(0), 2, None);
    assert_eq!(balancer.pick(at(0), &[0, 1, 2], &[], 0, &mut rng), Some(2));
}

#[test]
fn two_choices_take_rank_r_of_n_with_probability_2_n_minus_1_minus_r_over_n_n_minus_1() {
    let mut balancer = balancer(BalancePolicy::TwoChoices, 5);
    for host in 0..5 {
        (0..host).for_each(|_| balancer.sent(host));
    }
    // host h has rank h: it wins against the 4 - h busier ones
    check(&mut balancer, &[0, 1, 2, 3, 4], &[0.4, 0.3, 0.2, 0.1, 0.0]);
}

#[test]
fn two_choices_of_equal_hosts_are_uniform() {
    check(&mut balancer(BalancePolicy::TwoChoices, 3), &[0, 1, 2], &[1.0 / 3.0; 3]);
    check(&mut balancer(BalancePolicy::PEAK_EWMA, 3), &[0, 1, 2], &[1.0 / 3.0; 3]);
    check(&mut balancer(BalancePolicy::TwoChoices, 1), &[0], &[1.0]);
}

/// Whatever is avoided, the rest is alike: also where neither of two choices is allowed, and where no host has a weight.
#[test]
fn what_is_not_avoided_is_uniform() {
    let all = [0, 1, 2, 3, 4];
    for policy in [BalancePolicy::Random, BalancePolicy::TwoChoices, BalancePolicy::PEAK_EWMA] {
        check_avoiding(&mut balancer(policy.clone(), 5), &all, &[1], &[0.25, 0.0, 0.25, 0.25, 0.25]);
        check_avoiding(&mut balancer(policy, 5), &all, &[1, 2], &[1.0 / 3.0, 0.0, 0.0, 1.0 / 3.0, 1.0 / 3.0]);
    }
    let weighted = BalancePolicy::Weighted(vec![0, 0, 0, 1]);
    check_avoiding(&mut balancer(weighted, 4), &[0, 1, 2], &[1], &[0.5, 0.0, 0.5]);
}

#[test]
fn peak_ewma_prefers_the_faster_host() {
    let mut balancer = balancer(BalancePolicy::PEAK_EWMA, 2);
    balancer.ended(at(0), 0, Some(Span::from_millis(10)));
    balancer.ended(at(0), 1, Some(Span::from_millis(30)));
    check(&mut balancer, &[0, 1], &[1.0, 0.0]);
    // 10 ms x 4 is more than 30 ms x 1
    (0..3).for_each(|_| balancer.sent(0));
    check(&mut balancer, &[0, 1], &[0.0, 1.0]);
}

#[test]
fn peak_ewma_jumps_up_at_once_and_decays() {
    let mut balancer = balancer(BalancePolicy::PeakEwma { decay: Span::from_secs(10) }, 1);
    balancer.ended(at(0), 0, Some(Span::from_millis(10)));
    balancer.ended(at(1), 0, Some(Span::from_millis(500)));
    assert!((balancer.hosts[0].latency - 5e8).abs() < 1.0);
    // after one time constant: 500/e + 100 (1 - 1/e) = 247.15 ms
    balancer.ended(at(10_001), 0, Some(Span::from_millis(100)));
    assert!((balancer.hosts[0].latency - 247.151_776e6).abs() < 1.0, "{}", balancer.hosts[0].latency);
}

#[test]
fn a_host_without_sample_is_tried_once_and_then_penalised_until_it_answers() {
    let mut balancer = balancer(BalancePolicy::PEAK_EWMA, 2);
    balancer.ended(at(0), 0, Some(Span::from_secs(5)));
    check(&mut balancer, &[0, 1], &[0.0, 1.0]);
    balancer.sent(1);
    check(&mut balancer, &[0, 1], &[1.0, 0.0]);
    balancer.ended(at(0), 1, Some(Span::MILLISECOND));
    check(&mut balancer, &[0, 1], &[0.0, 1.0]);
}

#[test]
fn weighted_is_in_proportion() {
    let weights = || BalancePolicy::Weighted(vec![1, 0, 3, 6]);
    check(&mut balancer(weights(), 4), &[0, 1, 2, 3], &[0.1, 0.0, 0.3, 0.6]);
    check(&mut balancer(weights(), 4), &[0, 1, 2], &[0.25, 0.0, 0.75]);
    check(&mut balancer(weights(), 4), &[1], &[0.0, 1.0]);
    let avoiding = balancer(weights(), 4).pick(at(0), &[1, 2], &[2], 0, &mut rng());
    assert_eq!(avoiding, Some(2), "a second attempt goes to the same host rather than to one without weight");
}

#[test]
fn sticky_moves_only_the_keys_of_a_lost_host() {
    let (mut balancer, mut rng) = (balancer(BalancePolicy::Sticky, 4), rng());
    let mut counts = [0_u32; 4];
    for key in 0..10_000 {
        let home = balancer.pick(at(0), &[0, 1, 2, 3], &[], key, &mut rng).unwrap();
        let without_2 = balancer.pick(at(0), &[3, 1, 0], &[], key, &mut rng).unwrap();
        assert!(home == without_2 || home == 2);
        counts[home as usize] += 1;
    }
    // binomial(10 000, 1/4): standard error 43
    assert!(counts.iter().all(|&count| count.abs_diff(2_500) < 4 * 43), "{counts:?}");
}

#[test]
fn wrong_parameters_are_named() {
    assert_eq!(Balancer::new(BalancePolicy::Weighted(vec![0, 0]), 2).unwrap_err().field, "weights");
    assert_eq!(Balancer::new(BalancePolicy::PeakEwma { decay: Span::ZERO }, 2).unwrap_err().field, "decay");
}

proptest! {
    #[test]
    fn a_pick_is_eligible_and_avoided_only_without_alternative(
        policy in prop::sample::select(vec![
            BalancePolicy::RoundRobin, BalancePolicy::Random, BalancePolicy::LeastOutstanding,
            BalancePolicy::TwoChoices, BalancePolicy::PEAK_EWMA, BalancePolicy::Weighted(vec![1, 2, 3, 4, 5, 6]),
            BalancePolicy::Sticky,
        ]),
        steps in prop::collection::vec(
            (prop::sample::subsequence(vec![0_u32, 1, 2, 3, 4, 5], 0..=6),
             prop::sample::subsequence(vec![0_u32, 1, 2, 3, 4, 5], 0..=3), 0_u64..50), 1..50),
    ) {
        let (mut balancer, mut rng) = (balancer(policy, 6), rng());
        for (step, (eligible, avoid, latency)) in steps.into_iter().enumerate() {
            let now = at(step as u64);
            let Some(host) = balancer.pick(now, &eligible, &avoid, step as u64, &mut rng) else {
                prop_assert!(eligible.is_empty());
                continue;
            };
            prop_assert!(eligible.contains(&host));
            prop_assert!(!avoid.contains(&host) || eligible.iter().all(|host| avoid.contains(host)));
            balancer.sent(host);
            if latency % 2 == 0 {
                balancer.ended(now, host, Some(Span::from_millis(latency)));
            }
        }
    }
}
