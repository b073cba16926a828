//! Until when a certificate is valid, which the libraries below check and do not tell.

use std::time::{Duration, SystemTime};

const SEQUENCE: u8 = 0x30;
const EXPLICIT_0: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The `notAfter` of an X.509 certificate in DER; none where it cannot be found.
pub(super) fn not_after(certificate: &[u8]) -> Option<SystemTime> {
    let (_, certificate, _) = element(certificate, SEQUENCE)?;
    let (_, mut fields, _) = element(certificate, SEQUENCE)?;
    if let Some((_, _, rest)) = element(fields, EXPLICIT_0) {
        fields = rest;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        fields = any(fields)?.2;
    }
    let (_, validity, _) = element(fields, SEQUENCE)?;
    let (_, _, rest) = any(validity)?;
    let (tag, text, _) = any(rest)?;
    time(tag, text)
}

/// One element: its tag, its content, and what follows it.
fn any(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            let add = |sum: usize, byte: &u8| (sum << 8) | usize::from(*byte);
            (length.iter().fold(0, add), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn element(bytes: &[u8], tag: u8) -> Option<(u8, &[u8], &[u8])> {
    any(bytes).filter(|(found, ..)| *found == tag)
}

/// RFC 5280 knows both kinds in one spelling each: to the second, in UTC.
fn time(tag: u8, text: &[u8]) -> Option<SystemTime> {
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year = number(year)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (number(year)?, rest)
        }
        _ => return None,
    };
    let [month, day, hour, minute, second] = match rest.strip_suffix(b"Z") {
        Some(rest) if rest.len() == 10 => {
            let mut parts = rest.chunks(2).map(number);
            [(); 5].map(|()| parts.next().flatten())
        }
        _ => return None,
    };
    let (month, day) = (month?, day?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let days = days_since_1970(year, month, day);
    let seconds = ((days * 24 + hour?) * 60 + minute?) * 60 + second?;
    let since = Duration::from_secs(u64::try_from(seconds).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since)
}

fn number(digits: &[u8]) -> Option<i64> {
    let all = digits.iter().all(u8::is_ascii_digit);
    all.then(|| {
        digits
            .iter()
            .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
    })
}

/// Years are counted from March, so that the day that comes and goes is the last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap + (153 * month + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate as far as it is looked at.
    fn certificate(version: &[u8], not_after: &[u8]) -> Vec<u8> {
        let wrapped = |tag: u8, content: &[u8]| {
            let mut bytes = vec![tag, 0x81, u8::try_from(content.len()).unwrap()];
            bytes.extend(content);
            bytes
        };
        let validity = wrapped(
            SEQUENCE,
            &[&b"\x17\x0d240101000000Z"[..], not_after].concat(),
        );
        let fields = [
            version,
            b"\x02\x01\x07",
            b"\x30\x00",
            b"\x30\x00",
            &validity,
        ]
        .concat();
        wrapped(SEQUENCE, &wrapped(SEQUENCE, &fields))
    }

    fn shown(certificate: &[u8]) -> Option<u64> {
        let time = not_after(certificate)?;
        Some(
            time.duration_since(SystemTime::UNIX_EPOCH)
                .unwrap()
                .as_secs(),
        )
    }

    #[test]
    fn both_kinds_of_time_with_and_without_a_version() {
        // date -u -d '2026-11-26 04:05:06' +%s
        let (utc, general) = (b"\x17\x0d261126040506Z", b"\x18\x0f20261126040506Z");
        for version in [&b"\xa0\x03\x02\x01\x02"[..], b""] {
            assert_eq!(shown(&certificate(version, utc)), Some(1_795_665_906));
            assert_eq!(shown(&certificate(version, general)), Some(1_795_665_906));
        }
        // date -u -d '2052-02-29 23:59:59' +%s, and the last that there is, 'never'
        let leap = certificate(b"", b"\x18\x0f20520229235959Z");
        assert_eq!(shown(&leap), Some(2_592_863_999));
        let never = certificate(b"", b"\x18\x0f99991231235959Z");
        assert_eq!(shown(&never), Some(253_402_300_799));
    }

    #[test]
    fn what_is_cut_or_changed_anywhere_gives_an_end_or_none_and_never_harm() {
        let whole = certificate(b"\xa0\x03\x02\x01\x02", b"\x17\x0d261126040506Z");
        for end in 0..whole.len() {
            assert_eq!(not_after(&whole[..end]), None, "{end}");
        }
        for at in 0..whole.len() {
            for byte in 0..=255 {
                let mut changed = whole.clone();
                changed[at] = byte;
                not_after(&changed);
            }
        }
    }
}
