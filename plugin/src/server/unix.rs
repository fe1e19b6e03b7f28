//! A unix socket that only this user (and the group that the host names) can reach.

use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::handshake::Placement;
use super::listener::Address;

/// A listening socket; socket and directory go away with it.
pub(super) struct Listener {
    socket: UnixListener,
    directory: PrivateDirectory,
}

impl Listener {
    #[expect(clippy::unused_async, reason = "the TCP twin waits")]
    pub(super) async fn bind(placement: &Placement) -> io::Result<Self> {
        let base = placement.socket_dir.clone().unwrap_or_else(std::env::temp_dir);
        let directory = PrivateDirectory::create(&base)?;
        let path = directory.socket();
        let socket = UnixListener::bind(&path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        let mode = match &placement.socket_group {
            None => 0o600,
            Some(group) => {
                let gid = Some(group_id(group)?);
                chown(&directory.0, None, gid)?;
                chown(&path, None, gid)?;
                fs::set_permissions(&directory.0, fs::Permissions::from_mode(0o750))?;
                0o660
            }
        };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        Ok(Self { socket, directory })
    }

    pub(super) fn address(&self) -> io::Result<Address> {
        let path = self.directory.socket();
        let text = path
            .to_str()
            .ok_or_else(|| io::Error::other("the socket's path is not valid UTF-8"))?;
        Ok(Address {
            network: "unix",
            address: text.to_owned(),
        })
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        self.socket.accept().await.map(|(stream, _)| stream)
    }
}

/// A fresh directory of mode 0700. The name is short: a socket path has little room.
struct PrivateDirectory(PathBuf);

impl PrivateDirectory {
    fn create(base: &Path) -> io::Result<Self> {
        // The name need not be secret, only unused: creating fails where it exists, and the mode guards it.
        for _ in 0..16 {
            let random = RandomState::new().build_hasher().finish();
            let path = base.join(format!("plugin-{}-{:08x}", std::process::id(), random & 0xffff_ffff));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "no unused name for the socket's directory",
        ))
    }

    fn socket(&self) -> PathBuf {
        self.0.join("grpc.sock")
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        // Nothing useful can be done when the directory is gone already.
        let _ = fs::remove_file(self.socket());
        let _ = fs::remove_dir(&self.0);
    }
}

/// The number of a group given by number or by its name in /etc/group.
fn group_id(group: &str) -> io::Result<u32> {
    if let Ok(gid) = group.parse() {
        return Ok(gid);
    }
    let groups = fs::read_to_string("/etc/group")?;
    find_group(&groups, group)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no group named {group:?}")))
}

fn find_group(groups: &str, name: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then(|| fields.nth(1)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn the_socket_is_private_and_goes_away() {
        let base = tempfile::tempdir().unwrap();
        let placement = Placement {
            socket_dir: Some(base.path().into()),
            ..Default::default()
        };
        let listener = Listener::bind(&placement).await.unwrap();
        let (directory, socket) = (listener.directory.0.clone(), listener.directory.socket());
        assert_eq!((mode(&directory), mode(&socket)), (0o700, 0o600));
        assert_eq!(listener.address().unwrap().address, socket.to_str().unwrap());
        drop(listener);
        assert!(!directory.exists());
    }

    #[tokio::test]
    async fn a_group_may_connect_where_the_host_names_one() {
        let base = tempfile::tempdir().unwrap();
        let own = {
            use std::os::unix::fs::MetadataExt as _;
            fs::metadata(base.path()).unwrap().gid()
        };
        let socket_group = Some(own.to_string());
        let placement = Placement {
            socket_dir: Some(base.path().into()),
            socket_group,
            ..Default::default()
        };
        let listener = Listener::bind(&placement).await.unwrap();
        assert_eq!(
            (mode(&listener.directory.0), mode(&listener.directory.socket())),
            (0o750, 0o660)
        );
    }

    #[test]
    fn groups_by_name() {
        let file = "root:x:0:\nstaff:x:50:alice,bob\nbroken\n";
        assert_eq!(find_group(file, "staff"), Some(50));
        assert_eq!(find_group(file, "broken"), None);
        assert_eq!(find_group(file, "nobody"), None);
    }

    #[tokio::test]
    async fn an_unusable_directory_is_named() {
        let placement = Placement {
            socket_dir: Some("/nonexistent".into()),
            ..Default::default()
        };
        let error = Listener::bind(&placement).await.err().unwrap();
        assert!(error.to_string().contains("/nonexistent/"), "{error}");
    }
}
