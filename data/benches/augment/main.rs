//! The benchmark of decoding and augmentation against the reference: `cargo ci bench augment -- --reference PATH`.
//!
//! Both sides turn the same 500x375 JPEG files into two crops of 224 pixels and eight of 96, drawn from the same seed. They
//! take turns. If their first crops are not the same bits, nothing is timed: the figures would be of two different programs.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Parser;
use comfy_table::{Table, presets};
use dinov3_data::augment::Augmentation;
use dinov3_data::random::Streams;
use dinov3_data::{decode, memory};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// The program of the reference's side.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/augment/reference.py");
/// What the pictures are cut from.
const PHOTOGRAPHS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../golden/photographs");
/// Set by `cargo ci bench` to the folder that it is called in: cargo runs a benchmark in the folder of its crate.
const CALLED_FROM: &str = "DINOV3_CALLED_FROM";
/// The seed of the draws; the same as on the other side.
const SEED: u32 = 0;

/// Times decoding and augmentation beside the reference's, in turn.
#[derive(Debug, Parser)]
#[command(name = "cargo ci bench augment --", bin_name = "cargo ci bench augment --")]
struct Arguments {
    /// Git checkout of facebookresearch/dinov3 at the pinned commit.
    #[arg(long, value_name = "PATH")]
    reference: PathBuf,
    /// The Python that has the packages of golden/export/requirements.txt.
    #[arg(long, value_name = "PYTHON", default_value = "python3")]
    python: PathBuf,
    /// How often both sides are timed, in turn.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Images that the reference is given in a round; a core of ours gets eight times as many.
    #[arg(long, value_name = "N", default_value_t = 60)]
    images: usize,
    /// Threads of ours beside one alone.
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
    /// Given by `cargo bench` to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What the reference's side prints when it has made the pictures.
#[derive(Deserialize)]
struct Made {
    /// SHA-256 of the crops of one picture after another.
    first: String,
}

/// What it prints of a round.
#[derive(Deserialize)]
struct Measured {
    images: usize,
    seconds: f64,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let made: Made = reference(arguments, folder.path(), &["--make"])?;
    let pictures = pictures(folder.path())?;
    if made.first != first_crops(&pictures)? {
        bail!("the two sides do not make the same crops, so their speeds are not compared");
    }
    // As the loader does.
    memory::keep_freed();
    let (mut one, mut many, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=arguments.rounds {
        let images = 8 * arguments.images;
        one.push(rate(&pictures, 1, images)?);
        many.push(rate(&pictures, arguments.threads, images)?);
        let measured: Measured = reference(arguments, folder.path(), &["--images", &arguments.images.to_string()])?;
        theirs.push(measured.images as f64 / measured.seconds);
        eprintln!(
            "round {round} of {}: {:.1} images/s, {:.1} on {} threads, the reference {:.1}",
            arguments.rounds,
            one[one.len() - 1],
            many[many.len() - 1],
            arguments.threads,
            theirs[theirs.len() - 1]
        );
    }
    print!("{}", summary(arguments.threads, &one, &many, &theirs));
    Ok(())
}

fn summary(threads: usize, one: &[f64], many: &[f64], theirs: &[f64]) -> String {
    let ratio = |of: &[f64], to: &[f64]| spread(of.iter().zip(to).map(|(of, to)| of / to).collect(), 2);
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(["", "images/s", "to the reference", "to one thread"]);
    let row = |name: String, rates: &[f64]| [name, spread(rates.to_vec(), 1), ratio(rates, theirs), ratio(rates, one)];
    table.add_row(row("the reference, one thread".to_owned(), theirs));
    table.add_row(row("ours, one thread".to_owned(), one));
    table.add_row(row(format!("ours, {threads} threads"), many));
    format!(
        "{table}\n\nMedians, and ranges over the rounds ({}); ratios are taken round by round. The crops are the same bits.\n",
        one.len()
    )
}

/// The median and the range.
fn spread(mut figures: Vec<f64>, decimals: usize) -> String {
    figures.sort_by(f64::total_cmp);
    let (low, high) = (figures[(figures.len() - 1) / 2], figures[figures.len() / 2]);
    let (median, min, max) = ((low + high) / 2.0, figures[0], figures[figures.len() - 1]);
    format!("{median:.decimals$} ({min:.decimals$}..{max:.decimals$})")
}

/// What the reference's side prints.
fn reference<T: DeserializeOwned>(arguments: &Arguments, pictures: &Path, more: &[&str]) -> Result<T> {
    let from_caller =
        |path: &Path| std::env::var_os(CALLED_FROM).map_or(path.to_owned(), |at| Path::new(&at).join(path));
    let by_path = arguments.python.components().count() > 1;
    let python = if by_path { from_caller(&arguments.python) } else { arguments.python.clone() };
    let mut command = Command::new(&python);
    command.arg(PROGRAM).arg("--reference").arg(from_caller(&arguments.reference));
    command.args(["--photographs", PHOTOGRAPHS]).arg("--pictures").arg(pictures).args(more);
    // It brings its own libtorch.
    command.env_remove("LD_LIBRARY_PATH").stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().with_context(|| format!("{} cannot be run", python.display()))?;
    if !output.status.success() {
        bail!("the reference's side ended with {}", output.status);
    }
    serde_json::from_slice(&output.stdout).context("the reference's side printed no figures")
}

/// The files of a folder, in the order of their names.
fn pictures(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|it| it.path())).collect::<Result<_, _>>()?;
    paths.sort();
    Ok(paths.iter().map(std::fs::read).collect::<Result<_, _>>()?)
}

fn augmentation() -> Augmentation {
    Augmentation {
        global_crops_scale: (0.32, 1.0),
        local_crops_scale: (0.05, 0.32),
        local_crops_number: 8,
        global_crops_size: 224,
        local_crops_size: 96,
        gram_teacher: None,
        local_crops_subset_of_global_crops: false,
        patch_size: 16,
        share_color_jitter: false,
        horizontal_flips: true,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
    }
}

/// SHA-256 of the crops of one picture after another.
fn first_crops(pictures: &[Vec<u8>]) -> Result<String> {
    let (augmentation, mut streams, mut digest) = (augmentation(), Streams::fix_random_seeds(SEED), Sha256::new());
    for picture in pictures {
        let image = decode::decode(picture)?;
        let parameters = augmentation.draw(image.width(), image.height(), &mut streams);
        let crops = augmentation.apply(&image, &parameters);
        for value in crops.global.iter().chain(&crops.local).flat_map(|crop| crop.iter()) {
            digest.update(value.to_le_bytes());
        }
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Images a second of so many threads, each of which makes the crops of `images`, after one of each picture off the clock.
fn rate(pictures: &[Vec<u8>], threads: usize, images: usize) -> Result<f64> {
    let work = |thread: u32, images: usize| -> Result<()> {
        let (augmentation, mut streams) = (augmentation(), Streams::fix_random_seeds(SEED + thread));
        for picture in pictures.iter().cycle().take(images) {
            let image = decode::decode(picture)?;
            let parameters = augmentation.draw(image.width(), image.height(), &mut streams);
            std::hint::black_box(augmentation.apply(&image, &parameters));
        }
        Ok(())
    };
    work(0, pictures.len())?;
    let start = Instant::now();
    std::thread::scope(|scope| -> Result<()> {
        let started: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread as u32, images))).collect();
        started.into_iter().try_for_each(|thread| thread.join().expect("a thread of the benchmark does not panic"))
    })?;
    Ok((threads * images) as f64 / start.elapsed().as_secs_f64())
}
