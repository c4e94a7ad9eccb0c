//! What a reader must know beside a figure of speed.

use std::env;
use std::fs;
use std::path::Path;

use dinov3_program::Only;
use dinov3_reports::{Bilingual, Message};
use dinov3_torch::device::{self, Device};
use dinov3_torch::plugin::lent;
use dinov3_torch::{runtime, shim};

use super::asked::Resolved;
use super::leg::Taken;
use super::machine;

/// Variables that change how fast a training is, or what it computes. Those that are set are shown.
const VARIABLES: [&str; 24] = [
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "OMP_PROC_BIND",
    "KMP_AFFINITY",
    "GOMP_CPU_AFFINITY",
    "MKL_NUM_THREADS",
    "ATEN_CPU_CAPABILITY",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_CBWR",
    "DNNL_DEFAULT_FPMATH_MODE",
    "NVIDIA_TF32_OVERRIDE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_LAUNCH_BLOCKING",
    "NCCL_ALGO",
    "ASCEND_RT_VISIBLE_DEVICES",
    "ASCEND_LAUNCH_BLOCKING",
    "TASK_QUEUE_ENABLE",
    "CPU_AFFINITY_CONF",
    "COMBINED_ENABLE",
    "PYTORCH_NPU_ALLOC_CONF",
    "HCCL_DETERMINISTIC",
    "CLOSE_MATMUL_K_SHIFT",
];

/// Files in which drivers and toolkits say their version.
const VERSIONS: [(&str, &str); 4] = [
    ("NVIDIA driver", "/proc/driver/nvidia/version"),
    ("CUDA", "/usr/local/cuda/version.txt"),
    ("Ascend driver", "/usr/local/Ascend/driver/version.info"),
    ("CANN", "/usr/local/Ascend/ascend-toolkit/latest/version.cfg"),
];

/// Where CUDA's toolkit says its version since 11.1.
const TOOLKIT: (&str, &str) = ("CUDA", "/usr/local/cuda/version.json");

/// What is known, and its value.
pub(super) type Fact = (Message, Message);

const fn say(en: &'static str, zh: &'static str) -> Bilingual {
    Bilingual { en, zh }
}

/// Everything, in the order of the table.
pub(super) fn of(resolved: &Resolved, taken: &Taken) -> Vec<Fact> {
    let mut facts = work(resolved, taken);
    facts.extend(arithmetic(resolved));
    facts.extend(surroundings(resolved, taken));
    facts
}

fn fact(name: Bilingual, value: impl Into<String>) -> Fact {
    (name.into(), Message::name(value))
}

fn said(name: Bilingual, value: Bilingual) -> Fact {
    (name.into(), value.into())
}

/// What was done.
fn work(resolved: &Resolved, taken: &Taken) -> Vec<Fact> {
    let facts = &taken.facts;
    let measured = match resolved.only {
        Only::Everything => {
            say("the training program: loader, steps, log, checkpoints", "完整训练程序：数据加载、训练步、日志、检查点")
        }
        Only::Data => say("the loader alone: nothing was computed", "仅数据加载：未做任何计算"),
        Only::Compute => say(
            "the steps alone: four batches were made beforehand and taken over and over",
            "仅计算：事先生成 4 个数据批并循环使用",
        ),
    };
    let images = match resolved.on_board {
        true => say(
            "photographs on board, small and few: their loading is not that of ImageNet",
            "程序内置照片：数量少、尺寸小，其加载开销不代表 ImageNet",
        ),
        false => say("those given with --data", "由 --data 指定的真实数据"),
    };
    let mut work = vec![
        said(say("measured", "测量范围"), measured),
        said(
            say("published figures among these", "其中的公开数据"),
            say(
                "none: all of them were measured in this run; `compare` lays it beside what was published",
                "无：全部为本次运行实测；与公开数据的对比请使用 compare",
            ),
        ),
        said(say("images", "图像来源"), images),
        fact(say("images in the dataset", "数据集图像数"), facts.dataset.to_string()),
        fact(say("recipe", "配方"), resolved.recipe.name),
        fact(say("batch a card × cards", "每卡批大小 × 卡数"), format!("{} × {}", facts.batch, facts.world)),
        fact(
            say("steps taken, of those of the whole recipe", "实际步数 / 配方总步数"),
            format!("{} / {}", taken.steps.len(), resolved.iterations),
        ),
        fact(say("device", "设备"), resolved.device.to_string()),
        fact(say("threads that make batches", "数据加载线程数"), resolved.threads.to_string()),
        fact(say("threads that compute", "计算线程数"), runtime::threads().to_string()),
    ];
    work.extend(
        facts
            .network
            .iter()
            .map(|network| fact(say("parameters of the student", "学生网络参数量"), network.parameters.to_string())),
    );
    work
}

