//! A hosts file below a directory whose content is not trusted: whatever somebody puts in its place, nothing
//! outside is opened.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};

use crate::Error;

/// A path of which only the beginning is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confined {
    /// Where what is trusted ends; symbolic links up to here are followed.
    base: PathBuf,
    path: PathBuf,
}

impl Confined {
    /// The file at `path`, which is below `base`.
    pub(crate) fn new(base: &Path, path: &Path) -> Self {
        Self {
            base: base.to_owned(),
            path: path.to_owned(),
        }
    }

    /// Opens the file: a regular one with a single name, of the owner of its folder or of the base, reached
    /// without any symbolic link. A pipe or a device is not opened, since that alone can do something.
    pub(crate) fn open(&self, access: OFlag) -> Result<File, Error> {
        let path = &self.path;
        let refused = |errno: Errno| match errno {
            Errno::ENOENT => Error::Gone(path.clone()),
            errno => Error::io("open", path)(errno.into()),
        };
        let rest = path.strip_prefix(&self.base).ok();
        let (folder, name) = rest
            .and_then(|rest| Some((rest.parent()?, rest.file_name()?)))
            .ok_or_else(|| Error::Directory(path.clone()))?;
        let to_directory = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut directory = open(&self.base, to_directory, Mode::empty()).map_err(refused)?;
        let base = fstat(&directory).map_err(refused)?;
        for component in folder.components() {
            let Component::Normal(component) = component else {
                return Err(Error::Indirect(path.clone()));
            };
            let flags = to_directory | OFlag::O_NOFOLLOW;
            directory = match openat(&directory, component, flags, Mode::empty()) {
                Err(Errno::ENOTDIR | Errno::ELOOP) => {
                    return Err(Error::Indirect(path.clone()));
                }
                other => other.map_err(refused)?,
            };
        }
        let folder = fstat(&directory).map_err(refused)?;
        let to_file = |flags| -> Result<(OwnedFd, FileStat), Error> {
            let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let file = openat(&directory, name, flags, Mode::empty()).map_err(refused)?;
            let stat = fstat(file.as_fd()).map_err(refused)?;
            Ok((file, stat))
        };
        let (_, seen) = to_file(OFlag::O_PATH)?;
        match SFlag::from_bits_truncate(seen.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => {}
            SFlag::S_IFLNK => return Err(Error::Indirect(path.clone())),
            SFlag::S_IFDIR => return Err(Error::Directory(path.clone())),
            _ => return Err(Error::NotRegular(path.clone())),
        }
        if seen.st_nlink > 1 {
            return Err(Error::Linked(path.clone()));
        }
        if ![folder.st_uid, base.st_uid].contains(&seen.st_uid) {
            return Err(Error::Owner {
                path: path.clone(),
                user: seen.st_uid,
            });
        }
        let (file, opened) = to_file(access | OFlag::O_NONBLOCK)?;
        let identity = |of: &FileStat| (of.st_dev, of.st_ino, of.st_nlink);
        if identity(&opened) != identity(&seen) {
            return Err(Error::Contended(path.clone()));
        }
        Ok(file.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Hosts, HostsFile, Method, MethodChoice, Outcome, Owner, Reason};
    use std::fs;
    use std::os::unix::fs::symlink;

    use nix::unistd::{Uid, chown, geteuid, mkfifo};

    /// A base with a container's folder in it, and a file outside.
    fn place() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().join("containers");
        fs::create_dir_all(base.join("a")).unwrap();
        let outside = directory.path().join("passwd");
        fs::write(&outside, "root\n").unwrap();
        (directory, base, outside)
    }

    fn outcome(base: &Path, path: &Path) -> Result<File, Error> {
        Confined::new(base, path).open(OFlag::O_RDWR)
    }

    #[test]
    fn a_plain_file_is_opened_also_where_the_base_is_a_link() {
        let (directory, base, _) = place();
        let path = base.join("a/hosts");
        assert!(matches!(outcome(&base, &path), Err(Error::Gone(_))));
        fs::write(&path, "").unwrap();
        outcome(&base, &path).unwrap();
        let link = directory.path().join("link");
        symlink(&base, &link).unwrap();
        outcome(&link, &link.join("a/hosts")).unwrap();
    }

