use super::*;

const FLOATS: [Kind; 4] = [Kind::Double, Kind::Float, Kind::Half, Kind::BFloat16];

fn refused(op: ReduceOp, how: PremulSum, kind: Kind) -> Option<String> {
    Plan::new(op, how, kind, 4).err().map(|failure| failure.to_string())
}

#[test]
fn sum_stands_for_nothing_but_itself() {
    for op in [ReduceOp::Sum, ReduceOp::PremulSum(1.0)] {
        assert_eq!(refused(op, PremulSum::SumAtOne, Kind::Float), None);
    }
    let others = [ReduceOp::Avg, ReduceOp::Max, ReduceOp::Min, ReduceOp::PremulSum(0.5), ReduceOp::PremulSum(f64::NAN)];
    for op in others.into_iter().chain([ReduceOp::PremulSum(1.0 + f64::EPSILON)]) {
        let why = "SUM would be substituted for it, which gives another result";
        let expected = format!("{op} of Float tensors is refused: {why}");
        assert_eq!(refused(op, PremulSum::SumAtOne, Kind::Float), Some(expected));
    }
}

#[test]
fn factor_one_scales_nothing() {
    for kind in FLOATS {
        let plan = Plan::new(ReduceOp::PremulSum(1.0), PremulSum::Emulated, kind, 4).unwrap();
        let tensor = Tensor::from_slice(&[1.0, 2.0]).to_kind(kind);
        assert_eq!(plan.before(&tensor).data_ptr(), tensor.data_ptr(), "the tensor itself goes out");
    }
}

#[test]
fn the_factor_is_rounded_to_the_dtype_and_so_is_the_product() {
    // A third in bfloat16 is 0.333984375; in float32, 0.3333333432674408; 3 of each, rounded.
    let expected = [(Kind::Double, 3.0 * (1.0 / 3.0)), (Kind::Float, 1.0), (Kind::Half, 1.0), (Kind::BFloat16, 1.0)];
    for (kind, product) in expected {
        let plan = Plan::new(ReduceOp::PremulSum(1.0 / 3.0), PremulSum::Emulated, kind, 2).unwrap();
        let scaled = plan.before(&Tensor::from_slice(&[3.0]).to_kind(kind));
        assert_eq!((scaled.kind(), scaled.double_value(&[0])), (kind, product));
    }
    // With a factor that were not rounded first, 257/256 * 1.0078125 would come to 1.0078125 + 2^-7.
    let plan = Plan::new(ReduceOp::PremulSum(257.0 / 256.0), PremulSum::Emulated, Kind::BFloat16, 2).unwrap();
    let scaled = plan.before(&Tensor::from_slice(&[1.0078125]).to_kind(Kind::BFloat16));
    assert_eq!(scaled.double_value(&[0]), 1.0078125);
}

#[test]
fn what_has_no_result_is_refused() {
    let integers = Some("AVG of Int64 tensors is refused: integers cannot hold the result".to_owned());
    assert_eq!(refused(ReduceOp::Avg, PremulSum::Emulated, Kind::Int64), integers);
    assert!(refused(ReduceOp::PremulSum(2.0), PremulSum::Emulated, Kind::Int64).is_some());
    assert_eq!(refused(ReduceOp::PremulSum(1.0), PremulSum::Emulated, Kind::Int64), None);
    let vanished = refused(ReduceOp::PremulSum(1e-9), PremulSum::Emulated, Kind::Half);
    assert_eq!(
        vanished.as_deref(),
        Some("PREMUL_SUM(1e-9) of Half tensors is refused: the factor is out of the dtype's range")
    );
    assert!(refused(ReduceOp::PremulSum(70000.0), PremulSum::Emulated, Kind::Half).is_some());
    assert_eq!(refused(ReduceOp::PremulSum(1e-9), PremulSum::Emulated, Kind::BFloat16), None);
}
