//! Why something failed, and whether trying again can help.

use std::fmt::Display;
use std::time::Duration;

use ssh2::{ErrorCode, Session};

use crate::finding::excerpt;
use crate::network::{Host, RemoteError};

/// Codes of libssh2 that are acted upon, as `libssh2.h` numbers them.
pub(super) mod code {
    pub(in crate::network::ssh) const KEX_FAILURE: i32 = -5;
    pub(in crate::network::ssh) const SOCKET_SEND: i32 = -7;
    pub(in crate::network::ssh) const KEY_EXCHANGE_FAILURE: i32 = -8;
    pub(in crate::network::ssh) const SOCKET_DISCONNECT: i32 = -13;
    pub(in crate::network::ssh) const FILE: i32 = -16;
    pub(in crate::network::ssh) const AUTHENTICATION_FAILED: i32 = -18;
    pub(in crate::network::ssh) const PUBLICKEY_UNVERIFIED: i32 = -19;
    pub(in crate::network::ssh) const SOCKET_RECV: i32 = -43;
}

/// What a failure says of further attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outlook {
    /// Another connection may succeed: it was closed, refused or disturbed.
    Again,
    /// This host fails in the same way again.
    Hopeless,
    /// The host is well: only this one thing cannot be had of it.
    Alone,
}

/// A failure of a step with a host, without the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    step: Option<String>,
    cause: String,
    remedy: Option<String>,
    outlook: Outlook,
}

impl Failure {
    /// A failure that comes again.
    pub(super) fn new(cause: impl Display) -> Self {
        Self { step: None, cause: cause.to_string(), remedy: None, outlook: Outlook::Hopeless }
    }

    /// A failure that may not come again.
    pub(super) fn passing(cause: impl Display) -> Self {
        Self { outlook: Outlook::Again, ..Self::new(cause) }
    }

    /// A failure of one command or file, with a host that is well.
    pub(super) fn alone(cause: impl Display) -> Self {
        Self { outlook: Outlook::Alone, ..Self::new(cause) }
    }

    /// The connection was closed.
    pub(super) fn lost() -> Self {
        Self::passing("the host closed the connection")
    }

    /// The time for a step was up. Whoever needs more time than that needs it again.
    pub(super) fn late(allowed: Duration) -> Self {
        Self::new(format!("not done after {} s", allowed.as_secs_f32()))
    }

    /// A failure to read or write a channel or a file. libssh2 tells more of it than the error that came through a stream.
    pub(super) fn of_stream(session: &Session, error: &std::io::Error) -> Self {
        match ssh2::Error::last_session_error(session).map(|last| last.code()) {
            Some(ErrorCode::Session(code::SOCKET_DISCONNECT | code::SOCKET_RECV | code::SOCKET_SEND)) => Self::lost(),
            _ => Self::alone(excerpt(&error.to_string())),
        }
    }

    /// The failure with what to do about it.
    pub(super) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// The failure of this step, unless it names one already.
    pub(super) fn at(self, step: &str) -> Self {
        Self { step: self.step.or_else(|| Some(step.to_owned())), ..self }
    }

    pub(super) fn outlook(&self) -> Outlook {
        self.outlook
    }

    /// The failure of a host.
    pub(super) fn of(self, host: &Host) -> RemoteError {
        let error = RemoteError::new(host, self.step.unwrap_or_default(), self.cause);
        RemoteError { remedy: self.remedy, ..error }
    }
}

impl From<ssh2::Error> for Failure {
    fn from(error: ssh2::Error) -> Self {
        const NO_SUCH_FILE: i32 = 2;
        const PERMISSION_DENIED: i32 = 3;
        match error.code() {
            ErrorCode::Session(code::SOCKET_DISCONNECT | code::SOCKET_RECV | code::SOCKET_SEND) => Self::lost(),
            ErrorCode::SFTP(NO_SUCH_FILE) => Self::alone("no such file"),
            ErrorCode::SFTP(PERMISSION_DENIED) => {
                Self::alone("permission denied").remedy("give the login the right to it there")
            }
            ErrorCode::SFTP(code) => Self::alone(format!("{} (SFTP error {code})", excerpt(error.message()))),
            ErrorCode::Session(code) => Self::new(format!("{} (libssh2 error {code})", excerpt(error.message()))),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(error)
    }
}
