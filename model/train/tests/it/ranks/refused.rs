//! What is refused before anything is sent leaves the group as it was.

use std::time::Duration;

use dinov3_ranks::{Group, GroupOptions, PremulSum, ReduceOp};
use tch::{Device, Kind, Tensor};

use super::{join, run, said_by_all, say};

#[test]
fn what_gloo_cannot_do_is_refused_by_name_and_the_group_lives_on() {
    let said = said_by_all(run("refused", &[0, 1], 2));
    for (rank, said) in said.iter().enumerate() {
        let expected = [
            "all_reduce failed: a tensor of dtype Int16 cannot be exchanged over gloo",
            "broadcast failed: a tensor of dtype ComplexFloat cannot be exchanged over gloo",
            "all_reduce failed: AVG of Int64 tensors is refused: integers cannot hold the result",
            "reduce_scatter failed: [3] cannot be cut into 2 equal chunks along its first dimension",
            "broadcast failed: there is no 2 among 2 ranks that count from 0",
            "new_group failed: [1, 0] are not ascending members of the group [0, 1]",
            "new_group failed: gloo has no PREMUL_SUM: it raises in all_reduce and ignores the factor in reduce_scatter",
        ];
        let expected: Vec<String> = expected.iter().map(|text| format!("rank {rank}: {text}")).collect();
        assert_eq!(said[..expected.len()], expected);
        let other = format!("rank {rank}: all_gather failed: rank {} has a tensor of another dtype than ", 1 - rank);
        assert!(said[expected.len()].starts_with(&other), "{said:?}");
        assert_eq!(said.len(), expected.len() + 1);
    }
}

pub(super) fn rank() {
    let group = join(Duration::from_secs(10), Duration::from_secs(10)).unwrap();
    let of = |kind| Tensor::ones([3], (kind, Device::Cpu));
    say(group.all_reduce_(&mut of(Kind::Int16)).unwrap_err());
    say(group.broadcast(&mut of(Kind::ComplexFloat), 0).unwrap_err());
    say(group.all_reduce(&mut of(Kind::Int64), ReduceOp::Avg).unwrap_err());
    say(group.reduce_scatter(&of(Kind::Float), ReduceOp::Sum).unwrap_err());
    say(group.broadcast(&mut of(Kind::Float), 2).unwrap_err());
    say(group.new_group(&[1, 0]).unwrap_err());
    let native = GroupOptions { premul_sum: PremulSum::Native, ..group.options() };
    say(group.new_group_with(&[0, 1], native).unwrap_err());
    let kind = if group.rank() == 0 { Kind::Float } else { Kind::Double };
    say(group.all_gather(&of(kind)).unwrap_err());
    let mut total = of(Kind::Float);
    group.all_reduce_(&mut total).unwrap();
    assert_eq!(total, of(Kind::Float) * 2);
}
