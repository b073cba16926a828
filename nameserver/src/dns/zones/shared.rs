//! The zones between the one that follows the tree and those that answer.

use std::mem;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::SystemTime;

use contract::ZnodePath;

use crate::dns::zones::Given;
use crate::dns::{Freshness, Settings, Zones};
use crate::namespace::Namespace;

/// A zones that one task changes and others read. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SharedZones(Arc<RwLock<Zones>>);

impl SharedZones {
    /// Nothing is known yet.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(RwLock::new(Zones::new(settings))))
    }

    /// Takes over a whole tree. It is built aside, so that nobody who asks waits for it.
    pub fn replace(&self, zone: &Namespace) {
        // Nor is it read meanwhile: whoever wants to note something would wait for that, and all who
        // ask would wait for the note.
        let mut zones = self.read().emptied();
        zones.replace(zone, SystemTime::now());
        let old = mem::replace(&mut *self.write(), zones);
        // After the lock is free again, since it takes a while as well.
        drop(old);
    }

    /// Takes over what the given znodes give now. What that is, is found out before anybody waits.
    pub fn update<'a>(&self, zone: &Namespace, touched: impl IntoIterator<Item = &'a ZnodePath>) {
        let given = touched.into_iter().map(|path| Given::new(zone, path));
        let given: Vec<_> = given.collect();
        self.write().update(given, SystemTime::now());
    }

    /// Takes note of how fresh the tree is.
    pub fn note(&self, freshness: Freshness) {
        self.write().note(freshness);
    }

    /// For a question; not to be held while anything else is waited for.
    pub fn read(&self) -> RwLockReadGuard<'_, Zones> {
        // What a panic left half changed is better than no answer.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Zones> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
