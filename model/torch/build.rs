//! Compiles the C++ shim against the libtorch that `LIBTORCH` names, the same one that `torch-sys` links.

use std::env;
use std::path::{Path, PathBuf};

/// What NCCL's header needs beside libtorch's own: a header, and what brings it.
const CUDA_HEADERS: [(&str, &str); 7] = [
    ("cuda_runtime.h", "nvidia-cuda-runtime-cu12"),
    ("crt/host_config.h", "nvidia-cuda-nvcc-cu12"),
    ("nv/target", "nvidia-cuda-cccl-cu12"),
    ("cublas_v2.h", "nvidia-cublas-cu12"),
    ("cusolverDn.h", "nvidia-cusolver-cu12"),
    ("cusparse.h", "nvidia-cusparse-cu12"),
    ("nccl.h", "nvidia-nccl-cu12"),
];

/// Where the interface of plugins is.
const PLUGINS: &str = "../plugins/include";

/// What the shim computes or decides by itself: without libtorch's headers, or with few. `rope_loops` is numeric.
const OPTIMISED: [&str; 3] = ["allocator", "mkl", "rope_loops"];

fn main() {
    println!("cargo:rerun-if-changed=shim");
    println!("cargo:rerun-if-changed={PLUGINS}");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let Some(libtorch) = env::var_os("LIBTORCH").map(PathBuf::from) else {
        eprintln!("error: LIBTORCH is not set, so there is no libtorch to compile against");
        eprintln!("hint: use `cargo harness …` or `cargo ci …`, which set it up, or `eval \"$(cargo ci env)\"` once");
        std::process::exit(1);
    };
    let nccl = nccl_headers(&libtorch);
    let mut thin = compiler(&libtorch, &["thin"]);
    match &nccl {
        // Not as ours: they are not free of warnings.
        Ok(folders) => folders.iter().for_each(|folder| {
            thin.flag("-isystem").flag(folder);
        }),
        Err(why) => {
            thin.define("DINOV3_NO_NCCL", format!("{why:?}").as_str());
        }
    }
    if nccl.is_ok() {
        thin.file("shim/nccl.cpp");
    }
    // Calls into libtorch gain nothing by more than this.
    thin.opt_level(1).compile("dinov3_shim");
    compiler(&libtorch, &OPTIMISED).opt_level(3).compile("dinov3_shim_optimised");
    if nccl.is_ok() {
        // After the shim, which needs them.
        println!("cargo:rustc-link-lib=dylib=torch_cuda");
        println!("cargo:rustc-link-lib=dylib=c10_cuda");
    }
}

/// What compiles these files of the shim, and archives them.
fn compiler(libtorch: &Path, files: &[&str]) -> cc::Build {
    let include = libtorch.join("include");
    let mut build = cc::Build::new();
    if build.get_compiler().is_like_gnu() && !build.get_compiler().is_like_clang() {
        // libtorch's own thread pool is GNU OpenMP; the loader finds one library for both, since both ask for the same name.
        build.flag("-fopenmp");
        println!("cargo:rustc-link-lib=dylib=gomp");
    }
    build
        .cpp(true)
        .std("c++20")
        .files(files.iter().map(|file| format!("shim/{file}.cpp")))
        // Stand-ins for Gloo's headers, which libtorch does not ship.
        .include("shim")
        .include(PLUGINS)
        // A product and a sum that became one would round once.
        .flag_if_supported("-ffp-contract=off")
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        // libtorch 2.8's wheels use the new std::string ABI.
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .flag_if_supported("-Wno-unused-parameter")
        .warnings(true)
        // Debug information of libtorch's headers takes as long again as all else.
        .debug(false)
        // MKL looks for what mkl.cpp defines; no Rust code names it.
        .link_lib_modifier("+whole-archive");
    build
}

/// The folders of the headers that NCCL needs, or why there can be none: what a run says that asks for it.
fn nccl_headers(libtorch: &Path) -> Result<Vec<PathBuf>, String> {
    for name in ["CUDA_HOME", "CUDA_PATH"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    if !libtorch.join("lib/libtorch_cuda.so").exists() {
        return Err("libtorch is one for the CPU alone".to_owned());
    }
    let toolkits = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(env::var_os).map(PathBuf::from);
    // Where pip puts what a CUDA PyTorch needs, beside it.
    let wheels = libtorch.parent().map(|it| it.join("nvidia")).and_then(|it| it.read_dir().ok());
    let wheels = wheels.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let all = toolkits.chain(wheels).chain([PathBuf::from("/usr/local/cuda"), PathBuf::from("/usr")]);
    let all: Vec<PathBuf> = all.map(|it| it.join("include")).collect();
    let mut found: Vec<PathBuf> = Vec::new();
    for (header, package) in CUDA_HEADERS {
        let Some(folder) = all.iter().find(|it| it.join(header).exists()) else {
            return Err(format!(
                "CUDA's header {header} was not there when this was built: CUDA's toolkit has it (CUDA_HOME), or pip's {package} beside torch"
            ));
        };
        // The compiler knows of its own, and orders them itself.
        if !found.contains(folder) && folder != Path::new("/usr/include") {
            found.push(folder.clone());
        }
    }
    Ok(found)
}
