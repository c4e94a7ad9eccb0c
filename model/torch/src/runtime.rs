//! libtorch in this process: the instruction set that it is held to, its threads, its random stream.

use std::env;
use std::error::Error;
use std::io::Write;

use tch::{Device, Kind, Tensor};

use crate::shim::{self, ShimError};

/// The pins of every committed golden set, as ATen, MKL and oneDNN name them. All supported x86-64 machines have AVX2.
pub const AVX2: [(&str, &str); 3] =
    [("ATEN_CPU_CAPABILITY", "avx2"), ("MKL_CBWR", "AVX2"), ("ONEDNN_MAX_CPU_ISA", "AVX2")];

/// The maker's name in Intel's processors.
const INTEL: &str = "GenuineIntel";

/// Holds libtorch's kernels to an instruction set. Each library reads its variable once, at its first call.
///
/// # Safety
/// Call it at the start of `main`, before any thread is started and before libtorch's first call.
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
/// MKL honours its instruction set settings on Intel's processors only. This process tells MKL that every processor is Intel's
/// (`model/torch/shim/mkl.cpp`): other processors then have the same bits, and are up to twice as fast. `DINOV3_MKL=as-shipped` turns this
/// off, and a libtorch that asks in another way is not told. This function makes MKL's first call: pin before it.
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

/// Whether MKL takes this processor for Intel's although another maker made it.
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

/// `torch.manual_seed`: seeds the stream from which weights, stochastic depth and RoPE's augmentation draw.
pub fn manual_seed(seed: u64) {
    tch::manual_seed(seed as i64);
}

/// `torch.get_rng_state()`: the state of the host's stream, `[5056]` uint8.
pub fn rng_state() -> Tensor {
    shim::rng_state().expect("the host's generator has a state")
}

/// `torch.set_rng_state(state)`.
///
/// # Errors
/// If `state` is no state of the host's generator.
pub fn set_rng_state(state: &Tensor) -> Result<(), ShimError> {
    shim::set_rng_state(state)
}

/// Keeps host memory that tensors free for later tensors, up to the most that was in use at one time. A training step on the CPU is faster
/// with it, and has the same bits.
pub fn keep_freed_memory() {
    shim::keep_freed_memory();
}

/// Ends the process with an exit code, and leaves out what libraries do at its end.
///
/// libtorch takes its table of operations apart one by one: a quarter of all time that a command such as `--version` takes, and for nothing.
/// What Rust and C have buffered is written first. Threads that still run are ended, as by [`std::process::exit`].
pub fn leave(code: i32) -> ! {
    // A closed pipe is no error at the end.
    let _ = std::io::stdout().flush();
    // SAFETY: both take any argument; none of this program's code runs afterwards.
    unsafe {
        libc::fflush(std::ptr::null_mut());
        libc::_exit(code)
    }
}

/// Loads the CUDA half of libtorch, if this libtorch has one. Its kernels register themselves at load time. The linker leaves it out, since
/// nothing refers to it by name. Does nothing if libtorch is for the CPU alone.
///
/// # Errors
/// If the library exists and cannot be loaded, for example because a driver is missing: the loader's message.
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

    /// Without the shim's answer, one of six hundred processes took a generic kernel for half of its first `erfinv`: two threads asked MKL
    /// for the kind of processor at once. Seen to fail with the function of `mkl.cpp` under another name.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn mkls_vector_functions_ask_for_the_processor_one_at_a_time() {
        let _ = Tensor::zeros([8], (Kind::Float, Device::Cpu)).erfinv_();
        assert!(shim::mkl_vectors_ask_one_at_a_time(), "MKL did not ask, or not us");
    }
}
