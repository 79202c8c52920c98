//! Marks on an axis of time: a line at each step, with its number and a word above, none in another's way.

use super::axis::Scale;
use super::canvas::{Anchor, DrawError, Drawing, GREY, width_of};
use super::{TICK, WIDTH, fitted};

/// Steps closer than this share their label.
const APART: f64 = 14.0;
/// Lines closer than this are one.
const LINES_APART: f64 = 4.0;
/// Height of a row of labels.
const ROW: f64 = 16.0;
/// Words of a label, at most.
const WORDS: usize = 3;
/// Room for a label, at most, and between two.
const WIDEST: f64 = 260.0;
const BETWEEN: f64 = 8.0;
/// No label reaches beyond; where there is no room for words its numbers stand alone.
const END: f64 = WIDTH - 8.0;

/// A label over the steps that it is of.
#[derive(Debug, PartialEq)]
struct Label {
    /// Where the first of its steps stands.
    at: f64,
    text: String,
    from: f64,
    to: f64,
    /// The rows are counted from below.
    row: usize,
}

/// Marks over panels.
#[derive(Debug)]
pub struct Marks {
    at: Vec<f64>,
    labels: Vec<Label>,
}

impl Marks {
    /// For steps at these seconds with these words, in the order of time.
    ///
    /// # Errors
    /// If the built-in font does not load.
    pub fn new(steps: &[(f64, &str)], x: Scale) -> Result<Marks, DrawError> {
        let at: Vec<f64> = steps.iter().map(|(seconds, _)| x.at(*seconds)).collect();
        let mut groups: Vec<(usize, usize)> = Vec::new();
        for index in 0..at.len() {
            match groups.last_mut() {
                Some((first, last)) if at[index] - at[*first] < APART => *last = index,
                Some(_) | None => groups.push((index, index)),
            }
        }
        let mut labels: Vec<Label> = Vec::new();
        // from the right: a label stands above those that it would run into, and its line passes left of them
        for &(first, last) in groups.iter().rev() {
            let words: Vec<&str> = steps[first..=last].iter().map(|(_, word)| *word).collect();
            let mut text = fitted(&text(first, last, &words), TICK, WIDEST)?;
            if at[first] + width_of(&text, TICK)? > END {
                text = numbers(first, last);
            }
            let wide = width_of(&text, TICK)?;
            let from = (at[first] - 3.0).min(END - wide);
            let to = from + wide;
            let below = labels.iter().filter(|other| other.from < to + BETWEEN && from < other.to + BETWEEN);
            let row = below.map(|other| other.row + 1).max().unwrap_or(0);
            labels.push(Label { at: at[first], text, from, to, row });
        }
        Ok(Marks { at, labels })
    }

    /// Height of the labels.
    pub fn height(&self) -> f64 {
        ROW * self.labels.iter().map(|label| label.row + 1).max().unwrap_or(0) as f64
    }

    /// The labels, and lines from them down to `bottom`, where the first panel begins.
    pub fn label(&self, drawing: &mut Drawing, bottom: f64) {
        for label in &self.labels {
            let y = bottom - ROW * (label.row as f64 + 0.5);
            drawing.line(&[(label.at, y + 7.0), (label.at, bottom)], 1.0, GREY);
            drawing.text((label.from, y), Anchor::Start, TICK, &label.text);
        }
    }

    /// Lines at all steps through what stands between `top` and `bottom`.
    pub fn lines(&self, drawing: &mut Drawing, (top, bottom): (f64, f64)) {
        let mut last = f64::NEG_INFINITY;
        for &at in &self.at {
            // of lines that would run together the first is drawn
            if at - last < LINES_APART {
                continue;
            }
            last = at;
            drawing.dashed(&[(at, top), (at, bottom)], 1.0, (3.0, 3.0), GREY);
        }
    }
}

/// `2-4`: those of steps, from one.
fn numbers(first: usize, last: usize) -> String {
    if first == last { (first + 1).to_string() } else { format!("{}-{}", first + 1, last + 1) }
}

/// `2-4 noticed, decided`: the numbers of the steps from one, and each word once.
fn text(first: usize, last: usize, words: &[&str]) -> String {
    let mut told: Vec<&str> = Vec::new();
    for word in words.iter().filter(|word| !word.is_empty()) {
        if !told.contains(word) {
            told.push(word);
        }
    }
    let more = if told.len() > WORDS { ", .." } else { "" };
    told.truncate(WORDS);
    format!("{} {}{more}", numbers(first, last), told.join(", ")).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Marks, text};
    use crate::report::plot::axis::Scale;

    #[test]
    fn a_label_tells_each_word_once() {
        assert_eq!(text(0, 0, &["fault"]), "1 fault");
        assert_eq!(text(1, 4, &["noticed", "noticed", "decided", "noticed"]), "2-5 noticed, decided");
        assert_eq!(text(1, 4, &["a", "b", "c", "d"]), "2-5 a, b, c, ..");
    }

    #[test]
    fn no_label_runs_into_another_or_into_its_line() {
        let x = Scale::linear(0.0, 100.0, 104.0, 928.0);
        let steps: Vec<(f64, &str)> = (0..24).map(|step| (f64::from(step * step) / 5.5, "promotion failed")).collect();
        let marks = Marks::new(&steps, x).unwrap();
        assert!(marks.labels.len() > 8, "{marks:?}");
        for (index, one) in marks.labels.iter().enumerate() {
            for (_, other) in marks.labels.iter().enumerate().filter(|(place, _)| *place != index) {
                let apart = one.to < other.from || other.to < one.from || one.row != other.row;
                assert!(apart, "{one:?} and {other:?}");
                // the line of the upper one passes beside the text of the lower
                let passes = one.row <= other.row || one.at < other.from || one.at > other.to;
                assert!(passes, "{one:?} through {other:?}");
            }
        }
    }
}
