//! `STATE/hold`: what the leader holds, for everybody to see. Whoever deletes it releases the hold.

use contract::{State, ZnodePath};
use log::warn;
use zookeeper::{Connection, Error, Leadership};

use crate::publish::hold::Held;

/// The znode, as the leader knows it.
#[derive(Debug)]
pub struct HoldZnode {
    path: ZnodePath,
    /// What we wrote there.
    told: Option<Held>,
    /// Somebody, perhaps ourselves, wrote or deleted it.
    touched: bool,
}

impl HoldZnode {
    /// The znode below `state`.
    pub fn new(state: &State) -> Self {
        Self {
            path: state.hold(),
            told: None,
            touched: false,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &ZnodePath {
        &self.path
    }

    /// Takes an event of it in.
    pub fn changed(&mut self) {
        self.touched = true;
    }

    /// What a predecessor left there. To be called when a leadership begins.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn inherit(&mut self, connection: &Connection) -> Result<Option<Held>, Error> {
        self.touched = false;
        self.told = None;
        let znode = match connection.read(&self.path).await {
            Ok(Some(znode)) => znode,
            Ok(None) => return Ok(None),
            Err(error) if error.is_connection() => return Err(error),
            Err(_) => return Ok(None),
        };
        // Of junk, only that it is there matters: it is to go.
        let held = Held::decode(&znode.data).ok();
        self.told = Some(held.clone().unwrap_or_else(Held::nothing));
        Ok(held)
    }

    /// Whether somebody deleted what we wrote.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn is_released(&mut self, connection: &Connection) -> Result<bool, Error> {
        if !std::mem::take(&mut self.touched) || self.told.is_none() {
            return Ok(false);
        }
        match connection.stat(&self.path).await {
            Ok(None) => {
                self.told = None;
                Ok(true)
            }
            Err(error) if error.is_connection() => Err(error),
            Ok(Some(_)) | Err(_) => Ok(false),
        }
    }

    /// Makes the znode say what is held now.
    ///
    /// # Errors
    /// The connection broke, or the leadership is gone.
    pub async fn tell(&mut self, leadership: &Leadership, held: Option<Held>) -> Result<(), Error> {
        if self.told == held {
            return Ok(());
        }
        let path = &self.path;
        let written = match (&self.told, &held) {
            (None, Some(held)) => leadership.create(path, &held.encode()).await,
            (Some(_), Some(held)) => leadership.set(path, &held.encode(), None).await.map(drop),
            (_, None) => leadership.delete(path).await,
        };
        match written {
            Ok(()) => {}
            Err(error) if error.is_connection() || error == Error::Deposed => return Err(error),
            // Put there, or deleted, by somebody else: it is there, or gone.
            Err(Error::NodeExists | Error::NoNode) => {}
            Err(error) => warn!("cannot write {path}, which tells what is held: {error}"),
        }
        self.told = held;
        Ok(())
    }
}
