//! One thing broken at a time: the line that must name it, its state, and what its fix must say.

use std::time::Duration;

use dinov3_reports::message::Pen;
use dinov3_reports::{DoctorLine, Lang, State};

use super::place::{Place, SMI};
use crate::Family;

/// A broken machine.
pub struct Case {
    /// What is broken.
    pub name: &'static str,
    broken: fn(&mut Place),
    item: &'static str,
    state: State,
    /// Words of the fix.
    fix: &'static str,
}

impl Case {
    /// The machine, and the line about what is broken.
    pub fn line(&self) -> (Place, DoctorLine) {
        let mut place = Place::healthy();
        (self.broken)(&mut place);
        let lines = place.look();
        let found = lines.iter().find(|line| line.item() == self.item && line.state() > State::NotApplicable);
        let line = found.unwrap_or_else(|| panic!("{}: nothing about {} in {lines:#?}", self.name, self.item)).clone();
        (place, line)
    }
}

const fn case(name: &'static str, item: &'static str, state: State, fix: &'static str, broken: fn(&mut Place)) -> Case {
    Case { name, broken, item, state, fix }
}

const TOOLKIT: &str = "/usr/local/Ascend/ascend-toolkit/latest";
const C10D: &str = "distributed_c10d";

/// All of them.
pub const CASES: &[Case] = &[
    // The cards.
    case("no device files", "npu-devices", State::Missing, "--device /dev/davinci_manager", |it| {
        (0..8).for_each(|number| it.remove(&format!("/dev/davinci{number}")));
    }),
    case("a container without the manager", "npu-devices", State::Missing, "--device /dev/davinci_manager", |it| {
        it.remove("/dev/davinci_manager")
    }),
    case("no npu-smi", "npu-smi", State::Missing, "-v /usr/local/sbin/npu-smi", |it| {
        it.remove("/usr/local/sbin/npu-smi")
    }),
    case("npu-smi hangs", "npu-smi", State::Wrong, "reset that card", |it| {
        it.program("/usr/local/sbin/npu-smi", "sleep 60");
        it.machine.limit = Duration::from_millis(100);
    }),
    case("user not in the driver's group", "npu-smi", State::Wrong, "HwHiAiUser", |it| {
        it.smi(
            "DrvMngGetConsoleLogLevel failed. (g_conLogLevel=3)\ndcmi module initialize failed. ret is -8005\n",
            255,
        );
    }),
    case("set_env.sh not sourced for npu-smi", "npu-smi", State::Wrong, "set_env.sh", |it| {
        it.smi("npu-smi: error while loading shared libraries: libc_sec.so: cannot open shared object file: No such file or directory\n", 127);
    }),
    case("driver libraries not searched", "npu-smi", State::Wrong, "driver/lib64/driver", |it| {
        it.smi("npu-smi: error while loading shared libraries: libdrvdsmi_host.so: cannot open shared object file: No such file or directory\n", 127);
    }),
    case("npu-smi ends by itself", "npu-smi", State::Wrong, "by hand", |it| it.smi("", 9)),
    case("a table that nobody knows", "npu-smi", State::Wrong, "report this table", |it| it.smi("NPU 0 is fine\n", 0)),
    case("four cards", "npus", State::Advice, "per card", |it| {
        let rows: Vec<&str> = SMI.lines().collect();
        it.smi(&[&rows[..18], &rows[30..]].concat().join("\n"), 0);
    }),
    case("a card with less memory", "npus", State::Advice, "precision only", |it| {
        it.smi(&SMI.replace("910B3", "910B4"), 0)
    }),
    case("a sick card", "npu-health", State::Wrong, "-i 0 -c 0", |it| {
        it.smi(&SMI.replacen("| OK   ", "| Alarm", 1), 0)
    }),
    case("memory of others", "npu-memory", State::Wrong, "ASCEND_RT_VISIBLE_DEVICES", |it| {
        it.smi(&SMI.replacen("3400 /", "61234/", 1), 0)
    }),
    case("processes of others", "npu-processes", State::Advice, "performance", |it| {
        let process =
            "| 5       0                 | 2290156       | VLLMEngineCore           | 56630                   |";
        it.smi(
            &SMI.replace(
                "| No running processes found in NPU 5                                                            |",
                process,
            ),
            0,
        );
    }),
    case("a card that is not there", "visible-devices", State::Wrong, "npu-smi info -m", |it| {
        it.set("ASCEND_RT_VISIBLE_DEVICES", "0,8")
    }),
    // CANN and what is below it.
    case("no CANN", "cann", State::Missing, "Ascend-cann-toolkit 8.3.RC1", |it| it.remove(TOOLKIT)),
    case("an older CANN", "cann", State::Advice, "8.3.RC1", |it| it.toolkit("8.2.RC1", "V100R001C22SPC001B231")),
    case("two CANNs mixed", "cann", State::Wrong, "uninstall both", |it| {
        it.toolkit("8.3.RC1", "V100R001C22SPC001B231")
    }),
    case("a CANN without version", "cann", State::Wrong, "again", |it| {
        it.write(&format!("{TOOLKIT}/aarch64-linux/ascend_toolkit_install.info"), "arch=aarch64\n")
    }),
    case("a CANN without compiler", "cann", State::Missing, "whole Ascend-cann-toolkit", |it| {
        it.remove(&format!("{TOOLKIT}/compiler"))
    }),
    case(
        "set_env.sh not sourced",
        "cann-environment",
        State::Missing,
        "source /usr/local/Ascend/ascend-toolkit/set_env.sh",
        |it| it.unset("ASCEND_HOME_PATH"),
    ),
    case("a path of a former CANN", "cann-environment", State::Wrong, "new shell", |it| {
        it.set("ASCEND_OPP_PATH", "/usr/local/Ascend/ascend-toolkit/8.0.RC1/opp")
    }),
    case("LD_LIBRARY_PATH overwritten", "cann-environment", State::Wrong, "only add to LD_LIBRARY_PATH", |it| {
        it.set("LD_LIBRARY_PATH", "/usr/lib")
    }),
    case("stub libraries on a machine with cards", "cann-environment", State::Wrong, "without an NPU", |it| {
        it.set(
            "LD_LIBRARY_PATH",
            "/usr/local/Ascend/ascend-toolkit/latest/arm64-linux/devlib:/usr/local/Ascend/driver/lib64/driver",
        );
    }),
    case("no driver", "driver", State::Missing, "mount /usr/local/Ascend/driver", |it| {
        it.remove("/usr/local/Ascend/driver")
    }),
    case("a driver of an older CANN", "driver", State::Advice, "aclInit", |it| {
        it.write(
            "/usr/local/Ascend/driver/version.info",
            "Version=24.1.rc3.7\ncompatible_version=[V100R001C19],[V100R001C20]\n",
        );
    }),
    case("a firmware of another driver", "firmware", State::Advice, "restart", |it| {
        it.write(
            "/usr/local/Ascend/firmware/version.info",
            "Version=7.5.0.1.129\npackage_version=24.1.rc3\ncompatible_version_drv=[23.0.0,23.0.0.],[24.1,24.1.]\n",
        );
    }),
    // Python.
    case("no Python", "python", State::Missing, "Python 3.11", |it| it.remove("/usr/bin/python3")),
    case("a Python that fails", "python", State::Wrong, "repair", |it| {
        it.program("/usr/bin/python3", "echo \"ImportError: no encodings\" >&2\nexit 1")
    }),
    case("a Python that hangs", "python", State::Wrong, "network file system", |it| {
        it.program("/usr/bin/python3", "sleep 60");
        it.machine.limit = Duration::from_millis(100);
    }),
    case("Python 3.12", "python", State::Wrong, "Python 3.11", |it| {
        it.python("3.12.4", true, &[("torch", "2.8.0"), ("torch_npu", "2.8.0")])
    }),
    case("Python 3.10", "python", State::Advice, "Python 3.11", |it| {
        it.python("3.10.1", true, &[("torch", "2.8.0"), ("torch_npu", "2.8.0")])
    }),
    case("Python without a shared library", "python", State::Advice, "--enable-shared", |it| {
        it.python("3.11.7", false, &[("torch", "2.8.0"), ("torch_npu", "2.8.0")])
    }),
    case("no PyTorch", "pytorch", State::Missing, "pip install torch==2.8.0", |it| it.python("3.11.13", true, &[])),
    case("PyTorch 2.7", "pytorch", State::Wrong, "pip install torch==2.8.0", |it| {
        it.write("/site-packages/torch/version.py", "__version__ = '2.7.1+cpu'\n")
    }),
    case("PyTorch for CUDA", "pytorch", State::Wrong, "whl/cpu torch==2.8.0", |it| {
        it.write("/site-packages/torch/version.py", "__version__ = '2.8.0+cu128'\n")
    }),
    case("no torch_npu", "torch_npu", State::Missing, "pip install torch_npu==2.8.0", |it| {
        it.python("3.11.13", true, &[("torch", "2.8.0")])
    }),
    case("torch_npu of PyTorch 2.7", "torch_npu", State::Wrong, "torch_npu==2.8.0", |it| {
        it.python("3.11.13", true, &[("torch", "2.8.0"), ("torch_npu", "2.7.1")])
    }),
    case("torch_npu of a later CANN", "torch_npu", State::Wrong, "install CANN 9.0.0", |it| {
        it.python("3.11.13", true, &[("torch", "2.8.0"), ("torch_npu", "2.8.0.post4")])
    }),
    case("a torch_npu that nobody knows", "torch_npu", State::Advice, "reduce-op", |it| {
        it.python("3.11.13", true, &[("torch", "2.8.0"), ("torch_npu", "2.8.0.post9")])
    }),
    // The port.
    case("PyTorch not edited", C10D, State::Wrong, "post4", |it| it.edit("opts.reduceOp = op")),
    case("the README's spelling", C10D, State::Wrong, "PREMUL_SUM alone", |it| it.edit("opts.reduceOp = Reduceop.SUM")),
    case("SUM for every op", C10D, State::Wrong, "PREMUL_SUM alone", |it| it.edit("opts.reduceOp = ReduceOp.SUM")),
    case("an edit that is not needed", C10D, State::Wrong, "--force-reinstall", |it| {
        it.python("3.11.13", true, &[("torch", "2.8.0"), ("torch_npu", "2.8.0.post4")]);
        it.edit("opts.reduceOp = ReduceOp.SUM");
    }),
    case("another edit", C10D, State::Advice, "reduce-op", |it| it.edit("opts.reduceOp = my_op(op)")),
    case("a teacher that learns nothing", "checkout", State::Wrong, "ema_params_lists", |it| {
        it.port(Some(("/port/dinov3/train/ssl_meta_arch.py", "# ema_param_lists\nself.ema_param_lists = lists\n")));
    }),
    case("totals in float32", "checkout", State::Wrong, "all-gather", |it| {
        it.port(Some(("/port/dinov3/logging/helpers.py", "total = torch.tensor(self.total, dtype=torch.float32)\n")));
    }),
    case("totals in float64 over HCCL", "checkout", State::Wrong, "gloo", |it| {
        it.port(Some((
            "/port/dinov3/logging/helpers.py",
            "t = torch.tensor([self.count, self.total], dtype=torch.float64)\n",
        )));
    }),
    case("no checkout", "checkout", State::Wrong, "git clone", |it| it.checkout = Some(it.machine.path("/nowhere"))),
    case("another commit", "checkout", State::Advice, "git checkout cb054165", |it| {
        it.port(Some(("/port/.git/HEAD", "0123456789012345678901234567890123456789\n")))
    }),
    case("TF32 that is not mapped", "checkout", State::Advice, "comparison", |it| {
        it.port(Some((
            "/port/dinov3/train/train.py",
            "import torch_npu\ntorch.backends.cuda.matmul.allow_tf32 = True\n",
        )));
    }),
    // Variables and ports.
    case("a published variable not set", "published-variables", State::Advice, "export TASK_QUEUE_ENABLE=2", |it| {
        it.unset("TASK_QUEUE_ENABLE")
    }),
    case(
        "a published variable with another value",
        "published-variables",
        State::Advice,
        "export CPU_AFFINITY_CONF=1",
        |it| it.set("CPU_AFFINITY_CONF", "2"),
    ),
    case("a variable that is not published", "other-variables", State::Advice, "unset HCCL_DETERMINISTIC", |it| {
        it.set("HCCL_DETERMINISTIC", "true")
    }),
    case("every operation waits", "other-variables", State::Advice, "unset ASCEND_LAUNCH_BLOCKING", |it| {
        it.set("ASCEND_LAUNCH_BLOCKING", "1")
    }),
    case("overflows saturate", "other-variables", State::Wrong, "unset INF_NAN_MODE_ENABLE", |it| {
        it.set("INF_NAN_MODE_ENABLE", "0")
    }),
    case("a time that is none", "hccl", State::Wrong, "120-7200", |it| it.set("HCCL_CONNECT_TIMEOUT", "20min")),
    case("an address of another machine", "hccl", State::Wrong, "unset it on a single machine", |it| {
        it.set("HCCL_IF_IP", "192.168.1.12")
    }),
    case("a port of another job", "ports", State::Wrong, "HCCL_IF_BASE_PORT", |it| {
        it.write("/proc/net/tcp", "  sl  local_address rem_address   st\n   0: 00000000:411A 00000000:0000 0A\n");
    }),
    // The machine.
    case("a container's shared memory", "shared-memory", State::Wrong, "--shm-size", |it| {
        it.machine.measures.shm = Some(64 << 20)
    }),
    case("few open files", "open-files", State::Wrong, "ulimit -n", |it| it.machine.measures.open_files = Some(1024)),
    case("little locked memory", "locked-memory", State::Advice, "memlock", |it| {
        it.machine.measures.locked = Some(64 << 10)
    }),
    case("processors that save power", "cpu-governor", State::Advice, "cpupower", |it| {
        it.write("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
    }),
    case("bound to some processors", "cpu-affinity", State::Advice, "taskset", |it| {
        it.machine.measures.processors = 24
    }),
    case("little time of processors", "cpu-affinity", State::Advice, "--cpus", |it| {
        it.write("/sys/fs/cgroup/cpu.max", "800000 100000\n")
    }),
    case("no huge pages", "huge-pages", State::Advice, "madvise", |it| {
        it.write("/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n")
    }),
    case("no room for a checkpoint", "disk", State::Wrong, "--output-dir", |it| {
        it.machine.measures.free = Some(1 << 30)
    }),
    case("little room", "disk", State::Advice, "full run", |it| it.machine.measures.free = Some(20 << 30)),
    // Images.
    case("a dataset that is none", "dataset", State::Wrong, "ImageNet:split=TRAIN", |it| {
        it.dataset = Some("Imagenet:split=TRAIN".to_owned())
    }),
    case("no tables", "dataset", State::Missing, "data prepare", |it| {
        it.dataset = Some(format!("ImageNet:split=TRAIN:root={0}:extra={0}", it.root()));
    }),
    // NVIDIA's cards.
    case("no driver of NVIDIA's", "cuda-driver", State::Missing, "--gpus all", |it| it.device = Family::Cuda),
    case("an old driver of NVIDIA's", "cuda-driver", State::Wrong, "update", |it| {
        it.device = Family::Cuda;
        it.write(
            "/proc/driver/nvidia/version",
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.82.01  Wed Oct 27 2021\n",
        );
    }),
    case("a GPU that is full", "gpus", State::Wrong, "CUDA_VISIBLE_DEVICES", |it| {
        it.device = Family::Cuda;
        it.write("/proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.124.06  Mon\n");
        it.program(
            "/usr/bin/nvidia-smi",
            "echo 'NVIDIA H100 80GB HBM3, 81000, 81559'; echo 'NVIDIA H100 80GB HBM3, 512, 81559'",
        );
    }),
    case("PyTorch without CUDA", "pytorch", State::Wrong, "PyPI", |it| {
        it.device = Family::Cuda;
        it.write("/site-packages/torch/version.py", "__version__ = '2.8.0+cpu'\n");
    }),
    case("no NCCL", "nccl", State::Missing, "nvidia-nccl-cu12", |it| it.device = Family::Cuda),
];

#[test]
fn each_broken_machine_names_the_right_fix() {
    for case in CASES {
        let (_place, line) = case.line();
        let fix = line.fix(Lang::En, Pen::Plain).unwrap_or_default();
        assert_eq!(line.state(), case.state, "{}: {line:#?}", case.name);
        assert!(fix.contains(case.fix), "{}: the fix is: {fix}", case.name);
    }
}

/// A program that hangs is ended, with what it started, and is waited for no longer than the limit.
#[test]
fn a_program_that_hangs_costs_the_limit_alone() {
    let started = std::time::Instant::now();
    let case = CASES.iter().find(|case| case.name == "npu-smi hangs").unwrap();
    case.line();
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(crate::machine::LIMIT, Duration::from_secs(10));
}
