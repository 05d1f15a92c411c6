//! What a channel gives, piece by piece.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use ssh2::{Channel, Session};

use super::connection::Connection;
use super::failure::Failure;
use super::screen;

/// The longest answer that is taken: a switch's are some kilobytes, and whoever sends more sends for ever.
const MOST: usize = 64 << 20;
/// The longest complaint that is kept.
const MOST_COMPLAINT: usize = 4096;
/// Nothing comes for so long: whoever asks whether to go on has asked.
const QUIET: Duration = Duration::from_millis(300);

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// Some bytes, now at the end of what was read.
    Bytes,
    /// Nothing, for as long as was asked for.
    Nothing,
    /// The host has said all.
    End,
}

/// A channel that is being read. As long as it is, the end of the connection waits behind what was sent before it.
pub(super) struct Reading<'a> {
    connection: &'a Connection,
    session: Session,
    channel: &'a mut Channel,
    /// All that was read so far.
    pub(super) bytes: Vec<u8>,
    /// What it complained of.
    pub(super) complaint: Vec<u8>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(connection: &'a Connection, session: &Session, channel: &'a mut Channel) -> Self {
        connection.wire().hold_end(true);
        Self { connection, session: session.clone(), channel, bytes: Vec::new(), complaint: Vec::new() }
    }

    /// Waits for more.
    pub(super) fn more(&mut self, quiet: Duration) -> Result<Came, Failure> {
        // First: what came until then is read below, so that nothing can be behind an end and a silence.
        let is_last = self.connection.wire().has_ended();
        let milliseconds = u32::try_from(quiet.as_millis()).unwrap_or(u32::MAX).max(1);
        self.session.set_timeout(milliseconds);
        let mut piece = [0; 1 << 14];
        let read = self.channel.read(&mut piece);
        self.session.set_timeout(0);
        match read {
            Ok(0) => {
                // There is no end before all that was complained of is heard.
                let mut complaints = self.channel.stderr();
                while let Ok(n) = complaints.read(&mut piece)
                    && n > 0
                {
                    let room = MOST_COMPLAINT.saturating_sub(self.complaint.len());
                    self.complaint.extend_from_slice(&piece[..n.min(room)]);
                }
                Ok(if self.channel.eof() { Came::End } else { Came::Nothing })
            }
            Ok(n) => {
                self.bytes.extend_from_slice(&piece[..n]);
                let is_too_much = self.bytes.len() > MOST;
                let too_much = || Failure::new(format!("the answer is longer than {} MB", MOST >> 20));
                if is_too_much { Err(too_much()) } else { Ok(Came::Bytes) }
            }
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => {
                if is_last || self.connection.is_cut() { Err(Failure::lost()) } else { Ok(Came::Nothing) }
            }
            Err(error) => Err(Failure::of_stream(&self.session, &error)),
        }
    }

    /// Reads to the end of the channel, through pages where the device shows them.
    pub(super) fn read_all(&mut self) -> Result<(), Failure> {
        loop {
            match self.more(QUIET)? {
                Came::Bytes => {}
                Came::Nothing => drop(self.turn_page()?),
                Came::End => return Ok(()),
            }
        }
    }

    /// Asks for the next page where the device waits for that; whether it did.
    pub(super) fn turn_page(&mut self) -> Result<bool, Failure> {
        let waits = screen::waits_at_page(&self.bytes);
        if waits {
            self.send(b" ")?;
        }
        Ok(waits)
    }

    /// Types something.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.channel
            .write_all(bytes)
            .and_then(|()| self.channel.flush())
            .map_err(|error| Failure::of_stream(&self.session, &error))
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.connection.wire().hold_end(false);
    }
}
