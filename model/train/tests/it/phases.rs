//! Where a step says that it is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dinov3_ranks::{Alone, Group};
use dinov3_train::Stateful;
use dinov3_train::micro;
use dinov3_train::phases::{Listener, Phase, Phases};
use tch::Kind;

use crate::fixture::stream;

/// The phases in order, and how long each took.
#[derive(Default)]
struct Heard {
    open: Option<(Phase, Instant)>,
    all: Vec<(Phase, Duration)>,
}

impl Listener for Heard {
    fn begin(&mut self, phase: Phase) {
        let outer = self.open.replace((phase, Instant::now()));
        assert_eq!(outer, None, "phases do not overlap");
    }

    fn end(&mut self, phase: Phase) {
        let (begun, at) = self.open.take().expect("a phase that began");
        assert_eq!(begun, phase);
        self.all.push((phase, at.elapsed()));
    }
}

/// Every step goes through the same phases, which are nearly all of its time, and to be heard changes no bit.
#[test]
fn phases_are_in_order_and_cover_a_step() {
    use Phase::*;
    let _stream = stream();
    let group: Arc<dyn Group> = Arc::new(Alone);
    let steps = |heard: bool| {
        let mut run = micro::run(&micro::config(), Kind::Float, &group, 0);
        let mut covered = 0.0f64;
        for end in 1..=4 {
            let (mut ear, begun) = (Heard::default(), Instant::now());
            let phases = &mut if heard { Phases::to(&mut ear) } else { Phases::none() };
            run.until(end, phases).unwrap();
            let took = begun.elapsed();
            if heard {
                let order: Vec<Phase> = ear.all.iter().map(|(phase, _)| *phase).collect();
                let expected = [
                    Data,
                    HostToDevice,
                    Gram,
                    Teacher,
                    Student,
                    Gram,
                    Losses,
                    Backward,
                    Reduce,
                    Clip,
                    Metrics,
                    Optimizer,
                    Average,
                    Gram,
                ];
                assert_eq!(order, expected);
                let within: Duration = ear.all.iter().map(|(_, took)| *took).sum();
                covered = covered.max(within.as_secs_f64() / took.as_secs_f64());
            }
        }
        (dinov3_train::State::of(&run as &dyn Stateful, 0, 1).digests().unwrap(), covered)
    };
    let ((with, covered), (without, _)) = (steps(true), steps(false));
    assert_eq!(with, without);
    // The rest is the loop, and what frees the graph. A busy machine may take its time anywhere: the best step counts.
    assert!(covered > 0.9, "phases cover {covered} of a step");
}
