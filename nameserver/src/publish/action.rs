//! What the core asks for, and what it is told: the words between it and the driver.

use contract::{Index, Page, Snapshot, State, ZnodePath};
use log::Level;
use zookeeper::Error;

/// A znode below `STATE` that the leader keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StateZnode {
    /// The snapshot.
    Hosts,
    /// By which settings its names are made.
    Settings,
    /// What is held of them.
    Hold,
}

impl StateZnode {
    /// Where it is.
    pub(super) fn path(self, state: &State) -> ZnodePath {
        match self {
            Self::Hosts => state.hosts(),
            Self::Settings => state.settings(),
            Self::Hold => state.hold(),
        }
    }
}

/// What is to be done next. Its answer, if it has one, comes before any other event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Says something in the log.
    Say(Level, String),
    /// Reads a znode; answered by [`Event::Read`].
    Read(StateZnode),
    /// Reads the pages of an index; answered by [`Event::PagesRead`].
    ReadPages(Index),
    /// Writes pages, which nobody names yet; answered by [`Event::PagesWritten`].
    WritePages(Vec<Page>),
    /// Writes pages, while other things go on. Some day [`Event::WrittenAhead`] tells of it.
    WriteAhead(Vec<Page>),
    /// Lists the pages; answered by [`Event::PagesListed`].
    ListPages,
    /// Deletes pages, in transactions with the check that this replica leads; answered by
    /// [`Event::PagesDeleted`].
    DeletePages(Vec<String>),
    /// Creates what candidates and agents need, where it is missing; answered by
    /// [`Event::Prepared`].
    Prepare,
    /// Stands for election. Nobody waits for the outcome, which is [`Event::Elected`] or
    /// [`Event::NotElected`] some day.
    Stand,
    /// Gives up leadership or candidacy.
    Resign,
    /// Writes, in one transaction with the check that this replica leads; answered by
    /// [`Event::Written`].
    Write(Write),
}

/// One write of the leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Write {
    /// Creates a znode.
    Create(StateZnode, Vec<u8>),
    /// Sets a znode's data, when it still has the given version.
    Set(StateZnode, Vec<u8>, Option<i32>),
    /// Deletes a znode.
    Delete(StateZnode),
}

/// What happened.
#[derive(Debug)]
pub(super) enum Event {
    /// There is a connection, and all is watched: what changed before is told by nobody.
    Connected(Continuity),
    /// A znode was written or deleted, perhaps by this replica.
    Changed(StateZnode),
    /// This replica leads.
    Elected,
    /// It neither leads nor stands any more; none where nobody knows why.
    NotElected(Option<Error>),
    /// What a znode holds; none where there is no such znode.
    Read(StateZnode, Result<Option<Found>, Error>),
    /// What candidates and agents need is there, or why not.
    Prepared(Result<(), Error>),
    /// The names of an index, or why they cannot be used.
    PagesRead(Result<Result<Snapshot, String>, Error>),
    /// All pages are there, or why not.
    PagesWritten(Result<(), Error>),
    /// As [`Event::PagesWritten`], of those that were written ahead.
    WrittenAhead(Result<(), Error>),
    /// The components of all znodes below that of the snapshot; none where that is not there.
    PagesListed(Result<Option<Vec<String>>, Error>),
    /// They are gone, or why not.
    PagesDeleted(Result<(), Error>),
    /// A znode below that of the snapshot was deleted, perhaps by this replica.
    PageGone(String),
    /// The version that a written znode has now, or why it was not written.
    Written(Result<i32, Error>),
}

/// What a new connection has in common with the one of the candidacy or leadership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Continuity {
    /// The client: a candidacy or a leadership goes on.
    Client,
    /// Only the session, which was resumed by another client.
    Session,
    /// Nothing.
    Nothing,
}

/// What was found in a znode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Its data.
    pub(super) data: Vec<u8>,
    /// How often it was set.
    pub(super) version: i32,
    /// The transaction that set it.
    pub(super) mzxid: i64,
}

impl Write {
    /// What is written.
    pub(super) fn znode(&self) -> StateZnode {
        match self {
            Self::Create(znode, _) | Self::Set(znode, _, _) | Self::Delete(znode) => *znode,
        }
    }
}

impl Event {
    /// Why the connection is of no use any more, if this tells of it.
    pub(super) fn broken_connection(&self) -> Option<&Error> {
        let error = match self {
            Self::NotElected(error) => error.as_ref(),
            Self::Read(_, read) => read.as_ref().err(),
            Self::Prepared(prepared) => prepared.as_ref().err(),
            Self::Written(written) => written.as_ref().err(),
            Self::PagesRead(read) => read.as_ref().err(),
            Self::PagesWritten(done) | Self::PagesDeleted(done) => done.as_ref().err(),
            Self::PagesListed(listed) => listed.as_ref().err(),
            // The connection will be found broken by whatever comes next.
            Self::WrittenAhead(_) => None,
            Self::Connected(_) | Self::Changed(_) | Self::Elected | Self::PageGone(_) => None,
        };
        error.filter(|error| error.is_connection())
    }
}
