//! SIGINT and SIGTERM: what was judged so far is reported before the program ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dinov3_ground::Words;
use dinov3_reports::message::Coverage;
use dinov3_suites::Suite;
use dinov3_suites::trajectory::Trajectories;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::{emulate_default_handler, signal_name};

use super::heard::Shared;
use crate::deliver::Output;
use crate::failure::Result;

/// The time that reports may take, and that a reporter may be in the middle of an event.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for signals from now on.
#[derive(Clone, Debug)]
pub struct Waiting(Arc<AtomicBool>);

impl Waiting {
    /// Starts to wait, in a thread of its own. A signal ends the program as it would have without, after the reports.
    ///
    /// # Errors
    /// If the system has no handler or thread left.
    pub fn start(shared: Shared, output: Output) -> Result<Self> {
        let failed = |error: std::io::Error| Words::new("signals cannot be waited for").because(error);
        let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
        let told = Arc::new(AtomicBool::new(false));
        let own = Arc::clone(&told);
        let wait = move || {
            let mut again = false;
            for signal in signals.forever() {
                // A long training saves its state first, and gives an error.
                let trains = shared.try_with(|heard| heard.suite == Trajectories.info().name) == Some(true);
                if !std::mem::replace(&mut again, true) && trains {
                    continue;
                }
                own.store(true, Ordering::SeqCst);
                report(&shared, &output, signal);
                let _ = emulate_default_handler(signal);
            }
        };
        thread::Builder::new().name("signals".to_owned()).spawn(wait).map_err(failed)?;
        Ok(Self(told))
    }

    /// Whether a signal has come that ends the program.
    pub fn told(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Leaves the end of the program to the thread that heard the signal; returns if that does not end it.
    pub fn give_way(&self) {
        thread::sleep(PATIENCE);
    }
}

/// Writes the reports of what was judged. Nothing can be done about one that fails.
fn report(shared: &Shared, output: &Output, signal: i32) {
    let name = signal_name(signal).unwrap_or("a signal").to_owned();
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let why = Coverage::Interrupted { signal: name.clone() };
        if let Some(report) = shared.try_with(|heard| heard.cut_short(why)) {
            // The progress bar left its line unfinished.
            eprintln!("\nended by {name}");
            if let Some(report) = report {
                for (file, _) in output.write(&report) {
                    eprintln!("report: {}", file.display());
                }
            }
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
}
