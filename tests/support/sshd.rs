//! Debian's OpenSSH server on a loopback port, for the user that runs the tests: the licence server and the tftp host.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fs_err as fs;
use tempfile::TempDir;

use super::switch::{kept_key, make_key};

/// A server with a home of its own for whoever logs in, until it is dropped.
pub(crate) struct Sshd {
    pub(crate) port: u16,
    /// The user that runs the tests: a server that is not root lets in no other.
    pub(crate) user: String,
    folder: TempDir,
    server: Child,
}

impl Sshd {
    /// Starts a server with further lines of configuration.
    pub(crate) fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        make_key(&path("id"), "ed25519", "");
        fs::copy(path("id.pub"), path("authorized_keys")).unwrap();
        fs::create_dir(path("disk")).unwrap();
        // Homes are links where they are on a server of files.
        std::os::unix::fs::symlink(path("disk"), path("home")).unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let (at, home) = (folder.path().display(), path("home"));
        let keys = ["ed25519", "rsa", "ecdsa"].map(|kind| format!("HostKey {}\n", kept_key("server", kind).display()));
        let text = format!(
            "ListenAddress 127.0.0.1\nPort {port}\n{}\
             AuthorizedKeysFile {at}/authorized_keys\nStrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nMaxStartups 100\n\
             Subsystem sftp internal-sftp -d {}\n{more}\n",
            keys.concat(),
            home.display()
        );
        fs::OpenOptions::new().create(true).append(true).open(path("config")).unwrap();
        std::io::Write::write_all(
            &mut fs::OpenOptions::new().append(true).open(path("config")).unwrap(),
            text.as_bytes(),
        )
        .unwrap();
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap().trim().to_owned();
        if user == "root" {
            // Debian's start script makes it, and none was run.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let server = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(path("config"))
            .stdin(Stdio::null())
            .stderr(fs::OpenOptions::new().create(true).append(true).open(path("log")).unwrap().into_file())
            .spawn()
            .expect("/usr/sbin/sshd (openssh-server)");
        let sshd = Self { port, user, folder, server };
        sshd.wait();
        sshd
    }

    fn wait(&self) {
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("sshd does not answer: {}", self.log());
    }

    /// What the server says.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The key of the login.
    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("id")
    }

    /// Where a relative path of the login lies.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// The line of known_hosts with its key of this kind: `ed25519`, `rsa`, `ecdsa`.
    pub(crate) fn known(&self, kind: &str) -> String {
        format!("[127.0.0.1]:{} {}\n", self.port, public_key(&kept_key("server", kind)))
    }
}

/// Type and key of the public half of a key file.
pub(crate) fn public_key(path: &Path) -> String {
    let public = fs::read_to_string(format!("{}.pub", path.display())).unwrap();
    public.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
