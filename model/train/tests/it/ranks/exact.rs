//! Every collective, at every dtype and at odd sizes, against values that are exact.

use std::hash::{DefaultHasher, Hasher};

use dinov3_ranks::{Group, ProcessGroup, ReduceOp, Within};
use dinov3_torch::bytes::with_bytes;
use tch::{Device, Kind, Tensor};

use super::{run, said_by_all, say};

const FLOATS: [Kind; 4] = [Kind::Double, Kind::Float, Kind::Half, Kind::BFloat16];
const INTEGERS: [Kind; 4] = [Kind::Int64, Kind::Int, Kind::Int8, Kind::Uint8];
const SIZES: [i64; 4] = [1, 3, 1023, 65537];

#[test]
fn two_and_four_ranks_compute_what_is_exact_and_agree_bit_for_bit() {
    for world in [2, 4] {
        let ranks: Vec<usize> = (0..world).collect();
        let [own, lent] = ["exact", "exact, lent"].map(|scenario| {
            let said = said_by_all(run(scenario, &ranks, world));
            // One line a case: its name and a hash of the result's bytes.
            assert!(said[0].len() > 200, "{} cases", said[0].len());
            for other in &said[1..] {
                assert_eq!(other, &said[0], "the ranks hold different bits");
            }
            said
        });
        // A backend that multiplies by itself, and whose sums Gloo carries as c10d does it, not as we do.
        assert_eq!(own[0][1..], lent[0][1..]);
        assert_eq!([&own[0][0], &lent[0][0]], ["gloo, Emulated", "simulated, Native"]);
    }
}

pub(super) fn rank(group: &ProcessGroup) {
    say(format!("{}, {:?}", group.backend(), group.premul_sum()));
    for kind in FLOATS.into_iter().chain(INTEGERS) {
        for n in SIZES {
            whole_numbers(group, kind, n);
        }
    }
    for kind in FLOATS {
        for n in SIZES {
            for factor in [1.0, 0.5, 1.0 / 3.0] {
                premul_sum(group, kind, n, factor);
            }
        }
    }
    ring(group);
    uneven_ring(group);
    parts_of_a_chunk(group);
    booleans(group);
    shapes(group);
    subgroups(group);
    group.barrier().unwrap();
}

/// Small whole numbers that differ by rank and place: their sums are exact in every dtype.
fn ramp(rank: usize, n: i64, kind: Kind) -> Tensor {
    ((Tensor::arange(n, (Kind::Int64, Device::Cpu)) * 7 + 3 * rank as i64).remainder(16) + 1).to_kind(kind)
}

/// The sum over ranks of [`ramp`].
fn sum(size: usize, n: i64, kind: Kind) -> Tensor {
    (0..size).map(|rank| ramp(rank, n, Kind::Int64)).reduce(|a, b| a + b).unwrap().to_kind(kind)
}

fn report(name: &str, kind: Kind, n: i64, tensor: &Tensor) {
    let mut hash = DefaultHasher::new();
    with_bytes(tensor, |_, _, bytes| hash.write(bytes));
    say(format!("{name} {kind:?} {n} {:016x}", hash.finish()));
}

fn whole_numbers(group: &ProcessGroup, kind: Kind, n: i64) {
    let (rank, size) = (group.rank(), group.size());
    let own = ramp(rank, n, kind);

    let mut reduced = own.copy();
    group.all_reduce_(&mut reduced).unwrap();
    assert_eq!(reduced, sum(size, n, kind), "all_reduce {kind:?} {n}");
    report("all_reduce", kind, n, &reduced);

    let all: Vec<Tensor> = (0..size).map(|it| ramp(it, n, kind)).collect();
    let stacked = Tensor::stack(&all, 0);
    for (op, expected) in [(ReduceOp::Max, stacked.amax(0, false)), (ReduceOp::Min, stacked.amin(0, false))] {
        let mut reduced = own.copy();
        group.all_reduce(&mut reduced, op).unwrap();
        assert_eq!(reduced, expected, "{op} {kind:?} {n}");
        report("max or min", kind, n, &reduced);
    }
    if FLOATS.contains(&kind) {
        let mut mean = own.copy();
        group.all_reduce(&mut mean, ReduceOp::Avg).unwrap();
        assert_eq!(mean, sum(size, n, kind) / size as f64, "AVG {kind:?} {n}");
        assert_eq!(group.mean(&own).unwrap(), mean);
        report("mean", kind, n, &mean);
    }

    let whole = ramp(rank, n * size as i64, kind);
    let part = group.reduce_scatter(&whole, ReduceOp::Sum).unwrap();
    assert_eq!(part, sum(size, n * size as i64, kind).narrow(0, rank as i64 * n, n), "reduce_scatter {kind:?} {n}");

    let gathered = group.all_gather_into_tensor(&own).unwrap();
    assert_eq!(gathered, Tensor::cat(&all, 0), "all_gather {kind:?} {n}");
    report("all_gather", kind, n, &gathered);

    for root in [0, size - 1] {
        let mut sent = own.copy();
        group.broadcast(&mut sent, root).unwrap();
        assert_eq!(sent, all[root], "broadcast {kind:?} {n}");
        report("broadcast", kind, n, &sent);
    }
}

