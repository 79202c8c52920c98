//! What undoing transactions may cost, against histories worked out by hand.

use crate::request_lab::{HEAD, counts};

/// An order a second takes stock, which succeeds, and asks a bank that refuses after ten seconds; so those that came
/// from 10 s on are undone from 20 s on, when the stockroom fails every call. An undo is tried four times, a second apart.
fn orders(undo: &str) -> String {
    format!(
        "{HEAD}horizon = \"1min\"\n[users.folk]\nrate = \"1/s\"\narrivals = \"regular\"\nrequests = {{ order = \"100%\" }}\n\
         [requests.order.saga]\nsteps = [\"stock\", \"bank\"]\n\
         undo = {{ attempts = 4, backoff = \"constant(base=1s)\" {undo} }}\n\
         [routing]\nentry = \"shop\"\n[services.shop]\n[services.stock]\n\
         [services.bank]\nservice_time = \"10s\"\nerrors = \"100%\"\n\
         [faults.stockroom]\ntarget = \"stock\"\nmode = \"slow\"\nerrors = \"100%\"\nat = \"20s\"\nfor = \"1h\"\n"
    )
}

/// (calls to the stockroom, transactions undone, transactions stuck)
fn told(undo: &str) -> (u64, [u64; 2]) {
    let counts = counts(&orders(undo));
    let sagas = counts.user("class order").sagas;
    (counts.call("shop->stock").calls, [sagas[1], sagas[2]])
}

#[test]
fn a_budget_bounds_what_undoing_costs_beyond_its_first_attempts() {
    // 59 orders, 9 of which are undone in time; the ten after them are not; of the others no stock was taken
    let (without, ends) = told("");
    assert_eq!(without, 59 + 9 + 10 * 4);
    assert_eq!(ends, [9 + 40, 10]);
    // ten tokens, one gone with each failure, and a retry while more than five are left: four retries in all
    let (with, ends) = told(", budget = \"tokens(max=10, ratio=0.1)\"");
    assert_eq!(with, 59 + 9 + 10 + 4);
    assert_eq!(ends, [9 + 40, 10]);
    // a fifth of those under way, at least one retry at a time: the first undo pays for one retry after the other, and
    // as its last has failed the next may; of ten the first, fifth and ninth to fail are tried four times
    let (at_a_time, _) = told(", budget = \"concurrency(share=0%, min=1)\"");
    assert!((59 + 9 + 10 + 3..59 + 9 + 10 * 4).contains(&at_a_time), "{at_a_time}");
}

#[test]
fn an_undo_is_tried_as_often_as_its_table_says_and_after_the_errors_it_names() {
    let (calls, _) = told("");
    let twice = counts(&orders("").replace("attempts = 4", "attempts = 2"));
    assert_eq!((calls, twice.call("shop->stock").calls), (108, 59 + 9 + 10 * 2));
    let (never, ends) = told(", on = [\"timeout\"]");
    assert_eq!((never, ends), (59 + 9 + 10, [49, 10]));
}

/// As above, of a shop that asks somebody else first; the bank answers well, after ten seconds.
fn shop(first: &str, users: &str) -> String {
    format!(
        "{HEAD}horizon = \"1min\"\n[users.folk]\nrate = \"1/s\"\narrivals = \"regular\"\nrequests = {{ order = \"100%\" }}\n{users}\n\
         [requests.order.saga]\nsteps = [\"stock\", \"bank\"]\n\
         [routing]\nentry = \"shop\"\n[services.shop]\ncalls.guard = {{}}\ncalls.stock = {{}}\n[services.guard]\n{first}\n\
         [services.stock]\nservice_time = \"3s\"\n[services.bank]\nservice_time = \"10s\"\n"
    )
}

#[test]
fn a_transaction_begins_when_the_other_calls_of_its_service_are_over() {
    // 59 orders; the guard takes 2 s, the stockroom 3 s, the bank 10 s
    let passed = counts(&shop("service_time = \"2s\"", ""));
    let calls = |edge: &str| passed.call(edge).calls;
    assert_eq!((calls("shop->guard"), calls("shop->stock"), calls("shop->bank")), (59, 57, 54));
    assert_eq!(passed.user("class order").sagas, [44, 0, 0]);
    let stopped = counts(&shop("errors = \"100%\"", ""));
    assert_eq!((stopped.call("shop->guard").calls, stopped.call("shop->stock").calls), (59, 0));
    assert_eq!((stopped.user("class order").sagas, stopped.user("system").failures()), ([0; 3], 59));
}

#[test]
fn what_a_transaction_has_done_is_undone_though_its_user_has_gone() {
    // stock is taken after 3 s; the bank has 90 % of the 7 s left, until 9.3 s; whoever has asked goes after 10 s. Since
    // the bank may have paid, that is undone first, until 19.3 s, and then the stock, until 22.3 s
    let counts = counts(&shop("", "timeout = \"10s\""));
    let calls = |edge: &str| counts.call(edge).calls;
    assert_eq!(calls("shop->bank"), 56 + 50);
    assert_eq!(calls("shop->stock"), 59 + 40);
    assert_eq!(counts.user("class order").sagas, [0, 37, 0]);
    assert_eq!(counts.user("system").failures(), 59 - 10, "who has gone has failed");
}
