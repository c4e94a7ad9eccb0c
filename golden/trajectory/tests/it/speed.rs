//! A hundred megabytes of a log are read in less than a second. A measurement: `cargo nextest run --release
//! --run-ignored only -p dinov3-trajectory --no-capture`.

use std::time::Instant;

use dinov3_trajectory::read_bytes;

use crate::support::program;

const BYTES: usize = 100_000_000;

fn measure(name: &str, line: impl Fn(usize) -> String) {
    let mut text = String::with_capacity(BYTES + 10_000);
    let mut lines = 0;
    while text.len() < BYTES {
        text += &line(lines);
        text.push('\n');
        lines += 1;
    }
    let begun = Instant::now();
    let run = read_bytes(name, text.as_bytes()).unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!(run.logged.len(), lines);
    println!("{name}: {lines} lines of {} MB in {seconds:.3} s", text.len() / 1_000_000);
}

#[test]
#[ignore = "a measurement"]
fn a_hundred_megabytes() {
    let of = |file: &str, mark: &str| {
        let text = String::from_utf8(program(file)).unwrap();
        text.lines().rfind(|line| line.contains(mark)).unwrap().to_owned()
    };
    let (json, text) = (of("fp32/training_metrics.json", "150"), of("fp32/log.txt", "150/160"));
    measure("training_metrics.json", |line| json.replacen("150", &line.to_string(), 1));
    measure("log.txt", |line| text.replacen("150/160", &format!("{line}/1000000"), 1));
    measure("log.csv", |line| match line {
        0 => "iteration,total_loss,lr,wd,koleo_loss\n0,1,1,1,1".to_owned(),
        _ => format!("{line},6.868152141571045,0.00013157894736842105,0.2200,-0.0918"),
    });
}