/// Against arithmetic of our own: the factor in the dtype, each product rounded, and sums that are exact because the values are few.
fn premul_sum(group: &ProcessGroup, kind: Kind, n: i64, factor: f64) {
    let size = group.size();
    let rounded = Tensor::from(factor).to_kind(kind).double_value(&[]);
    // At two ranks any numbers: one addition has no order. At more, such as sum exactly: at a third, multiples of three.
    let scaled = |rank| (ramp(rank, n, Kind::Double) * rounded).to_kind(kind);
    let mut reduced = ramp(group.rank(), n, kind);
    group.all_reduce(&mut reduced, ReduceOp::PremulSum(factor)).unwrap();
    if size == 2 || factor != 1.0 / 3.0 {
        let expected = (1..size).fold(scaled(0), |sum, rank| sum + scaled(rank));
        assert_eq!(reduced, expected, "PREMUL_SUM({factor}) {kind:?} {n}");
    } else {
        let expected = sum(size, n, Kind::Double) * rounded;
        let error = f64::try_from(((reduced.to_kind(Kind::Double) - &expected) / expected).abs().max()).unwrap();
        let ulp = [2f64.powi(-52), 2f64.powi(-23), 2f64.powi(-10), 2f64.powi(-7)];
        let ulp = FLOATS.iter().zip(ulp).find_map(|(it, ulp)| (*it == kind).then_some(ulp)).unwrap();
        assert!(error <= size as f64 * ulp, "PREMUL_SUM({factor}) {kind:?} {n}: {error}");
    }
    report("premul_sum", kind, n, &reduced);

    let whole = ramp(group.rank(), n, kind).repeat([size as i64]);
    let part = group.reduce_scatter(&whole, ReduceOp::PremulSum(factor)).unwrap();
    if size == 2 || factor != 1.0 / 3.0 {
        assert_eq!(part, reduced, "reduce_scatter PREMUL_SUM({factor}) {kind:?} {n}");
    }
    let one = group.reduce_scatter(&whole, ReduceOp::Sum).unwrap();
    assert_eq!(one.equal(&part), factor == 1.0, "the factor must matter");
}

/// Numbers whose sum depends on the order: two ranks have one, more have Gloo's ring, as `all_reduce` and `reduce_scatter` say.
fn ring(group: &ProcessGroup) {
    let (size, chunk) = (group.size(), 4096);
    let of = |rank: usize| {
        (Tensor::arange(size as i64 * chunk, (Kind::Double, Device::Cpu)) * 0.37 + rank as f64)
            .sin()
            .to_kind(Kind::Float)
    };
    let expected = |c: usize| {
        let part = |i: usize| of((c + size - 1 - i) % size).narrow(0, c as i64 * chunk, chunk);
        (1..size).fold(part(0), |sum, i| sum + part(i))
    };
    let mut reduced = of(group.rank());
    group.all_reduce_(&mut reduced).unwrap();
    for c in 0..size {
        assert_eq!(reduced.narrow(0, c as i64 * chunk, chunk), expected(c), "chunk {c}");
    }
    let in_order = (1..size).fold(of(0), |sum, rank| sum + of(rank));
    assert_eq!(reduced == in_order, size == 2, "more than two ranks have another order");
    assert_eq!(group.reduce_scatter(&of(group.rank()), ReduceOp::Sum).unwrap(), expected(group.rank()));
}

/// At sizes that Gloo's segments do not divide, a rank's chunk is added up in more than one order: `reduce_scatter`, which adds up here, has
/// the bits that Gloo's `all_reduce` has.
fn uneven_ring(group: &ProcessGroup) {
    let (rank, size) = (group.rank(), group.size() as i64);
    for kind in FLOATS {
        for chunk in [1, 2, 7, 251, 300_001] {
            let numbers = Tensor::arange(size * chunk, (Kind::Double, Device::Cpu)) * 0.37 + rank as f64;
            let own = numbers.sin().to_kind(kind);
            let mut reduced = own.copy();
            group.all_reduce_(&mut reduced).unwrap();
            let mine = reduced.narrow(0, rank as i64 * chunk, chunk);
            assert_eq!(group.reduce_scatter(&own, ReduceOp::Sum).unwrap(), mine, "{kind:?} {chunk}");
        }
    }
}

