//! Opening the files of a daemon where others may write too, as in `/tmp`: what somebody has planted there
//! must not make us write elsewhere, or wait for ever.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::Uid;

/// Opens the file at `path` as `options` say, without waiting for whoever reads a FIFO. A symbolic link is
/// followed only where root or this user made it. (Who swaps it in between meets the sysctl
/// fs.protected_symlinks.)
pub(crate) fn open(options: &OpenOptions, path: &Path) -> io::Result<File> {
    let with = |flags: OFlag| options.clone().custom_flags(flags.bits()).open(path);
    let file = match with(OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK) {
        Err(error) if error.raw_os_error() == Some(Errno::ELOOP as i32) => {
            let owner = fs::symlink_metadata(path)?.uid();
            if owner != 0 && owner != Uid::effective().as_raw() {
                let text = format!("it is a symbolic link that user {owner} made");
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
            }
            with(OFlag::O_NONBLOCK)?
        }
        opened => opened?,
    };
    let flags = OFlag::from_bits_truncate(fcntl(&file, FcntlArg::F_GETFL)?);
    fcntl(&file, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK))?;
    Ok(file)
}

/// As [`open`], and the file must be a regular one of this user, with no other name: else it may be
/// somebody else's that was given this name.
pub(crate) fn open_alone(options: &OpenOptions, path: &Path) -> io::Result<File> {
    let file = open(options, path)?;
    let (metadata, user) = (file.metadata()?, Uid::effective().as_raw());
    let wrong = if !metadata.is_file() {
        "it is no regular file".to_owned()
    } else if metadata.uid() != user {
        format!("it belongs to user {}, not to {user}", metadata.uid())
    } else if metadata.nlink() > 1 {
        "it has other names (hard links)".to_owned()
    } else {
        return Ok(file);
    };
    Err(io::Error::new(io::ErrorKind::PermissionDenied, wrong))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;
    use std::os::unix::fs::{chown, lchown, symlink};

    /// Some other user.
    const OTHER: u32 = 65_534;

    fn to_write() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options
    }

    fn refusal(opened: io::Result<File>) -> String {
        opened.expect_err("refused").to_string()
    }

    #[test]
    fn only_our_own_links_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("x"), folder.path().join("target"));
        fs::write(&target, "").unwrap();
        symlink(&target, &path).unwrap();
        open(&to_write(), &path).unwrap();
        if Uid::effective().is_root() {
            lchown(&path, Some(OTHER), None).unwrap();
            let refusal = refusal(open(&to_write(), &path));
            assert!(refusal.contains("65534"), "{refusal}");
        }
    }

    #[test]
    fn a_fifo_is_not_waited_for_and_is_nobodys_own_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
        let append = || OpenOptions::new().append(true).clone();
        // Nobody reads it.
        assert!(open(&append(), &path).is_err());
        let refusal = refusal(open_alone(&to_write(), &path));
        assert!(refusal.contains("regular"), "{refusal}");
        // Somebody does; it is waited for once it is open.
        let _reader = to_write().open(&path).unwrap();
        let file = open(&append(), &path).unwrap();
        let flags = OFlag::from_bits_truncate(fcntl(&file, FcntlArg::F_GETFL).unwrap());
        assert!(!flags.contains(OFlag::O_NONBLOCK));
    }

    #[test]
    fn a_file_of_somebody_else_is_not_ours_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("x"), folder.path().join("other"));
        drop(open_alone(&to_write(), &path).unwrap());
        fs::hard_link(&path, &other).unwrap();
        let refusal_of = |text: &str| {
            let refusal = refusal(open_alone(&to_write(), &path));
            assert!(refusal.contains(text), "{refusal}");
        };
        refusal_of("hard links");
        fs::remove_file(&other).unwrap();
        if Uid::effective().is_root() {
            chown(&path, Some(OTHER), None).unwrap();
            refusal_of("belongs to user 65534");
        }
    }
}
