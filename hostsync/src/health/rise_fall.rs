//! How many outcomes in a row it takes to change one's mind.

/// Decides whether something is healthy. Nothing is, before a check has passed.
#[derive(Debug, Clone)]
pub struct RiseFall {
    rise: u32,
    fall: u32,
    is_healthy: bool,
    /// Outcomes in a row that contradict.
    against: u32,
}

impl RiseFall {
    /// It takes `rise` passed checks in a row, and then `fall` bad ones.
    pub fn new(rise: u32, fall: u32) -> Self {
        Self {
            rise: rise.max(1),
            fall: fall.max(1),
            is_healthy: false,
            against: 0,
        }
    }

    /// Whether it is healthy.
    pub fn is_healthy(&self) -> bool {
        self.is_healthy
    }

    /// Takes a probe in; true when that changes the answer.
    pub fn record(&mut self, good: bool) -> bool {
        if good == self.is_healthy {
            self.against = 0;
            return false;
        }
        self.against += 1;
        let needed = if self.is_healthy {
            self.fall
        } else {
            self.rise
        };
        let changed = self.against >= needed;
        if changed {
            self.is_healthy = good;
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
                rise_fall.record(probe == '+');
                if rise_fall.is_healthy() { '+' } else { '-' }
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
        assert!(rise_fall.record(true) && rise_fall.is_healthy());
        assert!(rise_fall.record(false) && !rise_fall.is_healthy());
    }
}
