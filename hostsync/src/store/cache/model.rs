//! A disk that forgets: with its process killed at any step, and its power lost at any time, what is read
//! of it is a generation that was kept, and none that is older than the last one that is on disk.

use std::cell::RefCell;
use std::io::{self, Cursor};
use std::rc::Rc;

use proptest::prelude::*;

use super::disk::Disk;
use super::format::{self, Loaded};
use super::journal::Journal;
use super::{CacheError, Source};
use crate::follow::published::Published;
use crate::follow::published::tests::published;

/// So many bytes go to disk at once, or not.
const SECTOR: usize = 64;

/// A file: what is on disk, and what processes see.
#[derive(Debug, Clone, Default)]
struct File {
    durable: Vec<u8>,
    seen: Vec<u8>,
}

#[derive(Debug, Default)]
struct System {
    files: Vec<File>,
    /// Which file may have the name after a lost power: that of the last sync, or a later one. The last one
    /// is what processes see.
    names: Vec<Option<usize>>,
    open: Option<usize>,
    new: Option<usize>,
    /// After how many steps the process is killed.
    steps: Option<usize>,
}

#[derive(Debug, Clone, Default)]
struct Model(Rc<RefCell<System>>);

impl System {
    /// A killed process takes no step any more.
    fn step(&mut self) -> io::Result<()> {
        match &mut self.steps {
            Some(0) => return Err(io::Error::other("killed")),
            Some(steps) => *steps -= 1,
            None => {}
        }
        Ok(())
    }

    fn named(&self) -> Option<usize> {
        self.names.last().copied().flatten()
    }

    /// Adds bytes, or half of them where the process is killed meanwhile.
    fn add(&mut self, file: Option<usize>, bytes: &[u8]) -> io::Result<()> {
        let written = match self.step() {
            Ok(()) => bytes,
            Err(_) => &bytes[..bytes.len() / 2],
        };
        let file = &mut self.files[file.expect("it is open")];
        file.seen.extend(written);
        if written.len() < bytes.len() {
            return Err(io::Error::other("killed"));
        }
        Ok(())
    }

    fn sync(&mut self, file: Option<usize>) -> io::Result<()> {
        self.step()?;
        let file = &mut self.files[file.expect("it is open")];
        file.durable.clone_from(&file.seen);
        Ok(())
    }

    /// Of each sector that was not synced there is afterwards what is on disk, or what was written; as
    /// many of them as there were, as there are, or something in between.
    fn lose_power(&mut self, mut lot: impl FnMut() -> usize) {
        let name = self.names.get(lot() % self.names.len().max(1)).copied();
        self.names = vec![name.flatten()];
        for File { durable, seen } in &mut self.files {
            let (short, long) = (durable.len().min(seen.len()), durable.len().max(seen.len()));
            let length = short + (lot() % 3) * (long - short) / 2;
            let mut left = vec![0; length];
            for (at, bytes) in left.chunks_mut(SECTOR).enumerate() {
                let from = if lot().is_multiple_of(2) {
                    &*durable
                } else {
                    &*seen
                };
                for (byte, from) in bytes.iter_mut().zip(from.iter().skip(at * SECTOR)) {
                    *byte = *from;
                }
            }
            durable.clone_from(&left);
            *seen = left;
        }
    }
}

impl Model {
    fn read(&self, source: &Source) -> Result<Option<Loaded>, CacheError> {
        let system = self.0.borrow();
        let Some(file) = system.named() else {
            return Ok(None);
        };
        format::read(Cursor::new(&system.files[file].seen), Some(source)).map(Some)
    }
}

impl Disk for Model {
    type Id = usize;

