//! The ranks of a round: started together, and ended together when one fails.

use std::path::Path;
use std::{fs, io};

use dinov3_ground::Hint;
use dinov3_ranks::launch::{Ended, Launch, LaunchError, Request, Show};
use dinov3_torch::runtime::AVX2;
use serde::Serialize;

use super::rank::{CONSEQUENCE, Measured, figures_file};
use crate::failure::{ENVIRONMENT, FAILED, Failure};
use crate::process::Program;
use crate::rounds::{Rounds, Workload};

/// One number of ranks, over the rounds.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// How many.
    pub ranks: u32,
    /// In the order in which they were taken.
    pub rounds: Rounds<Round>,
}

/// What the ranks of a round measured.
#[derive(Clone, Debug, Serialize)]
pub struct Round {
    /// Rank by rank.
    pub ranks: Vec<Measured>,
    /// Bytes that this machine's loopback carried meanwhile, of everybody, in setting up and warming up too.
    pub loopback_bytes: u64,
}

impl Round {
    /// Steps a second, as the slowest rank saw them.
    pub fn rate(&self) -> f64 {
        let slowest = self.ranks.iter().map(|it| it.seconds).fold(0.0, f64::max);
        f64::from(self.ranks[0].steps) / slowest
    }
}

/// Training steps over some ranks of this machine.
#[derive(Clone, Debug)]
pub struct Ranks {
    /// How many.
    pub ranks: u32,
    /// The program that measures as one rank; its last argument is the folder for that rank's figures.
    pub program: Program,
}

impl Workload for Ranks {
    type Round = Round;

    fn round(&self) -> Result<Round, Failure> {
        let folder = tempfile::tempdir().map_err(|error| lacks(&error))?;
        let before = loopback();
        match self.launch(folder.path())?.run(&mut |_| {}).map_err(|error| not_launched(&error))? {
            Ended::Together(0) => {}
            // Rank 0 has said why, on this process's standard error.
            Ended::Together(_) => return Err(Failure::said(FAILED)),
            Ended::Told { signal } => return Err(Failure::said(128_u8.saturating_add(signal as u8))),
            Ended::Failed(death) => {
                let words = if death.last_words.is_empty() { "" } else { "\n" };
                let message = format!("{death}{words}{}", death.last_words);
                return Err(Failure::new(FAILED, message, death.hints()));
            }
        }
        let loopback_bytes = loopback().saturating_sub(before);
        let ranks = (0..self.ranks).map(|rank| read(folder.path(), rank)).collect::<Result<_, _>>()?;
        Ok(Round { ranks, loopback_bytes })
    }
}

impl Ranks {
    fn launch(&self, folder: &Path) -> Result<Launch, Failure> {
        let mut arguments = self.program.arguments.clone();
        arguments.push(folder.into());
        let request = Request {
            ranks: self.ranks as usize,
            program: self.program.file.clone(),
            arguments,
            consequence: CONSEQUENCE.into(),
            show: Show::Through,
        };
        // No side is pinned to an instruction set.
        let pins = AVX2.map(|(variable, _)| variable);
        request.resolve().map(|launch| launch.without(&pins)).map_err(|error| not_launched(&error))
    }
}

/// The figures that a rank has left in the folder.
fn read(folder: &Path, rank: u32) -> Result<Measured, Failure> {
    let text = fs::read(folder.join(figures_file(rank as usize))).map_err(|error| error.to_string());
    let figures = text.and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string()));
    figures.map_err(|error| Failure::new(FAILED, format!("rank {rank} left no figures: {error}"), "start it alone"))
}

fn not_launched(error: &LaunchError) -> Failure {
    Failure::new(ENVIRONMENT, error.to_string(), error.hints())
}

fn lacks(error: &io::Error) -> Failure {
    Failure::new(ENVIRONMENT, format!("there is no folder for the ranks' figures: {error}"), "look at TMPDIR")
}

/// Bytes that the loopback has sent since the system started; 0 where it does not say.
fn loopback() -> u64 {
    let text = fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let line = text.lines().find_map(|line| line.trim().strip_prefix("lo:"));
    line.and_then(|line| line.split_whitespace().nth(8)?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Ranks that are shell scripts; `$0` is the folder for figures.
    fn ranks(script: &str) -> Ranks {
        let arguments = ["-c", script].map(Into::into).into();
        Ranks { ranks: 2, program: Program { file: "/bin/sh".into(), arguments } }
    }

    /// Whether a process is there and has not ended.
    fn lives(process: &str) -> bool {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
    }

    #[test]
    fn figures_are_read_rank_by_rank() {
        let script = r#"echo '{"last_loss": 1.5, "steps": 3, "seconds": '$((1 + RANK))', "peak_bytes": 1, "libraries_bytes": 1,
            "rest_bytes": 1, "sent_bytes": 1, "parameters": 1}' > "$0/$RANK.json""#;
        let round = ranks(script).round().unwrap();
        assert_eq!(round.ranks.iter().map(|it| it.seconds).collect::<Vec<_>>(), [1.0, 2.0]);
        assert_eq!(round.rate(), 1.5);
    }

    /// Seen red: with ranks that were started and waited for one after the other, the test waited for the sleep of rank 0, and with
    /// the ranks exchanged the sleep of rank 1 was left behind.
    #[test]
    fn a_rank_that_fails_is_named_and_ends_the_others() {
        for failing in [0, 1] {
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().display();
            let script = format!(
                "echo $$ > {place}/$RANK; if [ $RANK = {failing} ]; then sleep 0.2; echo 'error: no luck' >&2; exit 7; fi; \
                 exec sleep 60"
            );
            let begun = Instant::now();
            let failure = ranks(&script).round().unwrap_err();
            let (code, message, _) = failure.parts();
            let message = message.unwrap();
            assert_eq!(code, FAILED);
            assert!(message.starts_with(&format!("rank {failing} of 2 ended with exit code 7")), "{message}");
            assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
            for rank in 0..2 {
                let process = fs::read_to_string(folder.path().join(rank.to_string())).unwrap();
                assert!(!lives(process.trim()), "rank {rank} is left behind");
            }
        }
    }

    #[test]
    fn a_rank_without_figures_is_named() {
        let failure = ranks(r#"[ $RANK = 1 ] || echo '{}' > "$0/$RANK.json""#).round().unwrap_err();
        assert!(failure.parts().1.unwrap().starts_with("rank 0 left no figures: missing field"), "{failure:?}");
    }
}
