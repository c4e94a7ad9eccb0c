//! Properties of the forward pass that need no golden set.

use dinov3_torch::device::HOST;
use dinov3_torch::runtime;
use dinov3_vit::hook::Hooks;
use dinov3_vit::meta_arch::{SslMetaArch, StudentOutput};
use dinov3_vit::vit::{Blocks, IntermediateOptions};
use tch::{Kind, Tensor};

use crate::fixture;

fn student(arch: &SslMetaArch, hooks: &mut Hooks) -> StudentOutput {
    let batch = fixture::batch();
    runtime::manual_seed(2);
    arch.student_output(&batch, hooks)
}

#[test]
fn observing_changes_no_bit() {
    let _stream = fixture::stream();
    let arch = fixture::arch(&fixture::merged_config());
    let plain = student(&arch, &mut Hooks::none());
    let mut seen = 0;
    let mut observer = |_: &str, _: &Tensor| seen += 1;
    let tapped = student(&arch, &mut Hooks::to(&mut observer));
    assert_eq!(plain.local_cls_after_head, tapped.local_cls_after_head);
    assert_eq!(plain.global_cls_after_head, tapped.global_cls_after_head);
    assert_eq!(plain.masked_patch_after_head, tapped.masked_patch_after_head);
    assert!(seen > 80, "only {seen} tensors were seen");
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_does_not() {
    let _stream = fixture::stream();
    let arch = fixture::arch(&fixture::merged_config());
    let first = student(&arch, &mut Hooks::none()).global_cls_after_head;
    assert_eq!(first, student(&arch, &mut Hooks::none()).global_cls_after_head);
    let batch = fixture::batch();
    runtime::manual_seed(3);
    let other = arch.student_output(&batch, &mut Hooks::none()).global_cls_after_head;
    assert_ne!(first, other, "stochastic depth draws from the seed");
}

#[test]
fn shapes_are_those_of_the_doc_comments() {
    let _stream = fixture::stream();
    let arch = fixture::arch(&fixture::merged_config());
    let batch = fixture::batch();
    let masked = batch.mask_indices.size()[0];
    let out = student(&arch, &mut Hooks::none());
    assert_eq!(out.global_cls_pre_head.size(), [4, 64]);
    assert_eq!(out.global_cls_after_head.size(), [4, 96]);
    assert_eq!(out.local_cls_after_head.size(), [8, 96]);
    assert_eq!(out.masked_patch_after_head.size(), [masked, 96]);
    assert_eq!(batch.masks_weight.size(), [masked]);
}

#[test]
fn the_teacher_is_not_random() {
    let _stream = fixture::stream();
    let arch = fixture::arch(&fixture::merged_config());
    let batch = fixture::batch();
    let output = || arch.teacher_output(&batch, &mut Hooks::none()).cls_after_head;
    assert_eq!(output(), output());
}

#[test]
fn mixed_precision_casts_parameters_and_keeps_buffers() {
    use dinov3_vit::module::{Module, Role};
    let _stream = fixture::stream();
    let arch = fixture::arch(&fixture::merged_config());
    arch.compute_copy(Kind::BFloat16).student.visit(|name, role, tensor| match role {
        Role::Parameter => assert_eq!(tensor.kind(), Kind::BFloat16, "{name}"),
        Role::Buffer if name.ends_with("periods") => assert_eq!(tensor.kind(), Kind::BFloat16, "{name}"),
        Role::Buffer => assert_eq!(tensor.kind(), Kind::Float, "{name}"),
    });
}

#[test]
fn the_last_blocks_can_be_named_either_way() {
    let _stream = fixture::stream();
    let arch = fixture::arch(&fixture::merged_config());
    let image = Tensor::randn([1, 3, 32, 48], (Kind::Float, HOST));
    let take = |blocks, reshape| {
        let options = IntermediateOptions { reshape, norm: true };
        arch.teacher.backbone.get_intermediate_layers(&image, &blocks, options, &mut Hooks::none())
    };
    let last = take(Blocks::Last(2), false).unwrap();
    let named = take(Blocks::Indices(vec![1, 2]), true).unwrap();
    assert_eq!(last.len(), 2);
    for (last, named) in last.iter().zip(&named) {
        assert_eq!(last.class, named.class);
        assert_eq!(last.extra.size(), [1, 2, 64]);
        assert_eq!(last.patches.size(), [1, 24, 64]);
        assert_eq!(last.patches.transpose(1, 2).reshape([1, 64, 4, 6]), named.patches);
    }
    let error = take(Blocks::Last(4), false).unwrap_err();
    assert_eq!(error.to_string(), "the network has 3 blocks, so there is no way to take the last 4");
    assert!(take(Blocks::Indices(vec![0, 3]), false).is_err());
}