    fn open(&mut self) -> io::Result<Option<(usize, u64)>> {
        let mut system = self.0.borrow_mut();
        system.step()?;
        system.open = system.named();
        Ok(system
            .open
            .map(|file| (file, system.files[file].seen.len() as u64)))
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut system = self.0.borrow_mut();
        system.step()?;
        let file = system.open.expect("it is open");
        system.files[file].seen.truncate(length as usize);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut system = self.0.borrow_mut();
        let file = system.open;
        system.add(file, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut system = self.0.borrow_mut();
        let file = system.open;
        system.sync(file)
    }

    fn create(&mut self) -> io::Result<()> {
        let mut system = self.0.borrow_mut();
        system.step()?;
        system.files.push(File::default());
        system.new = Some(system.files.len() - 1);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut system = self.0.borrow_mut();
        let file = system.new;
        system.add(file, bytes)
    }

    fn sync_new(&mut self) -> io::Result<()> {
        let mut system = self.0.borrow_mut();
        let file = system.new;
        system.sync(file)
    }

    fn rename(&mut self) -> io::Result<usize> {
        let mut system = self.0.borrow_mut();
        system.step()?;
        let file = system.new.take();
        system.names.push(file);
        Ok(file.expect("it was created"))
    }

    fn sync_name(&mut self) -> io::Result<()> {
        let mut system = self.0.borrow_mut();
        system.step()?;
        let name = system.named();
        system.names = vec![name];
        Ok(())
    }
}

/// What happens.
#[derive(Debug, Clone)]
enum Event {
    /// Generations are kept, in which one name each has another address or is gone.
    Keep(Vec<(u8, u8)>),
    /// The same, and the process is killed after so many steps.
    Kill(Vec<(u8, u8)>, usize),
    /// The power is lost, with these lots.
    Cut(Vec<u8>),
    /// The process ends and another one begins.
    Restart,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let changes = || prop::collection::vec((0u8..12, 0u8..5), 1..8);
    let event = prop_oneof![
        3 => changes().prop_map(Event::Keep),
        3 => (changes(), 0usize..30).prop_map(|(changes, steps)| Event::Kill(changes, steps)),
        3 => prop::collection::vec(any::<u8>(), 1..40).prop_map(Event::Cut),
        1 => Just(Event::Restart),
    ];
    prop::collection::vec(event, 1..12)
}

/// A system and the process that keeps what it applies.
struct Case {
    model: Model,
    source: Source,
    journal: Journal<Model>,
    /// All that was ever to be kept; each has a generation of its own, which is its place and one.
    applied: Vec<Published>,
    /// The newest that is on disk.
    durable: u64,
}

impl Case {
    fn new() -> Self {
        let source = Source {
            zookeeper: "zk1:2181".into(),
            state: "/nameserver".parse().unwrap(),
        };
        let model = Model::default();
        // Little, so that all is written anew now and then.
        let journal = Journal::new(model.clone(), source.clone(), None, 800);
        Self {
            model,
            source,
            journal,
            applied: Vec::new(),
            durable: 0,
        }
    }

    fn keep(&mut self, changes: Vec<(u8, u8)>) {
        for (name, last) in changes {
            let generation = self.applied.len() as u64 + 1;
            let mut next = published(5, generation as i64, generation, &[]);
            if let Some(last) = self.applied.last() {
                next.snapshot.hosts = last.snapshot.hosts.clone();
            }
            let change = published(5, 5, 1, &[(&format!("n{name:02}"), last)]);
            for (name, addresses) in &change.snapshot.hosts {
                match last {
                    0 => next.snapshot.hosts.remove(name),
                    _ => next.snapshot.hosts.insert(name.clone(), addresses.clone()),
                };
            }
            self.applied.push(next.clone());
            if self.journal.keep(&next).is_ok() {
                self.durable = generation;
            }
        }
    }

    /// Another process reads what is there, and goes on.
    fn restart(&mut self) -> Result<(), TestCaseError> {
        let mut system = self.model.0.borrow_mut();
        (system.open, system.new, system.steps) = (None, None, None);
        drop(system);
        let loaded = self.model.read(&self.source);
        let loaded = loaded.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
        let generation = loaded
            .as_ref()
            .map_or(0, |loaded| loaded.published.snapshot.generation);
        prop_assert!(
            generation >= self.durable,
            "{generation} < {}",
            self.durable
        );
        if let Some(loaded) = &loaded {
            prop_assert_eq!(&loaded.published, &self.applied[generation as usize - 1]);
        }
        self.journal = Journal::new(
            self.model.clone(),
            self.source.clone(),
            loaded.as_ref(),
            800,
        );
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_is_read_is_one_generation_and_none_that_is_too_old(events in events()) {
        let mut case = Case::new();
        for event in events {
            match event {
                Event::Keep(changes) => case.keep(changes),
                Event::Kill(changes, steps) => {
                    case.model.0.borrow_mut().steps = Some(steps);
                    case.keep(changes);
                    case.restart()?;
                }
                Event::Cut(lots) => {
                    let mut lots = lots.into_iter().cycle();
                    let mut system = case.model.0.borrow_mut();
                    system.lose_power(|| usize::from(lots.next().unwrap_or(0)));
                    drop(system);
                    case.restart()?;
                }
                Event::Restart => case.restart()?,
            }
        }
        case.restart()?;
    }
}
