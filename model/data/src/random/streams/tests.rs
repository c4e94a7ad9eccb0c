use super::Streams;
use crate::random::TorchGenerator;

fn draw(streams: &mut Streams) -> [i64; 3] {
    let Streams { torch, python, numpy } = streams;
    [torch.randint(0, 1_000_000_000), python.randint(0, 1_000_000_000), numpy.randint(0, 1_000_000_000)]
}

/// What a `DataLoader` with three workers got after `torch.manual_seed(3)`, two samples from each.
#[test]
fn workers_of_a_data_loader() {
    let base_seed = TorchGenerator::new(3).random_();
    assert_eq!(base_seed, 937055941807507096);
    for (worker, first, second) in [
        (0, [725297860, 234009667, 556139338], [481464631, 225474472, 562528850]),
        (1, [170596869, 97170729, 582168465], [639154612, 715894591, 644365999]),
        (2, [950086669, 583036675, 142408029], [64110144, 161586902, 540202116]),
    ] {
        let mut streams = Streams::of_worker(base_seed as u64, worker);
        assert_eq!([draw(&mut streams), draw(&mut streams)], [first, second], "of worker {worker}");
    }
}

#[test]
fn fixed_seeds() {
    for (seed, first) in [
        (0, [749065263, 906691059, 209652396]),
        (31, [927440471, 13183664, 154850002]),
        (u32::MAX, [274709794, 682209858, 419326371]),
    ] {
        assert_eq!(draw(&mut Streams::fix_random_seeds(seed)), first, "of seed {seed}");
    }
}

#[test]
fn streams_go_on_from_a_state() {
    let mut streams = Streams::of_worker(3, 1);
    let drawn: Vec<_> = (0..700).map(|_| draw(&mut streams)).collect();
    let state = streams.state();
    assert_eq!(state.len(), super::STATE_BYTES);
    let mut restored = Streams::from_state(&state).unwrap();
    let next: Vec<_> = (0..700).map(|_| draw(&mut streams)).collect();
    assert_eq!((0..700).map(|_| draw(&mut restored)).collect::<Vec<_>>(), next);
    assert_ne!(drawn, next);
    assert!(Streams::from_state(&state[1..]).is_none() && Streams::from_state(&state[4..]).is_none());
}
