//! How many looks in a row it takes to change one's mind.

/// Decides whether something is well. Nothing is, before it was seen to be.
#[derive(Debug, Clone)]
pub struct RiseFall {
    rise: u32,
    fall: u32,
    is_well: bool,
    /// Looks in a row that contradict.
    against: u32,
}

impl RiseFall {
    /// It takes `rise` good looks in a row, and then `fall` bad ones.
    pub fn new(rise: u32, fall: u32) -> Self {
        Self {
            rise: rise.max(1),
            fall: fall.max(1),
            is_well: false,
            against: 0,
        }
    }

    /// Whether it is well.
    pub fn is_well(&self) -> bool {
        self.is_well
    }

    /// Takes a probe in; true when that changes the answer.
    pub fn take(&mut self, good: bool) -> bool {
        if good == self.is_well {
            self.against = 0;
            return false;
        }
        self.against += 1;
        let needed = if self.is_well { self.fall } else { self.rise };
        let changed = self.against >= needed;
        if changed {
            self.is_well = good;
            self.against = 0;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_so_many_in_a_row() {
        let mut rise_fall = RiseFall::new(2, 3);
        let mut states = |looks: &str| -> String {
            let states = looks.chars().map(|probe| {
                rise_fall.take(probe == '+');
                if rise_fall.is_well() { '+' } else { '-' }
            });
            states.collect()
        };
        assert_eq!(states("+-++"), "---+");
        assert_eq!(states("--+---"), "+++++-");
        assert_eq!(states("-+++"), "--++");
    }

    #[test]
    fn zero_is_once() {
        let mut rise_fall = RiseFall::new(0, 0);
        assert!(rise_fall.take(true) && rise_fall.is_well());
        assert!(rise_fall.take(false) && !rise_fall.is_well());
    }
}
