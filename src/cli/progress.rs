//! A line of progress on a terminal; nothing where standard error is none, as in cron.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::network::Progress;
use crate::pipeline::Step;

/// What a night is doing, on one line.
pub(super) struct Line(ProgressBar);

impl Line {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        Self(bar)
    }

    /// Shows a step.
    pub(super) fn show(&self, step: Step<'_>) {
        match step {
            Step::Waiting => {
                self.0.set_message("waiting for another run that writes here…");
                // In cron too: a night that hangs must say why.
                super::complain("note: another run writes into the output directory; waiting for its end");
            }
            Step::Deriving(month) => self.0.set_message(format!("working out {}…", month.format("%B %Y"))),
            Step::Doing(what) => self.0.set_message(format!("{what}…")),
            Step::Switches(Progress::Asking(n)) => {
                self.0.set_length(n as u64);
                self.0.set_message("asking the switches");
                // The template is a constant; a wrong one would only cost the bar.
                if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {bar:24} {pos}/{len}") {
                    self.0.set_style(style);
                }
            }
            Step::Switches(Progress::Answered(_)) => self.0.inc(1),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
