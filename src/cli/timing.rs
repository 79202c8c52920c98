//! What a command cost: one line of JSON on standard error.

#![allow(clippy::disallowed_methods, reason = "the wall clock is read here and never enters a figure")]

use super::args::{MachineArgs, Talk};
use ninefold::report::number;
use serde_json::{Value, json};
use std::io::IsTerminal as _;
use std::time::Instant;

/// The clock of a command.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Starts now.
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// Says what it took, with the numbers of events and requests where they are known: as JSON where it was asked for, in a
    /// word on a terminal.
    pub fn report(self, machine: &MachineArgs, talk: Talk, (events, requests): (Option<u64>, Option<u64>)) {
        let wall_s = self.0.elapsed().as_secs_f64();
        if machine.timing {
            eprintln!("{}", line(wall_s, events, requests));
        } else if !talk.quiet && (talk.verbose || std::io::stderr().is_terminal()) {
            let events = events.map_or(String::new(), |events| format!("{} events in ", number::whole(events)));
            eprintln!("{events}{}", number::duration(wall_s));
        }
    }
}

fn line(wall_s: f64, events: Option<u64>, requests: Option<u64>) -> Value {
    let (cpu_s, peak_rss_mb) = usage();
    let per_second = events.filter(|_| wall_s > 0.0).map(|events| events as f64 / wall_s);
    json!({
        "events": events,
        "requests": requests,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "events_per_s": per_second,
        "peak_rss_mb": peak_rss_mb,
    })
}

/// Processor seconds of all threads, and the most memory held, in megabytes.
#[cfg(unix)]
fn usage() -> (Option<f64>, Option<f64>) {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeVal;
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return (None, None) };
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    // kibibytes, except on Apple's systems, which count bytes
    let unit = if cfg!(target_vendor = "apple") { 1.0 } else { 1024.0 };
    let memory = usage.max_rss() as f64 * unit / 1e6;
    (Some(seconds(usage.user_time()) + seconds(usage.system_time())), Some(memory))
}

/// Not known on this system.
#[cfg(not(unix))]
fn usage() -> (Option<f64>, Option<f64>) {
    (None, None)
}
