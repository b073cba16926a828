//! The transaction logs of the servers: every write that there ever was, in order, and by which
//! session. No watch and no read sees as much.
//!
//! Pure: the bytes of a log in, what concerns the nameservers out. Only the records that a history
//! needs are understood, as ZooKeeper 3.6 and later write them.

/// One transaction, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transaction {
    pub(crate) zxid: i64,
    /// Milliseconds since 1970, by the clock of the server.
    pub(crate) time: i64,
    /// Who asked for it.
    pub(crate) session: i64,
    /// In the order in which they were done, all at once.
    pub(crate) writes: Vec<Write>,
}

/// What a transaction does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Write {
    Create {
        path: String,
        data: Vec<u8>,
        is_ephemeral: bool,
    },
    Set {
        path: String,
        data: Vec<u8>,
    },
    Delete {
        path: String,
    },
    CloseSession,
}

const MAGIC: &[u8] = b"ZKLG";
/// Behind each transaction.
const END: u8 = b'B';

const CREATE: i32 = 1;
const DELETE: i32 = 2;
const SET: i32 = 5;
const MULTI: i32 = 14;
const CREATE_WITH_STAT: i32 = 15;
const CLOSE_SESSION: i32 = -11;

/// The transactions of a log, up to where it ends or a killed server left off.
///
/// # Errors
/// It is no transaction log.
pub(crate) fn read(log: &[u8]) -> Result<Vec<Transaction>, &'static str> {
    let mut rest = Reader(log);
    if rest.take(4) != Some(MAGIC) {
        return Err("this is no transaction log of ZooKeeper");
    }
    // Version and database.
    let _ = rest.take(12);
    let mut transactions = Vec::new();
    while let Some(transaction) = next(&mut rest) {
        transactions.push(transaction);
    }
    Ok(transactions)
}

fn next(log: &mut Reader<'_>) -> Option<Transaction> {
    let _checksum = log.take(8)?;
    let mut record = Reader(log.buffer()?);
    if record.0.is_empty() || log.take(1)? != [END] {
        return None;
    }
    let session = record.long()?;
    let _number_of_the_client = record.int()?;
    let (zxid, time, kind) = (record.long()?, record.long()?, record.int()?);
    let mut writes = Vec::new();
    match kind {
        MULTI => {
            for _ in 0..record.int()? {
                let kind = record.int()?;
                writes.extend(write(kind, &mut Reader(record.buffer()?)));
            }
        }
        kind => writes.extend(write(kind, &mut record)),
    }
    Some(Transaction {
        zxid,
        time,
        session,
        writes,
    })
}

fn write(kind: i32, record: &mut Reader<'_>) -> Option<Write> {
    match kind {
        CREATE | CREATE_WITH_STAT => {
            let (path, data) = (record.text()?, record.buffer()?.to_vec());
            for _ in 0..record.int()? {
                // An entry of the ACL: permissions, scheme and id.
                let _ = (record.int()?, record.text()?, record.text()?);
            }
            Some(Write::Create {
                path,
                data,
                is_ephemeral: record.take(1)? != [0],
            })
        }
        SET => Some(Write::Set {
            path: record.text()?,
            data: record.buffer()?.to_vec(),
        }),
        DELETE => Some(Write::Delete {
            path: record.text()?,
        }),
        CLOSE_SESSION => Some(Write::CloseSession),
        _ => None,
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn int(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn long(&mut self) -> Option<i64> {
        Some(i64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    /// A negative length stands for no buffer at all.
    fn buffer(&mut self) -> Option<&'a [u8]> {
        let length = self.int()?.max(0);
        self.take(length.unsigned_abs() as usize)
    }

    fn text(&mut self) -> Option<String> {
        let bytes = self.buffer()?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as i32).to_be_bytes()[..], bytes].concat()
    }

    fn entry(zxid: i64, kind: i32, body: &[u8]) -> Vec<u8> {
        let header = [
            &7_i64.to_be_bytes()[..],
            &[0; 4],
            &zxid.to_be_bytes(),
            &99_i64.to_be_bytes(),
            &kind.to_be_bytes(),
            body,
        ];
        [&[0; 8][..], &buffer(&header.concat()), b"B"].concat()
    }

    fn log(entries: &[Vec<u8>]) -> Vec<u8> {
        [b"ZKLG", &[0; 12][..], &entries.concat(), &[0; 64]].concat()
    }

    #[test]
    fn what_a_log_holds() {
        let acl = [
            &1_i32.to_be_bytes()[..],
            &31_i32.to_be_bytes(),
            &buffer(b"world"),
            &buffer(b"anyone"),
        ]
        .concat();
        let create = [&buffer(b"/a")[..], &buffer(b"x"), &acl, &[1], &[0; 4]].concat();
        let set = [&buffer(b"/a")[..], &buffer(b"y"), &[0; 4]].concat();
        let multi = [
            &2_i32.to_be_bytes()[..],
            &13_i32.to_be_bytes(),
            &buffer(&[&buffer(b"/lock")[..], &[0; 4]].concat()),
            &5_i32.to_be_bytes(),
            &buffer(&set),
        ]
        .concat();
        let bytes = log(&[
            entry(1, -10, &[0; 4]),
            entry(2, 15, &create),
            entry(3, 14, &multi),
            entry(4, -11, &[]),
        ]);
        let transactions = read(&bytes).unwrap();
        let zxids: Vec<_> = transactions
            .iter()
            .map(|one| (one.zxid, one.time))
            .collect();
        assert_eq!(zxids, [(1, 99), (2, 99), (3, 99), (4, 99)]);
        let writes: Vec<_> = transactions
            .into_iter()
            .flat_map(|one| one.writes)
            .collect();
        let created = Write::Create {
            path: "/a".into(),
            data: b"x".to_vec(),
            is_ephemeral: true,
        };
        let set = Write::Set {
            path: "/a".into(),
            data: b"y".to_vec(),
        };
        assert_eq!(writes, [created, set, Write::CloseSession]);
    }

    #[test]
    fn a_log_that_a_killed_server_left_ends_where_it_ends() {
        let set = [&buffer(b"/a")[..], &buffer(b"y"), &[0; 4]].concat();
        let bytes = [
            b"ZKLG",
            &[0; 12][..],
            &entry(1, 5, &set),
            &entry(2, 5, &set),
        ]
        .concat();
        for cut in 16..bytes.len() {
            assert!(read(&bytes[..cut]).unwrap().len() < 2, "{cut}");
        }
        assert_eq!(read(&bytes).unwrap().len(), 2);
        assert!(read(b"ZKSN").is_err());
    }
}
