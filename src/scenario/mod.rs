//! TEXT to [`Model`]: the scenario language.
//!
//! Two steps. First the files become one raw tree in which every value knows where it was written: `tree`, `compose`
//! (`extends`, `--set`, `like`). Then a reader per table walks it key by key (`fields`), with all names known before
//! (`names`), and builds the model; it never stops at the first fault. What comes out is either a whole [`Scenario`] or
//! all [`Diagnostics`] at once. Keys that only the request clock feels become the model's traffic, and are counted
//! as inert where the structure clock runs; keys that have no meaning yet are refused with E900, so that nothing is
//! ignored in silence.
//!
//! To make a key real: delete its `not_yet` line, read it, fill the model's field. This module reads files only through
//! the function that it is given, and knows nothing of terminals and results.

mod call;
mod check;
mod class;
mod compose;
mod condition;
mod costs;
mod crew;
mod deploys;
mod diagnostic;
mod elastic;
mod empirical;
mod experiment;
mod explanation;
mod failover;
mod fault;
mod fields;
mod formula;
mod graph;
mod law;
mod limits;
mod names;
mod objective;
mod operator;
mod places;
mod policy;
mod pool;
mod quantity;
mod resolve;
mod schema;
mod service;
mod session;
mod settings;
mod shape;
mod source;
mod standby;
mod strike;
mod term;
mod tree;
mod users;
mod value;
mod waiting;
mod warnings;

pub use crate::scenario::diagnostic::{Code, Diagnostic, Diagnostics, Place, Severity, Style};
pub use crate::scenario::explanation::Explanation;
pub use crate::scenario::schema::json_schema;
pub use crate::scenario::settings::{Fidelity, RunSettings};

use crate::model::Model;
use crate::model::dist::Law;
use crate::scenario::session::Session;
use crate::time::Span;
use std::io;
use std::path::Path;

/// A scenario that can be run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The checked world.
    pub model: Model,
    /// How it wants to be run.
    pub settings: RunSettings,
    /// Remarks for the user, a line each.
    pub notes: Vec<String>,
    /// What is suspicious but legal.
    pub warnings: Vec<Diagnostic>,
    /// The long form with every default in force.
    pub explanation: Explanation,
    /// The resolved scenario in canonical form, for hashing: equal for equal content, csv files included.
    pub hash_input: Vec<u8>,
}

/// Reads the scenario in the file at `path` with `overrides` laid over it: `PATH=VALUE` each, or a flag of the command that
/// stands for one, such as `--trials=5`, which diagnostics then name.
///
/// # Errors
/// All faults found, if there is at least one error among them.
pub fn load(
    path: &Path,
    read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
    overrides: &[String],
) -> Result<Scenario, Diagnostics> {
    match read(path) {
        Ok(bytes) => load_text(path, bytes, read, overrides),
        Err(error) => {
            let read_nothing = |_: &Path| -> io::Result<Vec<u8>> { Err(io::ErrorKind::NotFound.into()) };
            let session = Session::new(&read_nothing);
            session.report_nowhere(Code::E006, format!("cannot read `{}`: {error}", path.display()), None);
            Err(session.into_problems())
        }
    }
}

/// As [`load`], for a text that is already there (such as standard input); `path` names it and says where the
/// files that it names are looked for.
///
/// # Errors
/// All faults found, if there is at least one error among them.
pub fn load_text(
    path: &Path,
    text: Vec<u8>,
    read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
    overrides: &[String],
) -> Result<Scenario, Diagnostics> {
    let mut session = Session::new(read);
    let resolved =
        compose::compose(&mut session, path, text, overrides).and_then(|root| resolve::resolve(&session, &root, path));
    let inert = session.inert();
    let files = resolve::file_digests(&session);
    let problems = session.into_problems();
    match resolved {
        Some(resolved) if !problems.has_errors() => {
            let mut hash_input = resolved.canonical;
            hash_input.extend(files);
            Ok(Scenario {
                model: resolved.model,
                settings: resolved.settings,
                notes: notes(&inert),
                warnings: problems.into_warnings(),
                explanation: resolved.explanation,
                hash_input,
            })
        }
        _ => Err(problems),
    }
}

/// Reads one law expression, such as `lognormal(median=8min, p95=1h)`.
///
/// # Errors
/// What is wrong with it, in a text called `law`.
pub fn load_law(text: &str, read: &dyn Fn(&Path) -> io::Result<Vec<u8>>) -> Result<Law, Diagnostics> {
    let mut session = Session::new(read);
    let law = compose::add_text(&mut session, "law", Path::new("law"), text.as_bytes().to_vec())
        .and_then(|file| law::read(&tree::Node::text(text, source::Origin::new(file, 0..text.len())), &session));
    law.ok_or_else(|| session.into_problems())
}

/// Reads a duration, such as `1h30m`, as everywhere in the language.
///
/// # Errors
/// What is wrong with it, and what to write instead.
pub fn load_duration(text: &str) -> Result<Span, String> {
    quantity::duration(text).map_err(|bad| match bad.help {
        Some(help) => format!("{}\n  = help: {help}", bad.message),
        None => bad.message,
    })
}

/// The one line about keys that have no effect on the structure clock.
fn notes(inert: &[String]) -> Vec<String> {
    let Some(first) = inert.first() else { return Vec::new() };
    let (count, verb) = (inert.len(), if inert.len() == 1 { "key is" } else { "keys are" });
    vec![format!("{count} {verb} felt by requests only and inert on the structure clock (the first: `{first}`)")]
}
