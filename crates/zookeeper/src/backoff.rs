//! Waiting longer after each failure, and never at the same moment as everybody else.

use std::time::Duration;

/// Delays that double from `first` to `most`, each drawn from its upper half so that a thousand
/// clients that lost the same server do not come back together.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Backoff {
    /// Begins at `first` and never exceeds `most`.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self {
            first,
            most,
            next: first,
        }
    }

    /// The delay before the next try.
    pub fn delay(&mut self) -> Duration {
        let full = self.next;
        self.next = (full * 2).min(self.most);
        full.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// To be called after a success: the next delay is a short one again.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_most_with_jitter_downwards() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(300));
        for full in [100, 200, 300, 300] {
            let delay = backoff.delay();
            assert!(
                delay >= Duration::from_millis(full / 2),
                "{delay:?} of {full}"
            );
            assert!(delay <= Duration::from_millis(full), "{delay:?} of {full}");
        }
        backoff.reset();
        assert!(backoff.delay() <= Duration::from_millis(100));
    }
}
