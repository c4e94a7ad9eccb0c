//! Synthetic runs: each bad one raises its flag, and quiet ones raise none.

use approx::assert_relative_eq;

use super::*;
use crate::testing::Noise;

/// Steps of the runs.
const STEPS: u64 = 1250;

/// Never: no step but those of the warm-up is left out.
fn cadence() -> Cadence {
    Cadence::published(STEPS)
}

/// A quiet run: noise of a percent that depends on itself, a wait of a permille, garbage collections and checkpoints.
fn quiet(seed: u32, steps: u64) -> Vec<Stretch> {
    let mut noise = Noise::new(seed);
    let memory = [0.0, 0.3, 0.6, 0.9][seed as usize % 4];
    let wander = noise.autoregression(steps as usize, memory);
    let step = |(step, wander): (u64, f64)| {
        let special = match cadence().reason(step, 0) {
            Some(Reason::WarmUp) => 1.0 + 3.0 / (step + 1) as f64,
            Some(Reason::Checkpoint | Reason::Evaluation) => 4.0,
            Some(Reason::Collection) => 1.4,
            None => 1.0,
        };
        Stretch::step(step, 1.300_15 * special * (1.0 + 0.01 * wander), Some(0.001))
    };
    (0..steps).zip(wander).map(step).collect()
}

/// The same with each step changed.
fn changed(seed: u32, change: impl Fn(u64, &mut Stretch)) -> Vec<Stretch> {
    let mut run = quiet(seed, STEPS);
    run.iter_mut().for_each(|stretch| change(stretch.first, stretch));
    run
}

fn raised(stretches: &[Stretch]) -> Vec<Doubt> {
    doubts(&Evidence { stretches, ..Evidence::default() }, &cadence())
}

fn flags(stretches: &[Stretch]) -> Vec<Flag> {
    raised(stretches).iter().map(|doubt| doubt.flag).collect()
}

/// A run as a text log has it: means of 20 steps, a line each ten.
fn log(stretches: &[Stretch]) -> Vec<Line> {
    let lines = (0..stretches.len()).filter(|step| step % 10 == 0 || step + 1 == stretches.len());
    let line = |step: usize| {
        let window = &stretches[(step + 1).saturating_sub(20)..=step];
        let seconds = window.iter().map(|stretch| stretch.seconds).sum::<f64>() / window.len() as f64;
        Line { iteration: step as u64, start: 0, horizon: Some(stretches.len() as u64), seconds, waited: Some(0.001) }
    };
    lines.map(line).collect()
}

#[test]
fn quiet_runs_raise_no_flag() {
    for seed in 0..40 {
        let run = quiet(seed, STEPS);
        assert_eq!(raised(&run), [], "seed {seed}");
        assert_eq!(raised(&stretches(&log(&run))), [], "the log of seed {seed}");
        let short = quiet(seed, 60);
        assert_eq!(raised(&short), [], "60 steps of seed {seed}");
    }
}

#[test]
fn a_drift_raises_its_flag_in_either_direction() {
    for (seed, slope) in [(0, 0.04), (1, -0.04), (2, 0.1), (3, 0.2)] {
        let run = changed(seed, |step, stretch| stretch.seconds *= 1.0 + slope * step as f64 / STEPS as f64);
        for run in [&run, &stretches(&log(&run))] {
            let [doubt] = raised(run)[..] else { panic!("{seed}: {:?}", raised(run)) };
            assert_eq!(doubt.flag, Flag::Drift, "{seed}");
            assert_relative_eq!(doubt.value, slope, max_relative = 0.4);
        }
    }
}

#[test]
fn a_jump_raises_its_flag_with_its_step() {
    for (seed, at, size) in [(0, 700, 0.05), (1, 300, -0.05), (2, 1100, 0.5), (3, 600, 0.1)] {
        let run = changed(seed, |step, stretch| stretch.seconds *= if step < at { 1.0 } else { 1.0 + size });
        for run in [&run, &stretches(&log(&run))] {
            let [doubt] = raised(run)[..] else { panic!("{seed}: {:?}", raised(run)) };
            assert_eq!(doubt.flag, Flag::Jump, "{seed}");
            assert!(doubt.at.unwrap().abs_diff(at) < 25, "{seed}: {doubt:?}");
        }
    }
}

