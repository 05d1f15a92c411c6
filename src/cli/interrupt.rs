//! Ctrl-C, and the SIGTERM of a service manager: the run ends at once, whatever it waits for.
//!
//! Nothing has to be undone: files are renamed into place whole, the next run takes the leftovers away, and hosts see their
//! connections closed.

use std::io::{IsTerminal, Write};
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Ends the process on a signal, which its parent sees it ended by. Without signals to listen to, the system does the same
/// without a word. `says` is what whoever sees it is told, if there is anything to tell.
pub(super) fn listen(says: Option<&'static str>) {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
    let listening = thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            let mut out = std::io::stderr();
            if out.is_terminal() {
                // The line of progress stands there.
                let _ = write!(out, "\r\x1b[2K\x1b[?25h");
            }
            if let Some(says) = says {
                super::complain(says);
            }
            let _ = emulate_default_handler(signal);
        }
    });
    // A system without a thread to spare ends this process by itself.
    drop(listening);
}
