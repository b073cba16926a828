//! `hostsync once --dry-run`: what would be written, as a unified diff.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use similar::TextDiff;

/// How many lines around a change are shown.
const CONTEXT: usize = 3;
/// How long the shortest difference is looked for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What turns one text of the file into the other; none where both map the same, however that is written.
pub(super) fn changes(path: &Path, before: &[u8], after: &[u8]) -> Option<String> {
    let (before, after) = (
        String::from_utf8_lossy(before),
        String::from_utf8_lossy(after),
    );
    if said(&before) == said(&after) {
        return None;
    }
    let mut config = TextDiff::configure();
    let diff = config.timeout(PATIENCE).diff_lines(&*before, &*after);
    let path = path.display().to_string();
    let mut diff = diff.unified_diff();
    let text = diff
        .context_radius(CONTEXT)
        .header(&path, &format!("{path} (dry run)"))
        .to_string();
    Some(text)
}

/// The mappings of a text. Written in slots, they have blanks behind them and no order.
fn said(text: &str) -> BTreeSet<Vec<&str>> {
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    words.filter(|words| !words.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_shown_with_what_stands_around_it() {
        let before = b"127.0.0.1 localhost\n# BEGIN hostsync\n10.0.0.1 db\n# END hostsync\n";
        let after = b"127.0.0.1 localhost\n# BEGIN hostsync\n10.0.0.2 db\n# END hostsync\n";
        assert_eq!(
            changes(Path::new("/etc/hosts"), before, after).unwrap(),
            "--- /etc/hosts\n+++ /etc/hosts (dry run)\n@@ -1,4 +1,4 @@\n 127.0.0.1 localhost\n \
             # BEGIN hostsync\n-10.0.0.1 db\n+10.0.0.2 db\n # END hostsync\n"
        );
    }

    #[test]
    fn what_is_only_written_in_another_way_is_no_difference() {
        let replaced =
            b"127.0.0.1 localhost\n# BEGIN hostsync\n10.0.0.1 a\n10.0.0.2 b\n# END hostsync\n";
        let slots = b"127.0.0.1 localhost\n# BEGIN hostsync\n10.0.0.2 b    \n10.0.0.1 a  \n#       \n# END hostsync\n";
        assert_eq!(changes(Path::new("hosts"), slots, replaced), None);
        assert_eq!(changes(Path::new("hosts"), b"", b""), None);
    }
}