    #[test]
    fn what_leads_outside_or_is_no_plain_file_is_not_opened() {
        let (_directory, base, outside) = place();
        let path = base.join("a/hosts");
        let refused = |put: &dyn Fn(), is_it: fn(&Error) -> bool| {
            let _ = fs::remove_file(&path);
            put();
            let error = outcome(&base, &path).unwrap_err();
            assert!(is_it(&error), "{error}");
        };
        refused(&|| symlink(&outside, &path).unwrap(), |error| {
            matches!(error, Error::Indirect(_))
        });
        refused(&|| fs::hard_link(&outside, &path).unwrap(), |error| {
            matches!(error, Error::Linked(_))
        });
        refused(
            &|| mkfifo(&path, Mode::from_bits_truncate(0o600)).unwrap(),
            |error| matches!(error, Error::NotRegular(_)),
        );
        let _ = fs::remove_file(&path);
        fs::create_dir(&path).unwrap();
        assert!(matches!(outcome(&base, &path), Err(Error::Directory(_))));
        // A folder that is a link to one outside.
        let folder = outside.parent().unwrap().join("elsewhere");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("hosts"), "").unwrap();
        symlink(&folder, base.join("b")).unwrap();
        for path in ["b/hosts", "a/../b/hosts", "../elsewhere/hosts"] {
            let error = outcome(&base, &base.join(path)).unwrap_err();
            assert!(matches!(error, Error::Indirect(_)), "{path}: {error}");
        }
        assert_eq!(fs::read_to_string(&outside).unwrap(), "root\n");
    }

    #[test]
    fn a_file_of_a_stranger_is_not_opened() {
        if !geteuid().is_root() {
            return;
        }
        let (_directory, base, _) = place();
        let path = base.join("a/hosts");
        fs::write(&path, "").unwrap();
        chown(&path, Some(Uid::from_raw(12345)), None).unwrap();
        let error = outcome(&base, &path).unwrap_err();
        assert!(matches!(error, Error::Owner { user: 12345, .. }), "{error}");
        // As with an engine whose containers have users of their own.
        chown(&base.join("a"), Some(Uid::from_raw(12345)), None).unwrap();
        outcome(&base, &path).unwrap();
    }

    /// Whatever takes the place of the file while it is kept, what is outside stays as it is, and the file is kept
    /// again once it is one.
    #[test]
    fn what_takes_the_place_of_a_file_that_is_kept_is_not_written() {
        let (_directory, base, outside) = place();
        let path = base.join("a/hosts");
        let put: [&dyn Fn(); 4] = [
            &|| symlink(&outside, &path).unwrap(),
            &|| fs::hard_link(&outside, &path).unwrap(),
            &|| mkfifo(&path, Mode::from_bits_truncate(0o600)).unwrap(),
            &|| {},
        ];
        let hosts = |last: u8| {
            let address = format!("10.0.0.{last}").parse().unwrap();
            Hosts::unit("db".parse().unwrap(), vec![address].into())
        };
        let mut file = HostsFile::new(&path, Owner::new("hostsync").unwrap()).confined(&base);
        for (number, put) in (0..).zip(put) {
            fs::write(&path, "127.0.0.1 localhost\n").unwrap();
            let Outcome::Done(pass) = file.reconcile(&hosts(number), &Hosts::new()).unwrap() else {
                panic!("nobody else writes");
            };
            assert_eq!(pass.method, Method::Slots(Reason::Mounted));
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(&format!("\n10.0.0.{number} db ")), "{text}");
            fs::remove_file(&path).unwrap();
            put();
            assert!(!file.still_agrees());
            let error = file.reconcile(&hosts(99), &hosts(number)).unwrap_err();
            assert_eq!(fs::read_to_string(&outside).unwrap(), "root\n", "{error}");
            file.clean(&hosts(number)).err();
            assert_eq!(fs::read_to_string(&outside).unwrap(), "root\n");
            let _ = fs::remove_file(&path);
        }
    }

    #[test]
    fn what_is_mounted_into_a_container_keeps_its_inode_and_is_never_replaced() {
        use std::os::unix::fs::MetadataExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hosts");
        fs::write(&path, "127.0.0.1 localhost\n").unwrap();
        let inode = || fs::metadata(&path).unwrap().ino();
        let before = inode();
        let file = || HostsFile::new(&path, Owner::new("hostsync").unwrap()).mounted();
        let wanted = Hosts::unit(
            "db".parse().unwrap(),
            vec!["10.0.0.5".parse().unwrap()].into(),
        );
        file().reconcile(&wanted, &Hosts::new()).unwrap();
        assert_eq!(inode(), before);
        let mut replaced = file().with_method(MethodChoice::Replace);
        let error = replaced.reconcile(&wanted, &Hosts::new()).unwrap_err();
        assert!(matches!(error, Error::Mounted(_)), "{error}");
        assert_eq!(inode(), before);
    }
}