/// Few steps whose noise is of levels itself: seen to be called two kinds that alternate.
#[test]
fn a_large_jump_in_few_noisy_steps_is_a_jump() {
    let mut noise = Noise::new(3);
    let mut step = |step: u64| {
        let level = if step < 26 { 0.016 } else { 0.008 };
        let level = if step < 40 { level } else { 0.11 };
        Stretch::step(step, level * (1.0 + 0.1 * noise.normal()), Some(0.0))
    };
    let run: Vec<Stretch> = (0..60).map(&mut step).collect();
    let found = doubts(&Evidence { stretches: &run, ..Evidence::default() }, &Cadence::published(60));
    let [doubt] = found[..] else { panic!("{found:?}") };
    assert_eq!((doubt.flag, doubt.at), (Flag::Jump, Some(40)));
}

#[test]
fn steps_of_two_kinds_raise_their_flag() {
    for (seed, each, size) in [(0, 2, 1.2), (1, 3, 1.1), (2, 10, 1.3), (4, 5, 0.8)] {
        let run = changed(seed, |step, stretch| stretch.seconds *= if step % each == 0 { size } else { 1.0 });
        assert_eq!(flags(&run), [Flag::Bimodal], "{seed}");
    }
}

#[test]
fn slow_steps_raise_their_flag_with_the_first() {
    let stalled = changed(1, |step, stretch| stretch.seconds += if step == 777 { 60.0 } else { 0.0 });
    let [doubt] = raised(&stalled)[..] else { panic!("{:?}", raised(&stalled)) };
    assert_eq!((doubt.flag, doubt.at), (Flag::Outliers, Some(777)));
    assert_relative_eq!(doubt.value, 60.0 / (1.300_15 * 1250.0), max_relative = 0.05);
    // The log has the step in one of its means.
    assert_eq!(flags(&stretches(&log(&stalled))), [Flag::Outliers]);
    let often = changed(0, |step, stretch| stretch.seconds *= if step % 40 == 7 { 3.0 } else { 1.0 });
    assert_eq!(flags(&often), [Flag::Outliers]);
}

#[test]
fn a_starved_run_raises_its_flag() {
    let starved = changed(0, |_, stretch| stretch.waited = Some(0.1));
    let [doubt] = raised(&starved)[..] else { panic!("{:?}", raised(&starved)) };
    assert_eq!(doubt.flag, Flag::Starved);
    assert_relative_eq!(doubt.value, 0.1 / 1.3, max_relative = 0.05);
}

#[test]
fn a_throttled_clock_and_a_busy_machine_raise_their_flags() {
    let run = quiet(0, STEPS);
    let doubts = |clock: Option<&Clock>, machine| {
        let evidence = Evidence { stretches: &run, clock, machine };
        doubts(&evidence, &cadence()).into_iter().map(|doubt| doubt.flag).collect::<Vec<_>>()
    };
    let clock = |late: f64, base, events| {
        let readings = (0..40).map(|reading| if reading < 15 { 2600.0 } else { late });
        Clock { readings: readings.collect(), base, events }
    };
    assert_eq!(doubts(Some(&clock(1900.0, None, None)), None), [Flag::Throttled]);
    assert_eq!(doubts(Some(&clock(2600.0, None, Some(3))), None), [Flag::Throttled]);
    assert_eq!(doubts(Some(&clock(2600.0, Some(2800.0), None)), None), [Flag::Throttled]);
    // The turbo goes where the base frequency stays.
    assert_eq!(doubts(Some(&clock(2450.0, Some(2400.0), Some(0))), None), []);
    assert_eq!(doubts(Some(&clock(2580.0, None, None)), None), []);
    assert_eq!(doubts(Some(&Clock::default()), None), []);
    assert_eq!(doubts(None, Some(Machine { cores: 2.0, others: 0.4 })), [Flag::Busy]);
    assert_eq!(doubts(None, Some(Machine { cores: 96.0, others: 0.5 })), []);
}

