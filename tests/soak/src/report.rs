//! What was found, as a table.

use std::time::Duration;

use crate::check::Tally;
use crate::readers::Reader;

/// Prints what the readers of one file saw.
pub(crate) fn print(title: &str, length: Duration, tallies: &[(Reader, Tally)]) {
    println!("{title}, {} s", length.as_secs());
    println!(
        "  {:12} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "reader", "reads", "torn", "missing", "stale", "too slow"
    );
    for (reader, tally) in tallies {
        println!(
            "  {:12} {:>10} {:>10} {:>10} {:>10} {:>10}",
            reader.name(),
            tally.reads,
            tally.torn,
            tally.missing,
            tally.stale,
            tally.discarded
        );
    }
    let seen = tallies.iter().flat_map(|(_, tally)| &tally.rounds);
    let seen = seen.collect::<std::collections::HashSet<_>>().len();
    println!(
        "  readers saw {seen} different snapshots: {:.0} a second",
        seen as f64 / length.as_secs_f64()
    );
    for (reader, tally) in tallies {
        for example in &tally.examples {
            println!("  {}: {example}", reader.name());
        }
    }
}