/// In which arithmetic.
fn arithmetic(resolved: &Resolved) -> Vec<Fact> {
    let plugin = matches!(resolved.device, Device::Plugin { .. });
    let tf32 = match resolved.device {
        Device::Cuda(_) if device::tf32() => {
            say("yes, both, as the reference's program has it", "均开启，与标杆程序一致")
        }
        Device::Cuda(_) => say("no, neither", "均关闭"),
        _ => say("does not apply to this device", "本设备不适用"),
    };
    let hf32 = match plugin {
        true => say("torch_npu's defaults: products no, convolutions yes", "torch_npu 默认：矩阵乘关闭，卷积开启"),
        false => say("does not apply to this device", "本设备不适用"),
    };
    let formats = match plugin {
        true => say("torch_npu's default", "torch_npu 默认"),
        false => say("none on this device", "本设备无私有格式"),
    };
    let compiled = resolved.merged.config.pointer("/train/compile").and_then(serde_json::Value::as_bool) == Some(true);
    let compile = match compiled {
        true => say(
            "no: the recipe's `train.compile: true` has no effect here",
            "否：配方中的 train.compile: true 在此不生效",
        ),
        false => say("no", "否"),
    };
    vec![
        fact(say("precision", "精度"), resolved.precision.clone()),
        said(say("TF32 (products, convolutions)", "TF32（矩阵乘、卷积）"), tf32),
        said(say("HF32 (products, convolutions)", "HF32（矩阵乘、卷积）"), hf32),
        said(say("internal formats", "私有格式"), formats),
        said(say("compiled", "图编译"), compile),
        said(
            say("deterministic", "确定性"),
            say(
                "nothing was asked of the device; on a CPU the same bits come each time",
                "未要求设备确定性计算；CPU 上逐位可复现",
            ),
        ),
    ]
}

/// On which machine, and who else was there.
fn surroundings(resolved: &Resolved, taken: &Taken) -> Vec<Fact> {
    let mut facts = vec![
        fact(say("libtorch", "libtorch"), shim::torch_version()),
        fact(say("instruction set", "指令集"), shim::cpu_capability()),
        fact(say("harness", "本工具"), env!("CARGO_PKG_VERSION")),
    ];
    let mut known = |name: Bilingual, value: Option<String>| facts.extend(value.map(|value| fact(name, value)));
    let plugin = match resolved.device {
        Device::Plugin { kind, .. } => lent(kind.name()).map(|lent| lent.path().display().to_string()),
        _ => None,
    };
    known(say("plugin of the device", "设备插件"), plugin);
    known(say("kernel", "内核"), machine::line("/proc/sys/kernel/osrelease"));
    known(say("cores that this process may use", "本进程可用核"), machine::status("Cpus_allowed_list:"));
    known(say("memory nodes that it may use", "本进程可用内存节点"), machine::status("Mems_allowed_list:"));
    known(say("load of the machine behind the run", "运行结束时系统负载"), machine::line("/proc/loadavg"));
    let others = taken.others.map(|(share, cores)| format!("{:.1} % / {cores}", 100.0 * share));
    known(say("cores that others used / cores", "其他进程占用核比例 / 核数"), others);
    known(say("clock, MHz: readings, least, most", "主频 MHz：读数次数、最低、最高"), clock(&taken.clock.readings));
    known(say("base clock, MHz", "基频 MHz"), taken.clock.base.map(|base| format!("{base:.0}")));
    known(
        say("times that a core was throttled", "处理器降频次数"),
        taken.clock.events.map(|events| events.to_string()),
    );
    let [before, behind] = taken.card.clone();
    known(say("the card before the run", "运行前加速卡状态"), before);
    known(say("the card right behind the last step", "最后一步后加速卡状态"), behind);
    known(
        say("governor of the clock", "调频策略"),
        machine::line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    );
    known(say("huge pages", "大页"), machine::line("/sys/kernel/mm/transparent_hugepage/enabled"));
    for (name, path) in VERSIONS {
        if let Some(version) = machine::line(path).filter(|_| Path::new(path).exists()) {
            facts.push((Message::name(name), Message::name(version)));
        }
    }
    let (name, path) = TOOLKIT;
    if let Some(version) = fs::read_to_string(path).ok().as_deref().and_then(toolkit) {
        facts.push((Message::name(name), Message::name(version)));
    }
    for name in VARIABLES {
        if let Some(value) = env::var_os(name) {
            facts.push((Message::name(name), Message::name(value.to_string_lossy())));
        }
    }
    facts
}

/// The version in CUDA's `version.json`.
fn toolkit(text: &str) -> Option<String> {
    let versions: serde_json::Value = serde_json::from_str(text).ok()?;
    versions.pointer("/cuda/version")?.as_str().map(str::to_owned)
}

fn clock(readings: &[f64]) -> Option<String> {
    let (least, most) = (readings.iter().copied().reduce(f64::min)?, readings.iter().copied().reduce(f64::max)?);
    Some(format!("{}, {least:.0}, {most:.0}", readings.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_toolkit_says_its_version_in_json() {
        let text = r#"{"cuda": {"name": "CUDA SDK", "version": "12.8.1"}, "nvcc": {"version": "12.8.93"}}"#;
        assert_eq!(toolkit(text).as_deref(), Some("12.8.1"));
        assert_eq!((toolkit("{}"), toolkit("CUDA Version 10.2")), (None, None));
    }
}
