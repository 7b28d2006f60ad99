//! What text for people is laid out with: colours, tables that fit the width, bars.
//!
//! Colours are escape codes in the text; whoever writes it takes them out where they are not wanted.

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Row, Table, Width, presets};

/// What text is laid out for. Without a width, as in a pipe, no line is broken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Screen {
    /// Characters of a line.
    pub width: Option<u16>,
}

impl Screen {
    /// The terminal behind standard output; else what `COLUMNS` says, as logs of CI may.
    pub fn current() -> Self {
        let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
        let terminal = std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
        let width = terminal.map(|(width, _)| width.0).or_else(columns);
        // Less than this is no screen, but a mistake.
        Self { width: width.filter(|width| *width >= 20) }
    }
}

/// What a piece of text says by its colour. The text says it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be; also what is created.
    Good,
    /// To be looked at; also what is updated.
    Warning,
    /// Wrong; also what is deleted.
    Bad,
    /// Wrong and in the way: a replacement, what is lost.
    Danger,
    Unknown,
    /// What explains other text.
    Quiet,
    Strong,
}

const TONES: [Tone; 7] = [Tone::Good, Tone::Warning, Tone::Bad, Tone::Danger, Tone::Unknown, Tone::Quiet, Tone::Strong];

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Good => AnsiColor::Green.on_default(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::Danger => AnsiColor::Red.on_default().bold(),
            Self::Unknown => AnsiColor::Magenta.on_default(),
            Self::Quiet => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
        }
    }
}

/// The text in the tone's colour.
pub fn paint(text: &str, tone: Tone) -> String {
    let style = tone.style();
    if text.is_empty() { String::new() } else { format!("{style}{text}{style:#}") }
}

/// Signs of no width around text of a cell: a table measures them as nothing, and the layout keeps them.
const MARKS: u32 = 0xE0100;
const END: char = '\u{E01EF}';

/// Text for a cell of a table, in the tone's colour.
pub fn toned(text: &str, tone: Tone) -> String {
    let index = TONES.iter().position(|other| *other == tone).unwrap_or(0) as u32;
    let mark = char::from_u32(MARKS + index).unwrap_or(END);
    if text.is_empty() { String::new() } else { format!("{mark}{text}{END}") }
}

/// The colours in the place of the marks.
fn coloured(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut open: Option<Style> = None;
    for letter in line.chars() {
        let tone = (letter as u32).checked_sub(MARKS).and_then(|index| TONES.get(index as usize));
        match (letter, tone) {
            (END, _) => out.extend(open.take().map(|style| format!("{style:#}"))),
            (_, Some(tone)) => {
                let style = tone.style();
                out.push_str(&style.to_string());
                open = Some(style);
            }
            _ => out.push(letter),
        }
    }
    // Text that was cut has lost its end.
    out.extend(open.map(|style| format!("{style:#}")));
    out
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    heading: &'static str,
    right: bool,
    /// Left out where lines are too short, those with the highest number first.
    hidden: Option<u8>,
    long: Long,
}

/// What becomes of text that is too long for its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Long {
    /// Nothing: the column is as wide as its text.
    Kept,
    /// It is broken into several lines.
    Broken,
    /// It is cut, so that a row stays one line.
    Cut,
}

/// A column of text.
pub const fn left(heading: &'static str) -> Column {
    Column { heading, right: false, hidden: None, long: Long::Kept }
}

/// A column of numbers.
pub const fn right(heading: &'static str) -> Column {
    Column { heading, right: true, hidden: None, long: Long::Kept }
}

impl Column {
    /// Left out where lines are too short; those with the highest number first.
    pub const fn hidden(self, order: u8) -> Self {
        Self { hidden: Some(order), ..self }
    }

    /// Its text is broken into several lines where it is too long.
    pub const fn broken(self) -> Self {
        Self { long: Long::Broken, ..self }
    }

    /// Its text is cut where it is too long, so that a row stays one line.
    pub const fn cut(self) -> Self {
        Self { long: Long::Cut, ..self }
    }
}

/// Characters between two columns.
const GAP: u16 = 2;
/// Characters that a column keeps whose text is broken or cut.
const LEAST: u16 = 24;

