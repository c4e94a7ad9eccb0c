//! A round: one target for a time.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use crate::memory::most_held;
use crate::mutate::{Random, mutate};
use crate::targets::Target;

/// The longest time of one input. Beyond it the process ends, with the exit code [`HANGS`].
const LONGEST: Duration = Duration::from_secs(20);
/// The exit code of a process whose reader hangs.
pub const HANGS: i32 = 124;
/// The most inputs that a round keeps.
const MOST_KEPT: usize = 2000;

/// What a round came to.
#[derive(Debug, Default)]
pub struct Report {
    /// Inputs read.
    pub runs: u64,
    /// Different outcomes.
    pub outcomes: usize,
    /// The most bytes held for one input.
    pub most_held: usize,
    /// The longest time of one input.
    pub longest: Duration,
    /// The first fault: what happened, and where the input is.
    pub fault: Option<(String, PathBuf)>,
}

/// Reads the corpus, then mutated inputs until `time` is over or a fault is found. Inputs that end the process stay behind
/// in `found`, as the file `NAME.current`; inputs with a fault become `NAME.fault`.
///
/// # Errors
/// If no scratch folder or file can be made.
pub fn round(target: &Target, time: Duration, seed: u64, found: &Path) -> io::Result<Report> {
    let scratch = tempfile::tempdir()?;
    let current = found.join(format!("{}.current", target.name));
    let watch = Watch::start(target.name, current.clone());
    let mut random = Random(seed);
    let mut pool = (target.corpus)();
    // Hashes, since a round has millions of outcomes.
    let (mut seen, hash) = (HashSet::new(), RandomState::new());
    let mut report = Report::default();
    let (begun, first) = (Instant::now(), pool.len());
    for number in 0.. {
        let input = match pool.get(number).filter(|_| number < first) {
            Some(input) => input.clone(),
            None if begun.elapsed() >= time => break,
            None => {
                let input = &pool[random.below(pool.len())];
                let other = &pool[random.below(pool.len())];
                mutate(&mut random, input, other, target.longest)
            }
        };
        watch.set(&input);
        let start = Instant::now();
        let (outcome, held) = most_held(|| catch_unwind(AssertUnwindSafe(|| (target.read)(&input, scratch.path()))));
        report.runs += 1;
        report.longest = report.longest.max(start.elapsed());
        report.most_held = report.most_held.max(held);
        let fault = match &outcome {
            Err(_) => Some("a panic".to_owned()),
            Ok(_) if held > (target.most_held)(input.len()) => Some(format!("{held} bytes held for {}", input.len())),
            Ok(_) => None,
        };
        if let Some(fault) = fault {
            let path = found.join(format!("{}.fault", target.name));
            fs::create_dir_all(found)?;
            fs::write(&path, &input)?;
            report.fault = Some((fault, path));
            break;
        }
        if let Ok(outcome) = outcome
            && seen.insert(hash.hash_one(outcome))
            && number >= first
            && pool.len() < first + MOST_KEPT
        {
            pool.push(input);
        }
    }
    report.outcomes = seen.len();
    drop(watch);
    Ok(report)
}

/// Ends the process when an input takes too long, and writes it down first.
struct Watch {
    input: Arc<Mutex<Vec<u8>>>,
    count: Arc<AtomicU64>,
}

impl Watch {
    fn start(name: &'static str, current: PathBuf) -> Self {
        let (input, count) = (Arc::new(Mutex::new(Vec::<u8>::new())), Arc::new(AtomicU64::new(0)));
        let (theirs, counted) = (Arc::downgrade(&input), Arc::clone(&count));
        thread::spawn(move || {
            let mut last = (0, Instant::now());
            // The round drops its input when it ends.
            while let Some(input) = theirs.upgrade() {
                let now = counted.load(Relaxed);
                if now != last.0 {
                    last = (now, Instant::now());
                } else if now > 0 && last.1.elapsed() > LONGEST {
                    let written = input.lock().map(|input| fs::write(&current, &*input));
                    eprintln!("{name}: an input takes more than {LONGEST:?}; {} {written:?}", current.display());
                    std::process::exit(HANGS);
                }
                drop(input);
                thread::sleep(Duration::from_millis(200));
            }
        });
        Self { input, count }
    }

    fn set(&self, input: &[u8]) {
        if let Ok(mut current) = self.input.lock() {
            current.clear();
            current.extend_from_slice(input);
        }
        self.count.fetch_add(1, Relaxed);
    }
}
