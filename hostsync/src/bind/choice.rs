//! Which instance is chosen.

use contract::Address;

use super::Preference;

/// An instance that could be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Where it is.
    pub address: Address,
    /// How many other agents are bound to it.
    pub load: usize,
    /// The service's leader, or the first instance of one without.
    pub is_leader: bool,
}

/// Chooses by preference; `lot` decides between equals. None without candidates.
pub fn choose(candidates: &[Candidate], preference: Preference, lot: usize) -> Option<Address> {
    let fewest = candidates.iter().map(|candidate| candidate.load).min();
    let best: Vec<_> = candidates
        .iter()
        .filter(|candidate| match preference {
            Preference::Least => Some(candidate.load) == fewest,
            Preference::Leader => candidate.is_leader,
            Preference::Random => true,
        })
        .collect();
    let at = lot.checked_rem(best.len())?;
    best.get(at).map(|candidate| candidate.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(loads: &[usize]) -> Vec<Candidate> {
        let candidate = |(i, load): (usize, &usize)| Candidate {
            address: format!("10.0.0.{}", i + 1).parse().unwrap(),
            load: *load,
            is_leader: i == 1,
        };
        loads.iter().enumerate().map(candidate).collect()
    }

    fn chosen(loads: &[usize], preference: Preference, lot: usize) -> String {
        let chosen = choose(&candidates(loads), preference, lot);
        chosen.map_or("none".into(), |address| address.to_string())
    }

    #[test]
    fn each_preference_has_its_way() {
        assert_eq!(chosen(&[2, 1, 1], Preference::Least, 0), "10.0.0.2");
        assert_eq!(chosen(&[2, 1, 1], Preference::Least, 1), "10.0.0.3");
        assert_eq!(chosen(&[0, 9, 0], Preference::Leader, 7), "10.0.0.2");
        assert_eq!(chosen(&[0, 9, 0], Preference::Random, 4), "10.0.0.2");
        assert_eq!(chosen(&[], Preference::Least, 3), "none");
    }

    #[test]
    fn agents_that_come_one_after_another_end_within_one_of_each_other() {
        let mut loads = [0_usize; 3];
        for lot in 0..100 {
            let address = choose(&candidates(&loads), Preference::Least, lot * 7).unwrap();
            let index = candidates(&loads)
                .iter()
                .position(|one| one.address == address);
            loads[index.unwrap()] += 1;
            let spread = loads.iter().max().unwrap() - loads.iter().min().unwrap();
            assert!(spread <= 1, "{loads:?}");
        }
    }
}