impl Screen {
    /// A table without lines, indented by `indent`; columns without any text are left out. What is left out for want of
    /// width is named below it.
    pub fn table<R>(self, indent: u16, columns: &[Column], rows: R) -> String
    where
        R: IntoIterator<Item = Vec<String>>,
    {
        let rows: Vec<Vec<String>> = rows.into_iter().collect();
        if rows.is_empty() {
            return String::new();
        }
        let is_empty = |index: usize| rows.iter().all(|row| row.get(index).is_none_or(String::is_empty));
        let empty: Vec<bool> = (0..columns.len()).map(is_empty).collect();
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_truncation_indicator("…");
        table.set_header(columns.iter().map(|column| toned(column.heading, Tone::Strong)));
        let one_line = columns.iter().any(|column| column.long == Long::Cut);
        for cells in rows {
            let mut row = Row::from(cells);
            if one_line {
                row.max_height(1);
            }
            table.add_row(row);
        }
        let natural = table.column_max_content_widths();
        let width = self.width.map(|width| width.saturating_sub(indent));
        let hidden = hidden(columns, &natural, &empty, width);
        for (index, column) in columns.iter().enumerate() {
            let Some(styled) = table.column_mut(index) else { continue };
            styled.set_padding((0, GAP));
            if column.right {
                styled.set_cell_alignment(CellAlignment::Right);
            }
            if hidden[index] || empty[index] {
                styled.set_constraint(ColumnConstraint::Hidden);
            }
        }
        if let Some(width) = width {
            fit(&mut table, columns, &natural, &hidden, &empty, width);
        }
        let margin = " ".repeat(usize::from(indent));
        let line = |line: String| format!("{margin}{}\n", coloured(line.trim_end()));
        let mut text: String = table.lines().map(line).collect();
        let left_out = columns.iter().zip(&hidden).filter(|(_, hidden)| **hidden).map(|(column, _)| column.heading);
        let left_out: Vec<&str> = left_out.collect();
        if !left_out.is_empty() {
            let said = format!("(too narrow for {})", left_out.join(", "));
            text.push_str(&format!("{margin}{}\n", paint(&said, Tone::Quiet)));
        }
        text
    }
}

/// Characters before the text behind a label.
const LABEL: usize = 14;

impl Screen {
    /// Text whose lines are broken between words where they are too long; what follows is indented by four more.
    pub fn wrapped(self, text: &str) -> String {
        text.lines().map(|line| self.broken(line, line.len() - line.trim_start().len() + 4)).collect()
    }

    /// A label and the text behind it, whose lines stand below each other.
    pub fn labelled(self, label: &str, text: &str) -> String {
        self.broken(&format!("  {label:<width$}{text}", width = LABEL - 2), LABEL)
    }

    /// A line, broken between words where it is too long; what follows is indented by so much.
    fn broken(self, line: &str, indent: usize) -> String {
        let length = |text: &str| anstream::adapter::strip_str(text).to_string().chars().count();
        let Some(width) = self.width.map(usize::from).filter(|width| length(line) > *width) else {
            return format!("{line}\n");
        };
        let (mut out, mut column) = (String::new(), 0);
        for word in line.split_inclusive(' ') {
            let letters = length(word.trim_end());
            if column + letters > width && column > indent {
                out.truncate(out.trim_end().len());
                out.push_str(&format!("\n{}", " ".repeat(indent)));
                column = indent;
            }
            out.push_str(word);
            column += length(word);
        }
        out + "\n"
    }
}

/// Which columns are left out, so that the rest fits.
fn hidden(columns: &[Column], natural: &[u16], empty: &[bool], width: Option<u16>) -> Vec<bool> {
    let mut hidden = vec![false; columns.len()];
    let Some(width) = width else { return hidden };
    let needs = |index: usize| match columns[index].long {
        Long::Broken | Long::Cut => natural[index].min(LEAST),
        Long::Kept => natural[index],
    };
    loop {
        let shown = || (0..columns.len()).filter(|index| !hidden[*index] && !empty[*index]);
        let sum: u16 = shown().map(|index| needs(index) + GAP).sum::<u16>().saturating_sub(GAP);
        match shown().filter_map(|index| Some((columns[index].hidden?, index))).max() {
            Some((_, index)) if sum > width => hidden[index] = true,
            _ => return hidden,
        }
    }
}

