//! `nameserver top`: a page at the terminal of all that stands below `STATE`, as it changes.

mod page;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow};
use contract::State;
use daemon::{Signal, Signals, WrongUsage};
use log::LevelFilter;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use tokio::sync::{mpsc, watch};
use zookeeper::Session;

use crate::commands::block_on;
use crate::commands::cli::{PROGRAM, PlaceArgs};
use crate::observe::live::Live;
use page::Page;

/// How often ages are shown anew; nothing is asked for that.
const TICK: Duration = Duration::from_secs(1);

pub(super) fn top(args: &PlaceArgs) -> anyhow::Result<ExitCode> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        let error =
            anyhow!("top needs a terminal; see `nameserver status` and `nameserver monitor`");
        return Err(WrongUsage::new(error).into());
    }
    daemon::logging::to_stderr(LevelFilter::Off);
    let options = args.zookeeper.options()?;
    let servers = args.zookeeper.zookeeper.to_string();
    block_on(async {
        let mut signals = Signals::new().context("cannot listen to signals")?;
        let session = Session::start(options);
        args.zookeeper.connected(PROGRAM, &session).await?;
        let state = State::new(args.state.state.clone());
        let live = Live::new(state, watch::channel(None).1, &daemon::Limits::default());
        let mut news = live.news();
        let following = tokio::spawn(live.clone().follow(session.clone()));
        let mut keys = keys();
        let mut terminal = ratatui::init();
        let mut offset = 0;
        let outcome = loop {
            let page = Page {
                servers: &servers,
                told: live.told(SystemTime::now()),
                generations: live.generations(),
                offset,
            };
            if let Err(error) = terminal.draw(|frame| page.draw(frame)) {
                break Err(error).context("cannot draw");
            }
            tokio::select! {
                biased;
                signal = signals.next() => if matches!(signal, Signal::Stop(_)) {
                    break Ok(());
                },
                key = keys.recv() => match key {
                    Some(Key::Quit) | None => break Ok(()),
                    Some(Key::Down) => offset += 1,
                    Some(Key::Up) => offset = offset.saturating_sub(1),
                    Some(Key::Other) => {}
                },
                Ok(()) = news.changed() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        };
        ratatui::restore();
        following.abort();
        session.close().await;
        outcome.map(|()| ExitCode::SUCCESS)
    })
}

/// What a key asks for.
enum Key {
    Quit,
    Up,
    Down,
    /// Another one, or the window has another size.
    Other,
}

/// The keys as they are pressed, read by a thread of their own, which ends with the process.
fn keys() -> mpsc::Receiver<Key> {
    let (pressed, keys) = mpsc::channel(16);
    tokio::task::spawn_blocking(move || {
        while let Ok(event) = event::read() {
            let key = match event {
                Event::Key(key) if key.kind == KeyEventKind::Press => match key.code {
                    KeyCode::Char('q') | KeyCode::Esc => Key::Quit,
                    KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                        Key::Quit
                    }
                    KeyCode::Down | KeyCode::Char('j') => Key::Down,
                    KeyCode::Up | KeyCode::Char('k') => Key::Up,
                    _ => Key::Other,
                },
                _ => Key::Other,
            };
            if pressed.blocking_send(key).is_err() {
                return;
            }
        }
    });
    keys
}
