//! `init`: a scenario to begin with, its comments saying what to change.

use super::args::InitArgs;
use super::{Exit, Refusal, output};

/// A scenario with comments.
struct Template {
    name: &'static str,
    text: &'static str,
}

const TEMPLATES: [Template; 3] = [
    Template { name: "single-node", text: include_str!("templates/single-node.toml") },
    Template { name: "active-passive", text: include_str!("templates/active-passive.toml") },
    Template { name: "active-active", text: include_str!("templates/active-active.toml") },
];

/// The names of the templates, the smallest first.
pub const NAMES: [&str; 3] = [TEMPLATES[0].name, TEMPLATES[1].name, TEMPLATES[2].name];

/// Writes the template, but over no file that is there already.
///
/// # Errors
/// If the file is there or cannot be written.
pub fn init(args: &InitArgs) -> anyhow::Result<Exit> {
    if let Some(path) = args.output.as_deref().filter(|path| !args.force && path.is_file()) {
        anyhow::bail!(Refusal(format!(
            "error: `{}` is there already\n  = help: `--force` writes over it",
            path.display()
        )));
    }
    let text = TEMPLATES.iter().find(|template| template.name == args.template).map_or("", |template| template.text);
    output::write(text.as_bytes(), args.output.as_deref())?;
    Ok(Exit::Fine)
}

#[cfg(test)]
mod tests {
    use super::TEMPLATES;
    use ninefold::scenario;
    use std::io;
    use std::path::Path;

    #[test]
    fn every_template_is_a_scenario_without_a_warning() {
        let read = |_: &Path| -> io::Result<Vec<u8>> { Err(io::ErrorKind::NotFound.into()) };
        for template in &TEMPLATES {
            let text = template.text.as_bytes().to_vec();
            let scenario = scenario::load_text(Path::new(template.name), text, &read, &[]);
            let scenario = scenario.map_err(|problems| problems.render_plain()).unwrap();
            assert!(scenario.warnings.is_empty() && scenario.notes.is_empty(), "{}", template.name);
        }
    }
}
