//! How many responses a network gets over UDP, where anybody can forge who asks, so that nobody floods others
//! through us. Pure: the time comes with each response.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::dns::access::Networks;

/// How many networks are counted at once; one that comes to the place of another begins anew.
const PLACES: usize = 8_192;
/// Bits of an address that are one network to us, as NSD has them.
const V4_BITS: u32 = 24;
const V6_BITS: u32 = 56;
/// Of the responses that are too many, each so many is one without records, so that who really asks comes over TCP.
const SLIP: u32 = 2;

/// Counts the responses to strangers.
#[derive(Debug)]
pub struct ResponseRate {
    /// Responses in a second to one network.
    most: u32,
    /// Who is no stranger.
    known: Vec<Networks>,
    places: Mutex<Box<[Option<Place>]>>,
    hash: RandomState,
}

/// A network, and what it may still have.
#[derive(Debug, Clone, Copy)]
struct Place {
    network: (bool, u128),
    /// In parts of which a response is one.
    left: f64,
    at: Instant,
    refused: u32,
}

/// What becomes of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is sent.
    Send,
    /// It is sent without its records.
    Cut,
    /// It is not sent.
    Drop,
}

impl ResponseRate {
    /// At most so many responses in a second to each network of strangers.
    pub fn new(most: u32, known: Vec<Networks>) -> Self {
        Self {
            most,
            known,
            places: Mutex::new(vec![None; PLACES].into()),
            hash: RandomState::new(),
        }
    }

    /// Whether a response to this address is sent now.
    pub fn judge(&self, source: IpAddr, now: Instant) -> Verdict {
        let is_known = source.to_canonical().is_loopback()
            || self.known.iter().any(|known| known.contains(source));
        if is_known {
            return Verdict::Send;
        }
        let network = network(source);
        let place = self.hash.hash_one(network) % PLACES as u64;
        let place = usize::try_from(place).unwrap_or(0);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let most = f64::from(self.most);
        let new = Place {
            network,
            left: most,
            at: now,
            refused: 0,
        };
        let place = &mut places[place];
        let known = place.filter(|place| place.network == network);
        let mut one = known.unwrap_or(new);
        let passed = now.saturating_duration_since(one.at).as_secs_f64();
        one.left = (one.left + passed * most).min(most);
        one.at = now;
        let verdict = if one.left >= 1.0 {
            one.left -= 1.0;
            Verdict::Send
        } else {
            one.refused = one.refused.wrapping_add(1);
            match one.refused.is_multiple_of(SLIP) {
                true => Verdict::Cut,
                false => Verdict::Drop,
            }
        };
        *place = Some(one);
        verdict
    }
}

fn network(source: IpAddr) -> (bool, u128) {
    match source.to_canonical() {
        IpAddr::V4(ip) => (true, (ip.to_bits() >> (u32::BITS - V4_BITS)).into()),
        IpAddr::V6(ip) => (false, ip.to_bits() >> (u128::BITS - V6_BITS)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// As many as are allowed, one of two of the rest cut, and as many again a second later; neighbours share, and
    /// others, and those who are known, do not.
    #[test]
    fn a_network_of_strangers_gets_so_many_responses_in_a_second() {
        let known = vec!["198.51.100.0/24".parse::<ipnet::IpNet>().unwrap()];
        let rate = ResponseRate::new(10, vec![Networks::private(), known.into()]);
        let start = Instant::now();
        let judge = |source: &str, after: u64| {
            rate.judge(
                source.parse().unwrap(),
                start + Duration::from_millis(after),
            )
        };
        for number in 0..10 {
            let source = format!("192.0.2.{number}");
            assert_eq!(judge(&source, 0), Verdict::Send);
        }
        assert_eq!(judge("192.0.2.77", 0), Verdict::Drop);
        assert_eq!(judge("::ffff:192.0.2.1", 0), Verdict::Cut);
        assert_eq!(judge("192.0.2.77", 0), Verdict::Drop);
        for known in ["127.0.0.1", "::1", "10.0.0.9", "198.51.100.7"] {
            for _ in 0..30 {
                assert_eq!(judge(known, 0), Verdict::Send, "{known}");
            }
        }
        assert_eq!(judge("2001:db8::1", 0), Verdict::Send);
        assert_eq!(judge("192.0.2.1", 200), Verdict::Send);
        assert_eq!(judge("192.0.2.1", 200), Verdict::Send);
        assert_ne!(judge("192.0.2.1", 200), Verdict::Send);
        for _ in 0..10 {
            assert_eq!(judge("192.0.2.1", 60_000), Verdict::Send);
        }
        assert_ne!(
            judge("192.0.2.1", 60_000),
            Verdict::Send,
            "no more is saved up"
        );
    }
}
