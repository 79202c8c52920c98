//! `schema`: the JSON Schema of the scenario language, for editors.

use super::args::SchemaArgs;
use super::{Exit, output};
use ninefold::scenario;

/// Prints the schema, or writes it into a file.
///
/// # Errors
/// If it cannot be written.
pub fn schema(args: &SchemaArgs) -> anyhow::Result<Exit> {
    output::write(scenario::json_schema().as_bytes(), args.output.as_deref())?;
    Ok(Exit::Fine)
}
