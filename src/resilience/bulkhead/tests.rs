//! One claim of the specification a test; times in milliseconds.

use super::*;

fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

fn at(millis: u64) -> Time {
    Time::ZERO + ms(millis)
}

fn bulkhead(max_concurrent: u32, max_queue: u32) -> Bulkhead<u32> {
    Bulkhead::new(BulkheadConfig { max_queue, ..BulkheadConfig::new(max_concurrent) }).expect("valid")
}

/// Runs one operation and returns what it told, as text: `+3` admitted, `-3@50` timed out.
fn told(operation: impl FnOnce(&mut dyn FnMut(Event<u32>))) -> String {
    let mut text = Vec::new();
    operation(&mut |event| match event {
        Event::Admitted(waiter) => text.push(format!("+{waiter}")),
        Event::TimedOut { waiter, deadline } => {
            text.push(format!("-{waiter}@{}", deadline.as_nanos() / 1_000_000));
        }
    });
    text.join(" ")
}

fn ask(b: &mut Bulkhead<u32>, t: u64, waiter: u32, timeout: u64, class: u8) -> Admission {
    b.acquire_as(at(t), waiter, Ask { timeout: ms(timeout), class }, &mut |event| panic!("{event:?}"))
}

fn queue(b: &mut Bulkhead<u32>, t: u64, waiter: u32, timeout: u64) -> Ticket {
    match ask(b, t, waiter, timeout, 0) {
        Admission::Queued(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_is_admitted_then_queued_then_refused() {
    let mut b = bulkhead(1, 1);
    assert_eq!(ask(&mut b, 0, 1, 100, 0), Admission::Admitted);
    queue(&mut b, 0, 2, 100);
    assert_eq!(ask(&mut b, 0, 3, 100, 0), Admission::Full);
    let counts = b.counts();
    assert_eq!((counts.active, counts.queued, counts.full), (1, 1, 1));
}

#[test]
fn a_caller_that_will_not_wait_is_refused_at_once() {
    let mut b = bulkhead(1, 10);
    assert_eq!(ask(&mut b, 0, 1, 0, 0), Admission::Admitted, "a free slot needs no waiting");
    assert_eq!(ask(&mut b, 0, 2, 0, 0), Admission::Full);
}

#[test]
fn a_released_slot_goes_to_the_oldest_waiter() {
    let mut b = bulkhead(1, 3);
    assert_eq!(ask(&mut b, 0, 1, 100, 0), Admission::Admitted);
    for waiter in 2..=4 {
        queue(&mut b, 0, waiter, 100);
    }
    assert_eq!(told(|mut on| b.release(at(1), &mut on)), "+2");
    assert_eq!(told(|mut on| b.release(at(2), &mut on)), "+3");
    assert_eq!(b.counts().active, 1);
}

#[test]
fn a_waiter_times_out_at_its_deadline_and_frees_exactly_one_place() {
    let mut b = bulkhead(1, 2);
    assert_eq!(ask(&mut b, 0, 1, 100, 0), Admission::Admitted);
    queue(&mut b, 0, 2, 100);
    queue(&mut b, 0, 3, 5_000);
    assert_eq!(b.next_wake(), Some(at(100)));
    assert_eq!(told(|mut on| b.poll(at(99), &mut on)), "");
    assert_eq!(told(|mut on| b.poll(at(100), &mut on)), "-2@100");
    assert_eq!(b.counts().queued, 1);
    queue(&mut b, 101, 4, 5_000);
    assert_eq!(ask(&mut b, 101, 5, 5_000, 0), Admission::Full, "one place was freed, not two");
}

#[test]
fn an_expiry_comes_before_a_slot_freed_at_the_same_instant() {
    let mut b = bulkhead(1, 2);
    assert_eq!(ask(&mut b, 0, 1, 100, 0), Admission::Admitted);
    queue(&mut b, 0, 2, 50);
    queue(&mut b, 0, 3, 100);
    assert_eq!(told(|mut on| b.release(at(50), &mut on)), "-2@50 +3");
}

#[test]
fn timeouts_are_told_in_the_order_of_their_deadlines() {
    let mut b = bulkhead(1, 5);
    assert_eq!(ask(&mut b, 0, 1, 100, 0), Admission::Admitted);
    for (waiter, timeout) in [(2, 30), (3, 10), (4, 20), (5, 10), (6, 40)] {
        queue(&mut b, 0, waiter, timeout);
    }
    assert_eq!(told(|mut on| b.poll(at(30), &mut on)), "-3@10 -5@10 -4@20 -2@30");
}

#[test]
fn a_cancelled_waiter_leaves_the_queue_once() {
    let mut b = bulkhead(1, 2);
    assert_eq!(ask(&mut b, 0, 1, 100, 0), Admission::Admitted);
    let ticket = queue(&mut b, 0, 2, 100);
    queue(&mut b, 0, 3, 100);
    assert_eq!(b.cancel(at(1), ticket, &mut |_| {}), Some(2));
    assert_eq!(b.cancel(at(1), ticket, &mut |_| {}), None);
    queue(&mut b, 1, 4, 100);
    assert_eq!(b.cancel(at(1), ticket, &mut |_| {}), None, "the place has another waiter now");
    assert_eq!(told(|mut on| b.release(at(2), &mut on)), "+3");
    assert_eq!(b.counts().cancelled, 1);
}

#[test]
fn queued_work_is_dropped_when_its_deadline_has_passed() {
    use crate::resilience::deadline::Deadline;
    let mut b = bulkhead(1, 1);
    assert_eq!(ask(&mut b, 0, 1, 100, 0), Admission::Admitted);
    let deadline = Deadline::after(at(20), ms(50));
    let timeout = deadline.remaining(at(20)).min(ms(1_000));
    assert!(matches!(b.acquire_as(at(20), 2, Ask { timeout, class: 0 }, &mut |_| {}), Admission::Queued(_)));
    assert_eq!(told(|mut on| b.release(at(70), &mut on)), "-2@70", "the slot is free, but nobody waits for the answer");
}

#[test]
fn the_newest_waiter_goes_first_under_overload_if_told_to() {
    let config = BulkheadConfig { max_queue: 5, lifo_above: Some(2), ..BulkheadConfig::new(1) };
    let mut b = Bulkhead::new(config).expect("valid");
    assert_eq!(ask(&mut b, 0, 1, 100, 0), Admission::Admitted);
    for waiter in 2..=4 {
        queue(&mut b, 0, waiter, 100);
    }
    assert_eq!(told(|mut on| b.release(at(1), &mut on)), "+4", "three wait, more than two");
    assert_eq!(told(|mut on| b.release(at(1), &mut on)), "+2", "two wait");
}

#[test]
fn reserved_slots_are_kept_for_the_more_important() {
    let config = BulkheadConfig { max_queue: 5, reserved: [0, 1, 1, 2], ..BulkheadConfig::new(3) };
    let mut b = Bulkhead::new(config).expect("valid");
    assert_eq!(ask(&mut b, 0, 1, 0, 3), Admission::Admitted);
    assert_eq!(ask(&mut b, 0, 2, 0, 3), Admission::Full);
    assert_eq!(ask(&mut b, 0, 3, 0, 1), Admission::Admitted);
    assert!(matches!(ask(&mut b, 0, 4, 100, 3), Admission::Queued(_)));
    assert!(matches!(ask(&mut b, 0, 5, 100, 1), Admission::Queued(_)));
    assert_eq!(ask(&mut b, 0, 6, 0, 0), Admission::Admitted, "the last slot is for class 0, whoever waits");
    assert_eq!(told(|mut on| b.release(at(1), &mut on)), "", "two of three taken: class 1 must leave one free");
    assert_eq!(told(|mut on| b.release(at(2), &mut on)), "+5", "class 3 must leave two free");
    assert_eq!(told(|mut on| b.release(at(3), &mut on)), "");
    assert_eq!(told(|mut on| b.release(at(4), &mut on)), "+4");
}

#[test]
fn a_release_without_a_call_changes_nothing() {
    let mut b = bulkhead(1, 0);
    b.release(at(0), &mut |_| {});
    assert_eq!(b.counts(), Counts::default());
}

#[test]
fn a_clock_that_turns_back_stands_still() {
    let mut b = bulkhead(1, 1);
    assert_eq!(ask(&mut b, 1_000, 1, 0, 0), Admission::Admitted);
    queue(&mut b, 0, 2, 10);
    assert_eq!(b.next_wake(), Some(at(1_010)));
}

#[test]
fn a_wrong_number_is_refused_by_name() {
    let field = |config: BulkheadConfig| Bulkhead::<u32>::new(config).err().map(|error| error.field);
    assert_eq!(field(BulkheadConfig::new(0)), Some("max_concurrent"));
    assert_eq!(field(BulkheadConfig { max_queue: u32::MAX, ..BulkheadConfig::new(1) }), Some("max_queue"));
    assert_eq!(field(BulkheadConfig { reserved: [0, 2, 1, 1], ..BulkheadConfig::new(9) }), Some("reserved"));
    assert_eq!(field(BulkheadConfig { reserved: [0, 0, 0, 1], ..BulkheadConfig::new(1) }), Some("reserved"));
}
