//! The bar of the running check: there is one, and it is gone when the check is over.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// Where the number of steps is known.
const BAR: &str = "{prefix:>7} [{elapsed:>10}] {msg} {bar:24.green/dim} {pos}/{len}";
/// Where it is not.
const SPINNER: &str = "{prefix:>7} [{elapsed:>10}] {msg} {spinner:.green}";
/// How often the clock and the spinner move while the check says nothing.
const TICK: Duration = Duration::from_millis(200);

/// Draws nothing at all where its target is not a terminal.
pub(super) struct Progress {
    bar: ProgressBar,
    /// A check is running. Without this `suspend` would draw a bar that nobody has started.
    running: bool,
}

impl Progress {
    /// Nothing to show yet.
    pub(super) fn new(target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(None, target);
        bar.finish_and_clear();
        Self { bar, running: false }
    }

    /// Shows check `id`, the `number`-th of `planned` (0: nobody knows how many), of so many steps.
    pub(super) fn start(&mut self, id: &str, steps: Option<u64>, number: usize, planned: usize) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_style(style(if steps.is_some() { BAR } else { SPINNER }));
        match steps {
            Some(steps) => self.bar.set_length(steps),
            None => self.bar.unset_length(),
        }
        self.bar.set_prefix(if planned == 0 { "running".to_owned() } else { format!("{number}/{planned}") });
        self.bar.set_message(id.to_owned());
        // Last, for this shows it: each setter would draw a bar of which half is about the check before.
        self.bar.reset();
        self.bar.enable_steady_tick(TICK);
        self.running = true;
    }

    /// So many steps are done.
    pub(super) fn done(&mut self, done: u64) {
        if self.running {
            self.bar.set_position(done);
        }
    }

    /// Takes the bar away.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.running) {
            self.bar.disable_steady_tick();
            self.bar.finish_and_clear();
        }
    }

    /// Runs `write` with the bar out of the way.
    pub(super) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        if self.running { self.bar.suspend(write) } else { write() }
    }
}

/// A test holds every template valid; were one not, the plain bar is better than none.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .map(|style| style.progress_chars("━╸─"))
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::InMemoryTerm;

    #[test]
    fn templates_are_valid() {
        for template in [BAR, SPINNER] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    /// What stands on the screen, without the clock and the spinner, which depend on the machine's speed.
    fn shown(progress: &Progress, screen: &InMemoryTerm) -> String {
        progress.bar.force_draw();
        let text = screen.contents();
        let (before, rest) = text.split_once('[').unwrap();
        let (clock, after) = rest.split_once(']').unwrap();
        assert!(clock.ends_with('s'), "{text}");
        format!("{}[]{}", before.trim_start(), after.trim_end_matches(|c: char| !c.is_ascii()))
    }

    #[test]
    fn a_bar_comes_grows_and_goes() {
        let screen = InMemoryTerm::new(10, 100);
        let mut progress = Progress::new(ProgressDrawTarget::term_like(Box::new(screen.clone())));
        progress.suspend(|| ());
        assert_eq!(screen.contents(), "", "no check runs yet");
        progress.start("layers/micro/fp32/forward", Some(412), 2, 5);
        progress.done(206);
        insta::assert_snapshot!(shown(&progress, &screen), @"2/5 [] layers/micro/fp32/forward ━━━━━━━━━━━━╸─────────── 206/412");
        progress.clear();
        assert_eq!(screen.contents(), "");

        progress.start("layers/vit_small/fp32/forward", None, 1, 0);
        insta::assert_snapshot!(shown(&progress, &screen), @"running [] layers/vit_small/fp32/forward");
        progress.clear();
        progress.suspend(|| ());
        assert_eq!(screen.contents(), "", "no check runs any more");
    }

    /// What a pipe gets: nothing.
    #[test]
    fn a_hidden_bar_stays_hidden() {
        let mut progress = Progress::new(ProgressDrawTarget::hidden());
        progress.start("a", Some(3), 1, 1);
        progress.done(1);
        assert!(progress.bar.is_hidden());
        progress.clear();
    }
}
