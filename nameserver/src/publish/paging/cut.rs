//! Where one page ends and the next one begins.

use std::net::IpAddr;
use std::ops::Bound;

use contract::{Address, Addresses, Hosts, Name, Page, PageEntry};

use super::Sizes;

/// How names are cut into pages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    sizes: Sizes,
    /// What all names take up.
    bytes: usize,
    generation: u64,
    /// About how large a page is.
    target: usize,
}

impl Cut {
    /// For so many bytes of names, as of a generation.
    pub(super) fn new(sizes: Sizes, bytes: usize, generation: u64) -> Self {
        let target = (bytes / sizes.pages).clamp(sizes.page, sizes.largest);
        Self {
            sizes,
            bytes,
            generation,
            target,
        }
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Fewer pages, if they may be larger.
    pub(super) fn coarser(self) -> Option<Self> {
        let target = (self.target * 2).min(self.sizes.largest);
        (target > self.target).then_some(Self { target, ..self })
    }

    /// A page of so many bytes may join the next one.
    pub(super) fn is_small(&self, bytes: usize) -> bool {
        bytes < self.target / 4
    }

    /// A page of so many bytes is large enough.
    pub(super) fn is_full(&self, bytes: usize) -> bool {
        bytes > self.target
    }

    /// The names from `first` up to `end` in pages, each with the bytes of its names; at least one page.
    pub(super) fn pages(
        &self,
        hosts: &Hosts,
        first: &str,
        end: Option<&str>,
    ) -> Vec<(Page, usize)> {
        let total: usize = range(hosts, first, end)
            .map(|(name, of)| name_bytes(name, of))
            .sum();
        // A page that has grown somewhat is left as it is; else all parts are about equal.
        let parts = match total {
            total if total <= self.target * 2 && total <= self.sizes.largest => 1,
            total => total.div_ceil(self.target),
        };
        let target = total.div_ceil(parts);
        let mut pages = Vec::with_capacity(parts);
        let (mut begin, mut bytes, mut last) = (Box::from(first), 0, None::<&Name>);
        for (name, addresses) in range(hosts, first, end) {
            let size = name_bytes(name, addresses);
            let is_full = bytes >= target || bytes + size > self.sizes.largest;
            if let Some(last) = last.filter(|_| is_full) {
                let next = separator(last, name);
                pages.push((self.page(hosts, &begin, Some(next)), bytes));
                (begin, bytes) = (next.into(), 0);
            }
            bytes += size;
            last = Some(name);
        }
        pages.push((self.page(hosts, &begin, end), bytes));
        pages
    }

    fn page(&self, hosts: &Hosts, first: &str, end: Option<&str>) -> Page {
        Page::encode(first, self.generation, range(hosts, first, end))
    }
}

/// The names from `first` up to `end`.
pub(super) fn range<'a>(
    hosts: &'a Hosts,
    first: &str,
    end: Option<&str>,
) -> impl Iterator<Item = (&'a Name, &'a Addresses)> + Clone {
    let end = end.map_or(Bound::Unbounded, Bound::Excluded);
    hosts.range::<_, str>((Bound::Included(first), end))
}

/// The shortest text that `last` precedes and `next` does not.
fn separator<'a>(last: &Name, next: &'a Name) -> &'a str {
    let (last, next) = (last.as_str().as_bytes(), next.as_str());
    let pairs = last.iter().zip(next.as_bytes());
    let common = pairs.take_while(|(one, other)| one == other).count();
    &next[..=common]
}

/// What a name takes up in a page: `"db":["10.0.0.5"],`.
pub(super) fn name_bytes(name: &Name, addresses: &[Address]) -> usize {
    name.as_str().len() + 4 + addresses_bytes(addresses)
}

/// What a list of addresses takes up.
pub(super) fn addresses_bytes(addresses: &[Address]) -> usize {
    let texts = addresses.iter().map(|address| text_bytes(*address) + 3);
    texts.sum::<usize>() + 1
}

/// How long the text of an address is, at most.
fn text_bytes(address: Address) -> usize {
    match address.ip() {
        IpAddr::V4(ip) => {
            let digits = ip.octets().map(|octet| match octet {
                0..=9 => 1,
                10..=99 => 2,
                100..=255 => 3,
            });
            digits.iter().sum::<usize>() + 3
        }
        IpAddr::V6(_) => 39,
    }
}

/// What a page takes up in the index: `["m",1003,"77ab19c4e0f2d635"],`.
pub(super) fn entry_bytes(entry: &PageEntry) -> usize {
    let digits = 1 + entry.generation.checked_ilog10().unwrap_or(0) as usize;
    entry.first.len() + digits + 16 + 9
}