/// Parts that are scattered by themselves, one of them large, have the bits that they have when all is scattered as one. Other backends than
/// Gloo may add them up in other orders.
fn parts_of_a_chunk(group: &ProcessGroup) {
    const CHUNK: usize = 70_001;
    if group.backend().to_string() != "gloo" {
        return;
    }
    let (rank, size) = (group.rank(), group.size());
    let places = Tensor::arange((size * CHUNK) as i64, (Kind::Double, Device::Cpu));
    // Two cancel out: what is left of the others depends on the order.
    let own = ((places * 0.37).sin() * [1.0, 1e8, 1.0, -1e8][rank % 4]).to_kind(Kind::Float);
    let mine = group.reduce_scatter(&own, ReduceOp::Sum).unwrap();
    for (start, end) in [(0, 69_000), (69_000, 69_003), (69_003, CHUNK)] {
        let run = |of: &Tensor| of.narrow(0, start as i64, (end - start) as i64);
        let part: Vec<Tensor> = own.chunk(size as i64, 0).iter().map(run).collect();
        let within = Within { runs: std::iter::once(start..end).collect(), chunk: CHUNK };
        let scattered = group.start_reduce_scatter_within(&Tensor::cat(&part, 0), ReduceOp::Sum, &within);
        assert_eq!(scattered.unwrap().wait().unwrap(), run(&mine), "{start}..{end}");
    }
}

fn booleans(group: &ProcessGroup) {
    let mut any = Tensor::from_slice(&[group.rank() == 0, false, true]);
    group.all_reduce_(&mut any).unwrap();
    assert_eq!(any, Tensor::from_slice(&[true, false, true]));
    report("any", Kind::Bool, 3, &any);
}

/// Shapes that differ by rank, one of them empty; no dimensions; not contiguous; none at all.
fn shapes(group: &ProcessGroup) {
    let of = |rank: usize| ramp(rank, 2 * rank as i64, Kind::Float).reshape([rank as i64, 2]);
    let gathered = group.all_gather(&of(group.rank())).unwrap();
    for (rank, tensor) in gathered.iter().enumerate() {
        assert_eq!(tensor, &of(rank));
        assert_eq!(tensor.size(), [rank as i64, 2]);
    }
    let scalars = group.all_gather(&Tensor::from(group.rank() as f64)).unwrap();
    let values: Vec<f64> = scalars.iter().map(|it| it.double_value(&[])).collect();
    assert_eq!(values, (0..group.size()).map(|it| it as f64).collect::<Vec<_>>());

    let square = ramp(group.rank(), 12, Kind::Float).reshape([3, 4]);
    let mut turned = square.tr();
    group.all_reduce_(&mut turned).unwrap();
    assert_eq!(turned, sum(group.size(), 12, Kind::Float).reshape([3, 4]).tr());
    assert_eq!(square.tr(), turned, "in place, whatever the strides");

    let mut nothing = Tensor::empty([0], (Kind::Float, Device::Cpu));
    group.all_reduce_(&mut nothing).unwrap();
    assert_eq!(group.all_gather(&nothing).unwrap().len(), group.size());
}

/// Odd ranks and the last two, at the same time as the whole.
fn subgroups(group: &ProcessGroup) {
    let (rank, size) = (group.rank(), group.size());
    let odd: Vec<usize> = (0..size).filter(|it| it % 2 == 1).collect();
    let last = [size - 2, size - 1];
    let groups = [group.new_group(&odd).unwrap(), group.new_group(&last).unwrap()];
    for (members, part) in [odd.as_slice(), &last].into_iter().zip(&groups) {
        assert_eq!(part.is_some(), members.contains(&rank));
        let Some(part) = part else { continue };
        assert_eq!(members[part.rank()], rank);
        let mut total = Tensor::from(10f64.powi(rank as i32));
        part.all_reduce_(&mut total).unwrap();
        assert_eq!(total.double_value(&[]), members.iter().map(|&it| 10f64.powi(it as i32)).sum::<f64>());
    }
    let mut total = Tensor::from(1.0);
    group.all_reduce_(&mut total).unwrap();
    assert_eq!(total.double_value(&[]), size as f64);
}
