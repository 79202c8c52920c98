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
