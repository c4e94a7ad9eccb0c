//! Token lists of different lengths through one matrix product (`dinov3/utils/utils.py`).

use tch::Tensor;

/// Concatenates `[.., D]` tensors into `[tokens, D]` and keeps their shapes.
pub fn cat_keep_shapes(xs: &[Tensor]) -> (Tensor, Vec<Vec<i64>>) {
    let shapes = xs.iter().map(Tensor::size).collect();
    let flat: Vec<Tensor> = xs.iter().map(|x| x.flatten(0, -2)).collect();
    (Tensor::cat(&flat, 0), shapes)
}

/// The inverse, for a tensor `[tokens, E]` whose last dimension may have changed: `[.., E]` each.
pub fn uncat_with_shapes(flat: &Tensor, shapes: &[Vec<i64>]) -> Vec<Tensor> {
    let features = flat.size().last().copied().unwrap_or(0);
    let tokens: Vec<i64> = shapes.iter().map(|shape| leading(shape).iter().product()).collect();
    flat.split_with_sizes(&tokens[..], 0)
        .iter()
        .zip(shapes)
        .map(|(part, shape)| part.reshape([leading(shape), &[features]].concat()))
        .collect()
}

/// All dimensions but the last.
fn leading(shape: &[i64]) -> &[i64] {
    &shape[..shape.len().saturating_sub(1)]
}

#[cfg(test)]
mod tests {
    use dinov3_torch::device::HOST;

    use super::*;
    use tch::Kind;

    #[test]
    fn lists_come_back_with_the_new_width() {
        let options = (Kind::Float, HOST);
        let xs = [Tensor::randn([2, 3, 4], options), Tensor::randn([5, 1, 4], options)];
        let (flat, shapes) = cat_keep_shapes(&xs);
        assert_eq!(flat.size(), [11, 4]);
        let wide = Tensor::cat(&[&flat, &flat], 1);
        let back = uncat_with_shapes(&wide, &shapes);
        assert_eq!(back[0].size(), [2, 3, 8]);
        assert_eq!(back[1].narrow(2, 0, 4), xs[1]);
    }
}
