use super::*;

#[test]
fn repeated_names_are_numbered_a_port_at_a_time() {
    let mut names = Vec::new();
    let mut observer = |name: &str, _: &Tensor| names.push(name.to_owned());
    let mut hooks = Hooks::to(&mut observer);
    let t = || Tensor::from(0.0);
    hooks.input("a.norm1", &t());
    let _ = hooks.output("a.norm1", t());
    let _ = hooks.output("a.norm1", t());
    hooks.input("a.norm1", &t());
    let _ = hooks.randperm("a", t());
    let _ = hooks.randperm("a", t());
    hooks.summary("schedule:lr", &t());
    hooks.operand("a.norm1", "weight", &t());
    let seen = ["a.norm1:in", "a.norm1", "a.norm1#1", "a.norm1#1:in", "rng:a.randperm", "rng:a.randperm#1"];
    assert_eq!(names[..6], seen);
    assert_eq!(names[6..], ["schedule:lr"], "a closure is shown no operands");
}

#[test]
fn each_hook_is_shown_what_the_one_before_it_left() {
    let mut seen = Vec::new();
    let mut before = |name: &str, value: &Tensor| seen.push((name.to_owned(), value.double_value(&[])));
    let mut doubled = |name: &str, value: &Tensor| (name == "a").then(|| value * 2.0);
    let mut after = Vec::new();
    let mut behind = |name: &str, value: &Tensor| after.push((name.to_owned(), value.double_value(&[])));
    let mut turn = InTurn::new([&mut before as &mut dyn Hook, &mut doubled, &mut behind]);
    let mut hooks = Hooks::to(&mut turn);
    assert_eq!(hooks.output("a", Tensor::from(3.0)).double_value(&[]), 6.0);
    assert_eq!(hooks.output("b", Tensor::from(3.0)).double_value(&[]), 3.0);
    assert_eq!(seen, [("a".to_owned(), 3.0), ("b".to_owned(), 3.0)]);
    assert_eq!(after, [("a".to_owned(), 6.0), ("b".to_owned(), 3.0)]);
}

/// Gives back 1 for every operand.
struct Ones;

impl Hook for Ones {
    fn tensor(&mut self, _: &str, _: &Tensor) -> Option<Tensor> {
        None
    }

    fn operand(&mut self, _: &str, value: &Tensor) -> Option<Tensor> {
        Some(value.ones_like())
    }
}

#[test]
fn numbers_and_weights_are_replaced_where_they_are_used() {
    let mut ones = Ones;
    let mut hooks = Hooks::to(&mut ones);
    let weight = Tensor::from_slice(&[2.0, 3.0]);
    assert_eq!(*hooks.operand("a", "weight", &weight), Tensor::from_slice(&[1.0, 1.0]));
    assert_eq!(hooks.number("a", "eps", 0.5), 1.0);
    assert_eq!(Hooks::none().number("a", "eps", 0.5), 0.5);
}

/// 0.1 + (0.3 - 0.1) is not 0.3 in fp32: the value must be the recorded one to the bit.
#[test]
fn a_forced_tensor_has_their_value_and_our_derivative() {
    let x = Tensor::from_slice(&[0.1f32, 5.0]).set_requires_grad(true);
    let theirs = Tensor::from_slice(&[0.3f32, 1e-8]);
    let mut forced = Forced::new(|name: &str| name.starts_with("square").then(|| theirs.shallow_clone()));
    let mut hooks = Hooks::to(&mut forced);
    let square = hooks.output("square", &x * &x);
    assert_eq!(square.detach(), theirs);
    hooks.output("sum", square.sum(None)).backward();
    assert_eq!(x.grad(), &x.detach() * 2.0);
    let mask = hooks.output("square", theirs.ge(1.0));
    assert_eq!(mask, theirs, "what has no derivative is taken as it is");
}

#[test]
fn names_of_modules_are_told_from_the_steps() {
    for name in ["student.backbone:0.x_prenorm", "teacher.dino_head.mlp.0", "rng:student.backbone.blocks.0.randperm#1"]
    {
        assert!(is_of_a_module(name), "{name}");
    }
    for name in
        ["loss:ibot_loss", "grad:student.backbone.cls_token", "sinkhorn:dino", "param:teacher.backbone.norm.bias"]
    {
        assert!(!is_of_a_module(name), "{name}");
    }
}