/// Shares what is left of the width among the columns that may be broken or cut.
fn fit(table: &mut Table, columns: &[Column], natural: &[u16], hidden: &[bool], empty: &[bool], width: u16) {
    let shown: Vec<usize> = (0..columns.len()).filter(|index| !hidden[*index] && !empty[*index]).collect();
    let sum: u16 = shown.iter().map(|index| natural[*index] + GAP).sum::<u16>().saturating_sub(GAP);
    if sum <= width {
        return;
    }
    // The gap behind the last column is white space, which is taken away.
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width + GAP);
    let is_flexible = |index: &&usize| columns[**index].long != Long::Kept;
    let mut flexible: Vec<usize> = shown.iter().filter(is_flexible).copied().collect();
    let rigid: u16 = shown.iter().filter(|index| !flexible.contains(index)).map(|index| natural[*index] + GAP).sum();
    let mut left = (width + GAP).saturating_sub(rigid);
    // The narrowest first: what they do not take is for the others.
    flexible.sort_by_key(|index| natural[*index]);
    for (number, index) in flexible.iter().enumerate() {
        let others = (flexible.len() - number) as u16;
        let share = (left / others).saturating_sub(GAP).max(1).min(natural[*index]);
        left = left.saturating_sub(share + GAP);
        if let Some(column) = table.column_mut(*index) {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(share + GAP)));
        }
    }
}

/// Characters of a bar.
const CELLS: usize = 10;

/// A bar of ten characters for a share in percent: full from 100 on, and never empty where there is something.
pub fn bar(percent: u64) -> String {
    bar_of(percent, CELLS)
}

/// The same with so many characters.
pub fn bar_of(percent: u64, cells: usize) -> String {
    let cells = cells as u64;
    let filled = ((percent.min(100) * cells + 50) / 100).max(u64::from(percent > 0));
    (0..cells).map(|cell| if cell < filled { '█' } else { '░' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [left("STATE"), right("NUMBER").hidden(1), left("PLACE").hidden(2), left("WHY").cut()];

    fn rows() -> Vec<Vec<String>> {
        let why = "it was not checked since the last update of its stack";
        [("drifted", "1", "eu-west-1", why), ("current", "10", "us-east-1", "")]
            .map(|(state, number, place, why)| {
                [toned(state, Tone::Bad), number.to_owned(), place.to_owned(), why.to_owned()].to_vec()
            })
            .to_vec()
    }

    #[test]
    fn no_line_is_longer_than_the_screen_and_a_row_that_is_cut_stays_one_line() {
        for width in [40, 60, 80, 100, 120, 147] {
            let text = Screen { width: Some(width) }.table(2, &COLUMNS, rows());
            let plain = anstream::adapter::strip_str(&text).to_string();
            for line in plain.lines() {
                assert!(line.chars().count() <= usize::from(width), "{width}: {line}");
            }
            let drifted = plain.lines().filter(|line| line.contains("drifted"));
            assert_eq!(drifted.count(), 1, "{plain}");
            assert_eq!(plain.contains("too narrow for"), width < 60, "{width}: {plain}");
        }
    }

    #[test]
    fn without_a_width_nothing_is_left_out_or_cut_and_colours_surround_the_text_alone() {
        let text = Screen::default().table(0, &COLUMNS, rows());
        assert!(text.contains("its stack\n") && !text.contains('…'), "{text}");
        let red = format!("{}drifted{:#}  ", Tone::Bad.style(), Tone::Bad.style());
        assert!(text.contains(&red), "{text:?}");
    }

    #[test]
    fn long_lines_are_broken_between_words_and_colours_take_no_room() {
        let text = format!("  {} one two three four five six\nshort\n", paint("warning", Tone::Warning));
        let wrapped = Screen { width: Some(20) }.wrapped(&text);
        let plain = anstream::adapter::strip_str(&wrapped).to_string();
        assert_eq!(plain, "  warning one two\n      three four\n      five six\nshort\n");
        assert_eq!(Screen::default().wrapped(&text), text);
        let labelled = Screen { width: Some(26) }.labelled("means", "one two three four");
        assert_eq!(labelled, "  means       one two\n              three four\n");
    }

    #[test]
    fn a_column_without_text_is_left_out() {
        let rows = rows().into_iter().map(|mut row| {
            row[2].clear();
            row
        });
        assert!(!Screen::default().table(0, &COLUMNS, rows).contains("PLACE"));
    }

    #[test]
    fn a_bar_shows_tenths_and_never_nothing_for_something() {
        let cases = [(0, "░░░░░░░░░░"), (1, "█░░░░░░░░░"), (54, "█████░░░░░"), (95, "██████████"), (300, "██████████")];
        for (percent, expected) in cases {
            assert_eq!(bar(percent), expected, "{percent}");
        }
    }
}
