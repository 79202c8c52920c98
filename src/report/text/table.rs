//! Columns of text that line up, and the only place that knows about colour.
//!
//! A cell says how it leans and in which tone it speaks; colour is an ornament and never carries meaning, so that the
//! plain look loses nothing. Text from a scenario is cleaned of control characters here, once, so that no title can
//! drive a terminal. Widths count characters: a wide script may stand a little off its column.

/// With or without the escape codes of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Text alone.
    Plain,
    /// Bold headings, green and red marks, faint intervals.
    Colour,
}

/// How a piece of text speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// A heading or the figure that counts.
    Strong,
    /// Beside the point.
    Faint,
    /// Good news.
    Good,
    /// Bad news.
    Bad,
    /// No news.
    Doubt,
}

impl Look {
    /// `text` in this tone.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let code = match (self, tone) {
            (Look::Plain, _) | (Look::Colour, Tone::Plain) => return text.to_owned(),
            (Look::Colour, Tone::Strong) => "1",
            (Look::Colour, Tone::Faint) => "2",
            (Look::Colour, Tone::Good) => "32",
            (Look::Colour, Tone::Bad) => "31",
            (Look::Colour, Tone::Doubt) => "33",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// `text` without control characters, so that it cannot drive a terminal.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// One cell of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
    right: bool,
}

impl Cell {
    /// Text that begins where its column begins.
    pub fn left(text: impl AsRef<str>) -> Cell {
        Cell { text: clean(text.as_ref()), tone: Tone::Plain, right: false }
    }

    /// Text that ends where its column ends.
    pub fn right(text: impl AsRef<str>) -> Cell {
        Cell { right: true, ..Cell::left(text) }
    }

    /// The same in another tone.
    pub fn toned(self, tone: Tone) -> Cell {
        Cell { tone, ..self }
    }
}

/// Rows whose cells stand in columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// No rows yet.
    pub fn new() -> Table {
        Table::default()
    }

    /// Adds a row below.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Adds the rows of another table below.
    pub fn append(&mut self, other: Table) {
        self.rows.extend(other.rows);
    }

    /// Are there no rows?
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table with `indent` blanks before each line and two between columns, no line ending in a blank. A column
    /// without text takes no room.
    pub fn render(&self, indent: usize, look: Look) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(Cell::width).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        let mut out = String::new();
        for row in &self.rows {
            let (mut line, mut pending) = (String::new(), indent);
            for (cell, &width) in row.iter().zip(&widths).filter(|(_, width)| **width > 0) {
                let rest = width - cell.width();
                let (before, after) = if cell.right { (rest, 0) } else { (0, rest) };
                if cell.text.is_empty() {
                    pending += width + 2;
                    continue;
                }
                line.push_str(&" ".repeat(pending + before));
                line.push_str(&look.paint(cell.tone, &cell.text));
                pending = after + 2;
            }
            out.push_str(&line);
            out.push('\n');
        }
        out
    }
}

impl Cell {
    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Look, Table, Tone};

    #[test]
    fn columns_line_up_and_no_line_ends_in_a_blank() {
        let mut table = Table::new();
        table.row(vec![Cell::left("a"), Cell::right("1"), Cell::left("x")]);
        table.row(vec![Cell::left("long"), Cell::right("200"), Cell::left("")]);
        assert_eq!(table.render(2, Look::Plain), "  a       1  x\n  long  200\n");
    }

    #[test]
    fn a_title_cannot_drive_the_terminal() {
        let mut table = Table::new();
        table.row(vec![Cell::left("\x1b[2Jboo").toned(Tone::Strong)]);
        assert_eq!(table.render(0, Look::Plain), "\u{fffd}[2Jboo\n");
        assert_eq!(table.render(0, Look::Colour), "\x1b[1m\u{fffd}[2Jboo\x1b[0m\n");
    }
}
