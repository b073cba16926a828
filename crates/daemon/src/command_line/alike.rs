//! What somebody may have meant by a word that is none of ours.

use clap::Command;
use clap::error::{ContextKind, ContextValue};

/// How alike a word must be to be worth naming; clap asks as much of its own suggestions.
const ALIKE: f64 = 0.7;

/// Those of the known words that are like this one, the most alike first.
pub fn to<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Vec<&'k str> {
    let mut alike: Vec<(f64, &str)> = known
        .map(|each| (strsim::jaro(word, each), each))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .collect();
    alike.sort_by(|one, other| other.0.total_cmp(&one.0));
    alike.into_iter().map(|(_, each)| each).collect()
}

/// How many letters may be missing, too many, wrong or in each other's place in a misspelt subcommand.
const SLIPS: usize = 2;

/// The error of a subcommand that there is not, with the one that may be meant: of words as short as `rnu`, clap
/// finds none alike.
pub(super) fn suggesting(command: &Command, mut error: clap::Error) -> clap::Error {
    let has_one = error.get(ContextKind::SuggestedSubcommand).is_some();
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let names = command.get_subcommands().map(Command::get_name);
    let slips = names.map(|name| (strsim::damerau_levenshtein(word, name), name));
    let nearest = slips.filter(|(slips, name)| *slips <= SLIPS && *slips < name.len());
    let nearest = nearest.min().map(|(_, name)| name.to_owned());
    if let Some(nearest) = nearest.filter(|_| !has_one) {
        let nearest = ContextValue::Strings(vec![nearest]);
        error.insert(ContextKind::SuggestedSubcommand, nearest);
    }
    error
}
