//! The readers on logs that the reference's own program wrote.

use dinov3_trajectory::{Format, Resolution, read, read_bytes};
use insta::assert_snapshot;

use crate::support::{program, run, summary};

#[test]
fn the_figures_of_a_real_run() {
    assert_snapshot!(summary(&run("fp32/training_metrics.json")));
}

#[test]
fn the_text_log_of_a_real_run() {
    assert_snapshot!(summary(&run("fp32/log.txt")));
}

#[test]
fn a_run_that_went_on_says_where() {
    assert_snapshot!(summary(&run("resume/log.txt")));
}

/// The text log has the medians, not the means in parentheses: they are the figures, rounded.
#[test]
fn the_two_logs_of_a_run_agree() {
    for folder in ["fp32", "bf16", "sizes", "resume"] {
        let (figures, text) = (run(&format!("{folder}/training_metrics.json")), run(&format!("{folder}/log.txt")));
        assert_eq!(figures.logged, text.logged, "{folder}");
        let mut compared = 0;
        for series in &text.series {
            let exact = figures.series(&series.meter).expect(&series.meter);
            assert_eq!((exact.resolution, series.resolution), (Resolution::Exact, Resolution::Decimals(4)));
            for ((iteration, rounded), (_, value)) in series.points().zip(exact.points()) {
                assert_eq!(format!("{value:.4}"), format!("{rounded:.4}"), "{folder} {} {iteration}", series.meter);
                compared += 1;
            }
        }
        assert_eq!(compared, 15 * figures.logged.len(), "{folder}");
    }
}

#[test]
fn the_config_beside_the_figures_gives_the_horizon() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("training_metrics.json"), program("fp32/training_metrics.json")).unwrap();
    std::fs::write(folder.path().join("config.yaml"), program("fp32/config.yaml")).unwrap();
    let run = read(folder.path()).unwrap();
    assert_eq!((run.facts.horizon, run.notes.len(), run.format), (Some(160), 1, Format::JsonLines));
    let empty = tempfile::tempdir().unwrap();
    assert!(read(empty.path()).unwrap_err().to_string().ends_with("holds no log"));
}

/// A line of the published port: the prefix, a day in `eta`, memory at the end, banners around.
#[test]
fn a_log_of_the_ascend_port() {
    let text = "\
*****************************************
Setting OMP_NUM_THREADS environment variable for each process to be 1 in default
*****************************************
/usr/lib/torch_npu/contrib/transfer_to_npu.py:301: ImportWarning:
    *************************************************************************************************************
    The torch.Tensor.cuda and torch.nn.Module.cuda are replaced with torch.Tensor.npu and torch.nn.Module.npu now..
I20251111 10:12:12 4242 dinov3 config.py:170] git:
  sha: cb054165e9ec6bd86dbae674416eb36c8349adcb, status: clean, branch: main
I20251111 10:12:13 4242 dinov3 train.py:431] Starting training from iteration 0
I20251111 10:12:13 4242 dinov3 helpers.py:105] Training  [     0/125000]  eta: 1 day, 4:30:00  lr: 0.0000 (0.0000)  total_loss: 11.8321 (11.9012)  backbone_grad_norm: inf (nan)  time: 1.300123  data: 0.000345  mem: 41000  (max mem: 52345)
I20251111 10:12:26 4242 dinov3 helpers.py:105] Training  [    10/125000]  eta: 1 day, 4:29:00  lr: 0.0001 (0.0001)  total_loss: nan (nan)  backbone_grad_norm: 3.0000 (3.5000)  time: 1.300123  data: 0.000345  mem: 41000  (max mem: 52345)
W20251111 10:12:26 4242 dinov3 train.py:520] NaN loss detected on ranks: [3]
";
    assert_snapshot!(summary(&read_bytes("train_full_8p_base_fp32.log", text.as_bytes()).unwrap()));
}

#[test]
fn a_table_and_its_decimals() {
    let text = "step,date,loss,lr,koleo_loss\n0,2026-11-01,9.0612,0,-0.25\n10,2026-11-01,8.5972,6.578947368421052e-05,\n20,2026-11-02,nan,0.0001,-0.5\n";
    let read = read_bytes("run.csv", text.as_bytes()).unwrap();
    assert_snapshot!(summary(&read), @r#"
    run.csv: CSV, 3 lines, horizon None, commit None, None lines of config, starts []
    total_loss Decimals(4): 9.0612 at 0, NaN at 20
    lr Exact: 0 at 0, 0.0001 at 20
    koleo_loss Exact: -0.25 at 0, -0.5 at 20
    NotNumbers { columns: ["date"] }
    Assumed { column: "loss", meter: "total_loss" }
    "#);
}
