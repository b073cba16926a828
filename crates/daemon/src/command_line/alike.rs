//! What somebody may have meant by a word that is none of ours.

/// How alike a word must be to be worth naming; clap asks as much of its own suggestions.
const ALIKE: f64 = 0.7;

/// Those of the known words that are like this one, the most alike first.
pub(super) fn to<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Vec<&'k str> {
    let mut alike: Vec<(f64, &str)> = known
        .map(|each| (strsim::jaro(word, each), each))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .collect();
    alike.sort_by(|one, other| other.0.total_cmp(&one.0));
    alike.into_iter().map(|(_, each)| each).collect()
}
