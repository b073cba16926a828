//! Flags before the subcommand that they belong to.

use std::ffi::OsString;

use clap::{Arg, Command};

/// The arguments (the first is the program) with those flags behind the subcommand that stand before it and are
/// the subcommand's, in their order. Anything else stays as it is, for clap to judge.
pub(super) fn behind_subcommand(command: &Command, mut arguments: Vec<OsString>) -> Vec<OsString> {
    let (mut at, mut moved) = (1, Vec::new());
    let mut flags: Vec<(Flag, usize, usize)> = Vec::new();
    // Where the subcommand stands is known once it is known which flags before it take a value.
    while let Some(word) = arguments.get(at).and_then(|word| word.to_str()) {
        if let Some(below) = command.find_subcommand(word) {
            let is_its = |flag: &Flag| find(below, flag).is_some();
            if flags.iter().any(|(flag, ..)| !is_its(flag)) {
                return arguments;
            }
            for (_, from, to) in flags.into_iter().rev() {
                moved.splice(..0, arguments.drain(from..to));
                at -= to - from;
            }
            arguments.splice(at + 1..at + 1, moved);
            return arguments;
        }
        let Some(flag) = Flag::read(word) else {
            return arguments;
        };
        let own = find(command, &flag).is_some();
        let mut below = command.get_subcommands();
        let Some(argument) =
            find(command, &flag).or_else(|| below.find_map(|each| find(each, &flag)))
        else {
            return arguments;
        };
        let words = if argument.get_action().takes_values() && !flag.has_value {
            2
        } else {
            1
        };
        if !own {
            flags.push((flag, at, (at + words).min(arguments.len())));
        }
        at += words;
    }
    arguments
}

/// A word that is a flag.
struct Flag {
    long: Option<String>,
    short: Option<char>,
    has_value: bool,
}

impl Flag {
    fn read(word: &str) -> Option<Self> {
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) = long
                .split_once('=')
                .map_or((long, None), |(n, v)| (n, Some(v)));
            return (!name.is_empty()).then(|| Self {
                long: Some(name.to_owned()),
                short: None,
                has_value: value.is_some(),
            });
        }
        let mut letters = word.strip_prefix('-')?.chars();
        let short = letters.next()?;
        Some(Self {
            long: None,
            short: Some(short),
            has_value: letters.next().is_some(),
        })
    }
}

fn find<'c>(command: &'c Command, flag: &Flag) -> Option<&'c Arg> {
    command.get_arguments().find(|argument| match &flag.long {
        Some(long) => argument.get_long() == Some(long),
        None => argument.get_short() == flag.short,
    })
}

#[cfg(test)]
mod tests {
    use clap::{ArgAction, Command};

    use super::*;

    fn command() -> Command {
        let flags = || {
            [
                Arg::new("zookeeper").long("zookeeper").short('z'),
                Arg::new("json").long("json").action(ArgAction::SetTrue),
            ]
        };
        let config = Arg::new("config").long("config").global(true);
        let status = Command::new("status").args(flags());
        let run = Command::new("run")
            .args(flags())
            .arg(Arg::new("status").long("status"));
        Command::new("x").arg(config).subcommands([status, run])
    }

    #[test]
    fn flags_of_the_subcommand_go_behind_it_and_all_else_stays() {
        for (given, expected) in [
            ("x -z zk1 status", "x status -z zk1"),
            (
                "x -zzk1 --json status --json",
                "x status -zzk1 --json --json",
            ),
            (
                "x --zookeeper=zk1 --config f run",
                "x --config f run --zookeeper=zk1",
            ),
            // A value may be called like a subcommand.
            ("x -z status run", "x run -z status"),
            ("x status -z zk1", "x status -z zk1"),
            // Nothing that clap would not take behind the subcommand.
            ("x --status a status", "x --status a status"),
            ("x --other status", "x --other status"),
            ("x -z", "x -z"),
            ("x word -z status", "x word -z status"),
            ("x -- status", "x -- status"),
        ] {
            let words = given.split(' ').map(OsString::from).collect();
            let moved = behind_subcommand(&command(), words);
            let moved: Vec<_> = moved.iter().map(|word| word.to_str().unwrap()).collect();
            assert_eq!(moved.join(" "), expected);
        }
    }
}
