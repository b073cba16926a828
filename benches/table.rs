//! Figures of one run and their ratios, as a table.

use std::time::Duration;

/// Times of one thing that was done again and again.
#[derive(Debug, Clone)]
pub struct Times(Vec<Duration>);

impl Times {
    /// The times, in any order.
    ///
    /// # Panics
    /// If there are none.
    pub fn new(mut times: Vec<Duration>) -> Self {
        assert!(!times.is_empty(), "nothing was measured");
        times.sort_unstable();
        Self(times)
    }

    /// The time that `share` of all (0.5 for the median) do not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        let last = self.0.len() - 1;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to last"
        )]
        let at = (share * last as f64).round() as usize;
        self.0[at.min(last)]
    }

    /// The median.
    pub fn p50(&self) -> Duration {
        self.quantile(0.5)
    }

    /// The time that 99 of 100 do not exceed.
    pub fn p99(&self) -> Duration {
        self.quantile(0.99)
    }

    /// How often it was done.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// `1.234 ms`
pub fn millis(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

/// `1.23 ×`
pub fn ratio(time: Duration, floor: Duration) -> String {
    format!("{:.2} ×", time.as_secs_f64() / floor.as_secs_f64())
}

/// Prints rows under a heading, each column as wide as its widest cell.
pub fn print(heading: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells
            .chain([heading[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<_> = (0..heading.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, &width))| match column {
                0 => format!("{cell:width$}"),
                _ => format!("{cell:>width$}"),
            });
        println!("{}", padded.collect::<Vec<_>>().join("  ").trim_end());
    };
    line(&mut heading.iter().copied());
    line(
        &mut widths
            .iter()
            .map(|&width| "─".repeat(width))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str),
    );
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    println!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles() {
        let times = Times::new((1..=100).rev().map(Duration::from_millis).collect());
        assert_eq!(times.p50(), Duration::from_millis(51));
        assert_eq!(times.p99(), Duration::from_millis(99));
        assert_eq!(ratio(times.p50(), Duration::from_millis(34)), "1.50 ×");
        assert_eq!(millis(Duration::from_micros(1500)), "1.500 ms");
    }
}
