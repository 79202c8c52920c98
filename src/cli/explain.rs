//! `explain`: the long form of a scenario, or what a law amounts to.

use super::args::{ExplainArgs, Talk};
use super::{Exit, Refusal, input, output};
use ninefold::model::dist::{LawDescription, Quantity};
use ninefold::report::number;
use ninefold::scenario;
use ninefold::time::YEAR_S;
use std::fmt::Write as _;

/// Prints every key in force, defaults marked; of a law its mean, quantiles and parameters.
///
/// # Errors
/// If the scenario or the law is refused or a file fails.
pub fn explain(args: &ExplainArgs, talk: Talk) -> anyhow::Result<Exit> {
    let text = match law(args)? {
        Some(law) => of_law(&law),
        None => of_scenario(args, talk)?,
    };
    output::write(text.as_bytes(), args.output.as_deref())?;
    Ok(Exit::Fine)
}

fn of_scenario(args: &ExplainArgs, talk: Talk) -> anyhow::Result<String> {
    let loaded = input::scenario(&args.what, &args.changes, talk)?;
    let mut text = loaded.scenario.explanation.to_string();
    for note in &loaded.scenario.notes {
        text.push_str("# note: ");
        text.push_str(note);
        text.push('\n');
    }
    Ok(text)
}

/// The law that the argument spells; a file of that name comes first, and what has no bracket and is no law is meant
/// to be a file.
fn law(args: &ExplainArgs) -> anyhow::Result<Option<LawDescription>> {
    let Some(text) = args.what.to_str().filter(|text| *text != "-" && !args.what.exists()) else { return Ok(None) };
    match scenario::load_law(text, &input::file) {
        Ok(law) if args.changes.overrides().is_empty() => Ok(Some(law.describe())),
        Ok(_) => anyhow::bail!(Refusal(format!("error: `{text}` is a law; changes are for scenarios"))),
        Err(problems) if text.contains('(') => anyhow::bail!(Refusal(problems.render_plain())),
        Err(_) => Ok(None),
    }
}

fn of_law(law: &LawDescription) -> String {
    let seconds = |seconds: f64| {
        if seconds.is_finite() { exactly(seconds, number::duration(seconds)) } else { "infinite".to_owned() }
    };
    let mut lines = vec![
        ("mean".to_owned(), seconds(law.mean_s)),
        ("sd".to_owned(), seconds(law.sd_s)),
        ("median".to_owned(), seconds(law.p50_s)),
        ("p90".to_owned(), seconds(law.p90_s)),
        ("p95".to_owned(), seconds(law.p95_s)),
        ("p99".to_owned(), seconds(law.p99_s)),
    ];
    let known = lines.len();
    for (name, quantity) in &law.parameters {
        let value = match *quantity {
            Quantity::Seconds(value) => seconds(value),
            Quantity::PerSecond(rate) => format!("{}/s   {}/y", figures(rate), figures(rate * YEAR_S)),
            Quantity::Share(share) => format!("{}%", figures(share * 100.0)),
            Quantity::Number(value) if value.is_infinite() => "infinite".to_owned(),
            Quantity::Number(value) => figures(value),
        };
        lines.push(((*name).to_owned(), value));
    }
    let mut text = format!("{}\n\n", law.law);
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (index, (name, value)) in lines.iter().enumerate() {
        if index == known {
            text.push_str("\nparameters\n");
        }
        let _ = writeln!(text, "  {name:<width$}  {value}");
    }
    text
}

/// The words, and the same in seconds with six digits.
fn exactly(seconds: f64, words: String) -> String {
    let plain = format!("{}s", figures(seconds));
    if words == plain { words } else { format!("{words:<10} {plain}") }
}

/// Six significant digits without trailing zeros.
fn figures(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor();
    if !(-5.0..15.0).contains(&magnitude) {
        return format!("{value:.5e}");
    }
    let text = format!("{value:.0$}", (5.0 - magnitude).max(0.0) as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::figures;

    #[test]
    fn a_figure_has_six_digits_at_most() {
        assert_eq!(figures(1.0 / 3.0), "0.333333");
        assert_eq!(figures(7.7e-6), "7.70000e-6");
        assert_eq!(figures(1_234_567.8), "1234568");
        assert_eq!(figures(8_295.78), "8295.78");
        assert_eq!(figures(100.0), "100");
        assert_eq!(figures(0.0), "0");
    }
}
