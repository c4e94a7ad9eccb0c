//! A micro network and a batch for it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use dinov3_config::SslConfig;
pub use dinov3_config::micro::{merged_config, with_student};
use dinov3_torch::runtime;
use dinov3_vit::meta_arch::{Batch, SslMetaArch};
use dinov3_vit::module::Module;
use serde_json::Value;

/// Held by every test that draws: libtorch has one random stream a process, and `cargo test` runs many tests in one.
pub fn stream() -> MutexGuard<'static, ()> {
    static STREAM: Mutex<()> = Mutex::new(());
    STREAM.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Initialised and warmed from seed 0.
pub fn arch(config: &Value) -> SslMetaArch {
    let config = SslConfig::from_merged(config).expect("the fixture is a whole config");
    runtime::manual_seed(0);
    let mut arch = SslMetaArch::new(&config);
    arch.init_weights();
    arch.student.warm(0.02);
    arch.teacher.copy_values_from(&arch.student);
    arch
}

/// The batch of seed 1.
pub fn batch() -> Batch {
    dinov3_vit::micro::batch(1)
}