#[test]
fn too_few_steps_tell_nothing() {
    assert_eq!(flags(&quiet(0, 24)), [Flag::Few]);
    assert_eq!(flags(&[]), [Flag::Few]);
    assert_eq!(steps(&quiet(0, 5)[..1], &cadence(), 512), None);
}

#[test]
fn nineteen_of_twenty_repeats_are_in_the_interval_of_a_run() {
    let speed = |seed: u32| steps(&quiet(1000 + seed, 400), &Cadence::published(400), 512).unwrap();
    let mut held = 0;
    for seed in 0..400 {
        let (run, repeat) = (speed(seed), speed(seed + 400));
        assert!(run.low > 0.95 * run.median, "{run:?}");
        held += u32::from(run.low <= repeat.median && repeat.median <= run.high);
    }
    assert!(held >= 375, "{held} of 400");
}

#[test]
fn steps_that_do_not_count_are_named() {
    let speed = steps(&quiet(3, STEPS), &cadence(), 512).unwrap();
    assert_relative_eq!(speed.fps(), 393.8, max_relative = 0.01);
    let excluded: Vec<_> = speed.excluded.iter().map(|it| (it.reason, it.steps, it.first)).collect();
    assert_eq!(excluded, [(Reason::WarmUp, 20, 0), (Reason::Collection, 8, 149)]);
    assert_eq!((speed.steps, speed.each), (1222, 1));
    // Of a log, all of a mean that has such a step.
    let of_log = steps(&stretches(&log(&quiet(3, STEPS))), &cadence(), 512).unwrap();
    let excluded: Vec<_> = of_log.excluded.iter().map(|it| (it.reason, it.steps, it.first)).collect();
    assert_eq!(excluded, [(Reason::WarmUp, 21, 0), (Reason::Collection, 160, 149)]);
    assert_eq!((of_log.steps, of_log.each), (1060, 20));
    assert_relative_eq!(of_log.fps(), speed.fps(), max_relative = 0.005);
}

/// The published formula over the end of a full run: ten seconds in its last step.
#[test]
fn an_export_of_ten_seconds_turns_393_into_366() {
    let mut run: Vec<Stretch> = (124_900..125_000).map(|step| Stretch::step(step, 512.0 / 393.8, None)).collect();
    let text = |run: &[Stretch]| -> String {
        let all: Vec<Stretch> = (0..124_900).map(|step| Stretch::step(step, 512.0 / 393.8, None)).collect();
        let line = |line: Line| {
            format!("Training  [{}/125000]  a: 1 (1)  time: {:.6}  data: 0.0\n", line.iteration, line.seconds)
        };
        log(&[&all, run].concat()).into_iter().map(line).collect()
    };
    assert_eq!(script(text(&run).as_bytes(), IMAGES).fps, "393.801");
    run.last_mut().unwrap().seconds += 10.0;
    let log = text(&run);
    assert_eq!(script(log.as_bytes(), IMAGES).fps.parse::<f64>().unwrap().round(), 366.0);

    let read = lines(log.as_bytes());
    let cadence = Cadence::published(125_000);
    let window = window(&read, &cadence).unwrap();
    assert_eq!((window.first, window.last), (124_941, 124_999));
    assert_eq!(window.lines, [124_960, 124_970, 124_980, 124_990, 124_999]);
    assert_eq!(
        window.special,
        [Special { step: 124_949, reason: Reason::Collection }, Special { step: 124_999, reason: Reason::Evaluation }]
    );
    assert_relative_eq!(window.weight, 0.01);
    let honest = steps(&stretches(&read), &cadence, IMAGES).unwrap();
    assert_relative_eq!(honest.fps(), 393.8, max_relative = 1e-5);
    assert_relative_eq!(window.extra(honest.median).unwrap(), 10.0, max_relative = 1e-3);
}

#[test]
fn flags_have_names() {
    for flag in Flag::ALL {
        assert_eq!(Flag::named(flag.name()), Some(flag));
        assert_eq!(serde_json::to_string(&flag).unwrap(), format!("\"{}\"", flag.name()));
    }
    for reason in Reason::ALL {
        assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{}\"", reason.name()));
    }
}
