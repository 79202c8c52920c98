//! Progress with the time left, and Ctrl-C.

use super::args::Talk;
use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by Ctrl-C; the run then ends with what is known so far.
static STOP: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C asks the run to end; a second one ends the process at once.
///
/// # Errors
/// If the system refuses a handler.
pub fn catch_interrupts() -> anyhow::Result<&'static AtomicBool> {
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) {
            #[allow(clippy::exit, reason = "the user asked twice")]
            std::process::exit(i32::from(super::Exit::Interrupted.code()));
        }
    })
    .context("cannot watch for Ctrl-C")?;
    Ok(&STOP)
}

/// A bar on standard error, if that is a terminal and the user did not ask for quiet.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// No bar yet; it appears with the first report. `ceiling` says that the run may well end earlier.
    pub fn new(talk: Talk, ceiling: bool) -> Progress {
        let target = if talk.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let left = if ceiling { "at most {eta} left" } else { "{eta} left" };
        let template = format!("{{bar:32}} {{percent:>3}}%  {{human_pos}} of {{human_len}} trials  {left}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("━━─"));
        }
        Progress { bar }
    }

    /// So many trials are done.
    pub fn report(&self, done: u64, of: u64) {
        if self.bar.length() != Some(of) {
            self.bar.set_length(of);
        }
        self.bar.set_position(done);
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
