//! Opening the files of a daemon where others may write too, as in `/tmp`: what somebody has planted there
//! must not make us write elsewhere, wait for ever, or believe it.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::Uid;

/// Opens the file at `path` as `options` say, without waiting for whoever reads a FIFO. A symbolic link is
/// followed only where root or this user made it. (Who swaps it in between meets the sysctl
/// fs.protected_symlinks.)
///
/// # Errors
/// It cannot be opened so.
pub fn open(options: &OpenOptions, path: &Path) -> io::Result<File> {
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
    refuse_if(!metadata.is_file(), || NOT_REGULAR.to_owned())?;
    refuse_if(metadata.uid() != user, || {
        format!("it belongs to user {}, not to {user}", metadata.uid())
    })?;
    refuse_if(metadata.nlink() > 1, || {
        "it has other names (hard links)".to_owned()
    })?;
    Ok(file)
}

/// As [`open`], for a log: no pipe that has a name, which whoever reads it would hold up, and in a directory where
/// others may write no file of theirs, or one with another name.
pub(crate) fn open_to_append(options: &OpenOptions, path: &Path) -> io::Result<File> {
    let file = open(options, path)?;
    let metadata = file.metadata()?;
    // What a pipe of this process is called, as /dev/stdout leads to, is no path.
    let has_name = || fs::canonicalize(path).is_ok();
    refuse_if(metadata.file_type().is_fifo() && has_name(), || {
        "it is a pipe".to_owned()
    })?;
    let is_shared = path.parent().is_some_and(others_may_write);
    if is_shared && metadata.is_file() {
        refuse_if(!is_trusted(&metadata), || {
            format!(
                "it belongs to user {}, in a directory where others may write",
                metadata.uid()
            )
        })?;
        refuse_if(metadata.nlink() > 1, || {
            "it has other names (hard links), in a directory where others may write".to_owned()
        })?;
    }
    Ok(file)
}

/// Opens a file of which we believe what it says, because we wrote it: a regular one that belongs to this user or to
/// root, and that nobody else may write.
///
/// # Errors
/// It cannot be opened, or somebody else may have written it.
pub fn open_believed(options: &OpenOptions, path: &Path) -> io::Result<File> {
    let file = open(options, path)?;
    let metadata = file.metadata()?;
    refuse_if(!metadata.is_file(), || NOT_REGULAR.to_owned())?;
    refuse_if(!is_trusted(&metadata), || {
        let user = Uid::effective();
        format!("it belongs to user {}, not to {user}", metadata.uid())
    })?;
    refuse_if(metadata.mode() & WRITABLE_BY_OTHERS != 0, || {
        format!("others may write it (mode {:o})", metadata.mode() & 0o7777)
    })?;
    Ok(file)
}

/// What such a file holds, as [`open_believed`] opens it.
///
/// # Errors
/// It cannot be read, or somebody else may have written it.
pub fn read_believed(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    open_believed(OpenOptions::new().read(true), path)?.read_to_end(&mut text)?;
    Ok(text)
}

/// Opens a file of somebody's to read it: a regular one, whoever wrote it.
///
/// # Errors
/// It cannot be read, or is something else.
pub fn open_regular(path: &Path) -> io::Result<File> {
    regular(open(OpenOptions::new().read(true), path)?)
}

/// As [`open_regular`], or a pipe without a name that this user or root made, as `/dev/fd/63` of a shell's `<(…)` leads to.
/// One with a name may be anybody's to write into, or nobody's, and is refused.
///
/// # Errors
/// It cannot be read, or is something else.
pub(crate) fn open_secret(path: &Path) -> io::Result<File> {
    let file = open(OpenOptions::new().read(true), path)?;
    let metadata = file.metadata()?;
    let is_nameless = metadata.file_type().is_fifo() && fs::canonicalize(path).is_err();
    if !is_nameless {
        return regular(file);
    }
    refuse_if(!is_trusted(&metadata), || {
        format!("it is a pipe of user {}", metadata.uid())
    })?;
    Ok(file)
}

fn regular(file: File) -> io::Result<File> {
    let metadata = file.metadata()?;
    refuse_if(!metadata.is_file() && !metadata.is_dir(), || {
        NOT_REGULAR.to_owned()
    })?;
    Ok(file)
}

const NOT_REGULAR: &str = "it is no regular file";
/// The bits of a mode by which others than the owner may write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

fn is_trusted(metadata: &Metadata) -> bool {
    [0, Uid::effective().as_raw()].contains(&metadata.uid())
}

fn others_may_write(directory: &Path) -> bool {
    let metadata = fs::metadata(directory);
    metadata
        .is_ok_and(|metadata| metadata.mode() & WRITABLE_BY_OTHERS != 0 || !is_trusted(&metadata))
}

fn refuse_if(is_wrong: bool, why: impl FnOnce() -> String) -> io::Result<()> {
    match is_wrong {
        true => Err(io::Error::new(io::ErrorKind::PermissionDenied, why())),
        false => Ok(()),
    }
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
    fn what_others_may_have_written_is_not_believed() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, "ours").unwrap();
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o644);
        assert_eq!(read_believed(&path).unwrap(), b"ours");
        mode(0o664);
        let refusal = read_believed(&path).unwrap_err().to_string();
        assert!(refusal.contains("664"), "{refusal}");
        mode(0o600);
        if Uid::effective().is_root() {
            chown(&path, Some(OTHER), None).unwrap();
            let refusal = read_believed(&path).unwrap_err().to_string();
            assert!(refusal.contains("65534"), "{refusal}");
        }
        fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
        for refused in [read_believed(&path).err(), open_regular(&path).err()] {
            let refusal = refused.unwrap().to_string();
            assert!(refusal.contains("regular"), "{refusal}");
        }
    }

    #[test]
    fn a_log_is_no_pipe_with_a_name_and_no_file_that_somebody_else_has_put_there() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let append = OpenOptions::new().append(true).create(true).clone();
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
        let reader = to_write().open(&path).unwrap();
        let refused = refusal(open_to_append(&append, &path));
        assert!(refused.contains("pipe"), "{refused}");
        drop(reader);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        fs::hard_link(&path, folder.path().join("other")).unwrap();
        open_to_append(&append, &path).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        let refused = refusal(open_to_append(&append, &path));
        assert!(refused.contains("hard links"), "{refused}");
        fs::remove_file(folder.path().join("other")).unwrap();
        open_to_append(&append, &path).unwrap();
        if Uid::effective().is_root() {
            chown(&path, Some(OTHER), None).unwrap();
            let refused = refusal(open_to_append(&append, &path));
            assert!(refused.contains("65534"), "{refused}");
        }
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
