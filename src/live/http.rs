//! HTTP: the budget of a call in a header, and what a status says to the policies.
//!
//! The budget travels as what is left, never as a time of day, so that skewed clocks do not matter: `grpc-timeout`, as
//! gRPC over HTTP/2 has it. The callee gets the time of the attempt, not that of the whole call, and so gives up before
//! its caller does.

use http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};

use crate::resilience::ErrorClass;
use crate::resilience::deadline::{Deadline, WireBudget, WireBudgetError};
use crate::resilience::pipeline::AttemptEnd;
use crate::resilience::retry::Pushback;
use crate::time::{Span, Time};

/// The header that carries the budget.
pub const BUDGET: HeaderName = HeaderName::from_static("grpc-timeout");

/// Tells the callee how long it has.
pub fn send_budget(headers: &mut HeaderMap, budget: Span) {
    // digits and a letter are always a header value
    if let Ok(value) = HeaderValue::from_str(&WireBudget(budget).to_string()) {
        headers.insert(BUDGET, value);
    }
}

/// The deadline of a request that has arrived at `now`; [`Deadline::NONE`] if it names no budget.
///
/// # Errors
/// If the header is no budget.
pub fn read_deadline(headers: &HeaderMap, now: Time) -> Result<Deadline, WireBudgetError> {
    let Some(value) = headers.get(BUDGET) else { return Ok(Deadline::NONE) };
    let budget: WireBudget = value.to_str().map_err(|_| WireBudgetError)?.parse()?;
    Ok(Deadline::after(now, budget.0))
}

/// What a status means: 429 and 503 are too much work, 504 ran out of time, other 5xx are errors of the callee, other
/// 4xx errors of the caller.
///
/// # Errors
/// The class, if the status is an error.
pub fn classify_status(status: StatusCode) -> Result<(), ErrorClass> {
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Err(ErrorClass::Overload),
        StatusCode::GATEWAY_TIMEOUT => Err(ErrorClass::Timeout),
        status if status.is_server_error() => Err(ErrorClass::Error),
        status if status.is_client_error() => Err(ErrorClass::Client),
        _ => Ok(()),
    }
}

/// The end of an attempt that was answered, with `Retry-After` in whole seconds as pushback (its form as a date is a
/// time of day, and is not read).
pub fn classify_response<B>(response: &Response<B>) -> AttemptEnd {
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let pushback = seconds.map(|seconds| Pushback::After(Span::from_secs(seconds)));
    let result = classify_status(response.status());
    AttemptEnd { result, pushback: pushback.filter(|_| result.is_err()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_on_the_wire_is_relative_and_never_longer() {
        let mut headers = HeaderMap::new();
        let nanos = Span::from_nanos(1_999_999_999);
        send_budget(&mut headers, nanos);
        assert_eq!(headers[BUDGET], "1999999u");
        let arrival = Time::ZERO + Span::HOUR; // the clock of another machine
        let deadline = read_deadline(&headers, arrival).expect("a budget");
        assert_eq!(deadline.remaining(arrival), Span::from_nanos(1_999_999_000));
    }

    #[test]
    fn no_header_is_no_deadline_and_nonsense_is_an_error() {
        let mut headers = HeaderMap::new();
        assert_eq!(read_deadline(&headers, Time::ZERO), Ok(Deadline::NONE));
        headers.insert(BUDGET, HeaderValue::from_static("soon"));
        assert_eq!(read_deadline(&headers, Time::ZERO), Err(WireBudgetError));
    }

    #[test]
    fn the_callee_is_blamed_for_5xx_and_the_caller_for_4xx() {
        let class = |status| classify_status(StatusCode::from_u16(status).expect("a status"));
        assert_eq!(class(200), Ok(()));
        assert_eq!(class(404), Err(ErrorClass::Client));
        assert_eq!(class(429), Err(ErrorClass::Overload));
        assert_eq!(class(500), Err(ErrorClass::Error));
        assert_eq!(class(503), Err(ErrorClass::Overload));
        assert_eq!(class(504), Err(ErrorClass::Timeout));
    }

    #[test]
    fn retry_after_is_pushback_on_errors_only() {
        let answer = |status: u16| Response::builder().status(status).header(RETRY_AFTER, "7").body(()).expect("valid");
        let after = Some(Pushback::After(Span::from_secs(7)));
        assert_eq!(classify_response(&answer(503)), AttemptEnd { result: Err(ErrorClass::Overload), pushback: after });
        assert_eq!(classify_response(&answer(200)), AttemptEnd::OK);
    }
}
