//! Rows of text in columns, for people.

use std::fmt;
use std::time::Duration;

use plain::plain;

/// Rows in columns as wide as what stands in them, under a heading each. The last one is not filled up.
#[derive(Debug, Clone)]
pub struct Table<const N: usize> {
    heading: [&'static str; N],
    rows: Vec<[String; N]>,
    /// As wide as that are the columns at least.
    least: [usize; N],
    is_headed: bool,
}

impl<const N: usize> Table<N> {
    /// No rows yet.
    pub fn new(heading: [&'static str; N]) -> Self {
        Self {
            heading,
            rows: Vec::new(),
            least: heading.map(str::len),
            is_headed: true,
        }
    }

    /// A table to be shown below this one: without a heading, in columns that are no narrower.
    #[must_use]
    pub fn below(&self) -> Self {
        Self {
            heading: self.heading,
            rows: Vec::new(),
            least: self.widths(),
            is_headed: false,
        }
    }

    /// One more row. No cell of it ends a line or drives a terminal; an empty one is shown as `-`.
    pub fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| match plain(&cell) {
            text if text.is_empty() => "-".to_owned(),
            text => text.into_owned(),
        }));
    }

    /// How wide each column is, in characters.
    fn widths(&self) -> [usize; N] {
        let mut widths = self.least;
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        widths
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let heading = self.heading.map(str::to_owned);
        let heading = Some(&heading).filter(|_| self.is_headed);
        for row in heading.into_iter().chain(&self.rows) {
            for (place, (cell, width)) in row.iter().zip(widths).enumerate() {
                match place + 1 == N {
                    true => writeln!(f, "{cell}")?,
                    false => write!(f, "{cell:width$}  ")?,
                }
            }
        }
        Ok(())
    }
}

/// A span of time in its largest unit, rounded down: `7s`, `12m`, `5h`, `3d`.
pub fn age(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_begin_below_each_other_and_no_cell_leaves_its_line() {
        let mut table = Table::new(["NAME", "ZNODE"]);
        table.row(["primary.db".into(), "/db/primary".into()]);
        table.row([String::new(), "/a\nb\u{1b}[2J".into()]);
        assert_eq!(
            table.to_string(),
            "NAME        ZNODE\n\
             primary.db  /db/primary\n\
             -           /a\\nb\\u001b[2J\n"
        );
        let mut below = table.below();
        below.row(["db".into(), "/db".into()]);
        assert_eq!(below.to_string(), "db          /db\n");
    }

    #[test]
    fn an_age_has_one_unit() {
        let of = |seconds| age(Duration::from_secs(seconds));
        assert_eq!([0, 59, 60, 3_599].map(of), ["0s", "59s", "1m", "59m"]);
        assert_eq!([3_600, 86_399, 86_400].map(of), ["1h", "23h", "1d"]);
    }
}
