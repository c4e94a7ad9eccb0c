//! What libtorch is and how it computes here: the instruction set it is held to, its threads, its random stream.

use std::env;
use std::error::Error;

use tch::{Device, Kind, Tensor};

use crate::shim::{self, ShimError};

/// The pins of every committed golden set, as ATen, MKL and oneDNN name them: AVX2, which all supported x86-64 machines have.
pub const AVX2: [(&str, &str); 3] =
    [("ATEN_CPU_CAPABILITY", "avx2"), ("MKL_CBWR", "AVX2"), ("ONEDNN_MAX_CPU_ISA", "AVX2")];

/// How Intel's processors name their maker.
const INTEL: &str = "GenuineIntel";

/// Holds libtorch's kernels to an instruction set. Each library reads its variable once, at its first call.
///
/// # Safety
/// To be called at the start of `main`, before any thread is started and before libtorch's first call.
pub unsafe fn pin(variables: &[(&str, &str)]) {
    for (variable, value) in variables {
        // SAFETY: the caller promises that no other thread reads the environment now.
        unsafe { env::set_var(variable, value) };
    }
}

/// The value that a variable of [`AVX2`] has in this process.
pub fn pinned(variable: &str) -> Option<String> {
    env::var(variable).ok()
}

/// The maker of this processor as MKL sees it, such as `GenuineIntel`; `None` on processors that have no such name.
///
/// MKL keeps its promises about instruction sets to Intel's processors alone. Here it takes those of others for such, which have the same
/// bits then, and are up to twice as fast (`model/torch/shim/mkl.cpp`); unless `DINOV3_MKL=as-shipped`, or a libtorch asks otherwise. Makes
/// MKL's first call: to be pinned before.
pub fn cpu_vendor() -> Option<String> {
    let square = Tensor::ones([8, 8], (Kind::Float, Device::Cpu));
    let _ = square.mm(&square);
    if shim::mkl_takes_intels_kernels() { Some(INTEL.to_owned()) } else { own_cpu_vendor() }
}

/// The maker of this processor as it names itself.
fn own_cpu_vendor() -> Option<String> {
    #[cfg(target_arch = "x86_64")]
    {
        let leaf = std::arch::x86_64::__cpuid(0);
        let name: Vec<u8> = [leaf.ebx, leaf.edx, leaf.ecx].into_iter().flat_map(u32::to_le_bytes).collect();
        String::from_utf8(name).ok()
    }
    #[cfg(not(target_arch = "x86_64"))]
    None
}

/// Whether MKL takes this processor for one of Intel's, and it is another maker's.
pub fn mkl_is_mistaken() -> bool {
    cpu_vendor() != own_cpu_vendor()
}

/// Threads of libtorch's intra-op pool: `torch.set_num_threads`.
pub fn set_threads(threads: u32) {
    tch::set_num_threads(threads.max(1) as i32);
}

/// `torch.get_num_threads()`.
pub fn threads() -> u32 {
    tch::get_num_threads().max(1) as u32
}

/// `torch.manual_seed`: the stream from which weights, stochastic depth and RoPE's augmentation draw.
pub fn manual_seed(seed: u64) {
    tch::manual_seed(seed as i64);
}

/// `torch.get_rng_state()`: where the host's stream stands, `[5056]` uint8.
pub fn rng_state() -> Tensor {
    shim::rng_state().expect("the host's generator has a state")
}

/// `torch.set_rng_state(state)`.
///
/// # Errors
/// When `state` is no state of the host's generator.
pub fn set_rng_state(state: &Tensor) -> Result<(), ShimError> {
    shim::set_rng_state(state)
}

/// Keeps the host memory that tensors free for other tensors, up to the most that was ever in use at one time. A training step on
/// the CPU is a good part faster for it; the bits are the same.
pub fn keep_freed_memory() {
    shim::keep_freed_memory();
}

/// Loads libtorch's CUDA half, where this libtorch has one: the linker leaves it out, since nothing refers to it by name, and
/// its kernels register themselves when it is loaded. Does nothing on a libtorch for the CPU alone.
///
/// # Errors
/// When the library is there and cannot be loaded (a driver or another library is missing): the loader's message.
pub fn load_cuda() -> Result<(), String> {
    const LIBRARY: &str = "libtorch_cuda.so";
    // SAFETY: the library is libtorch's own; its initialisers register kernels and are made to run at load time.
    match unsafe { libloading::Library::new(LIBRARY) } {
        Ok(library) => {
            // Kernels stay registered for good, so the library must stay.
            std::mem::forget(library);
            Ok(())
        }
        Err(error) => {
            let message = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            let absent = message.contains(&format!("{LIBRARY}: cannot open shared object file"));
            if absent { Ok(()) } else { Err(message) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn mkl_takes_every_processor_for_its_makers() {
        assert_eq!(cpu_vendor().as_deref(), Some(INTEL));
        assert!(shim::mkl_takes_intels_kernels(), "MKL did not ask, or not us");
    }
}
