//! Tables without lines: columns for people, still easy to cut for programs.

use comfy_table::{Attribute, Color, ContentArrangement, presets};

use super::escape::line;

/// What a cell wants to say beside its words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing.
    #[default]
    Plain,
    /// Done, fresh, given back.
    Good,
    /// Under way.
    Busy,
    /// To be looked at: stale, pending.
    Attention,
    /// Gone, refused, turned away.
    Bad,
    /// Less important than the rest.
    Faint,
}

/// One cell. What it holds may come from anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell that says something beside its words.
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, Tone::Plain)
    }
}

/// Rows below a line of names.
#[derive(Clone, Debug, Default)]
pub struct Table {
    names: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table of these columns, without rows.
    pub fn new(names: impl Into<Vec<&'static str>>) -> Self {
        Self { names: names.into(), rows: Vec::new() }
    }

    /// And this row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as text, no wider than `width`; without one, each row is one line.
    pub fn text(&self, width: Option<u16>) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).enforce_styling().style_text_only();
        match width {
            Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        table.set_header(self.names.iter().map(|name| comfy_table::Cell::new(name).add_attribute(Attribute::Bold)));
        for row in &self.rows {
            table.add_row(row.iter().map(styled));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        table.lines().map(|line| line.trim_end().to_string() + "\n").collect()
    }
}

fn styled(cell: &Cell) -> comfy_table::Cell {
    let styled = comfy_table::Cell::new(line(&cell.text));
    match cell.tone {
        Tone::Plain => styled,
        Tone::Good => styled.fg(Color::Green),
        Tone::Busy => styled.fg(Color::Cyan),
        Tone::Attention => styled.fg(Color::Yellow),
        Tone::Bad => styled.fg(Color::Red),
        Tone::Faint => styled.add_attribute(Attribute::Dim),
    }
}
