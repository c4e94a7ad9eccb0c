//! A folder that stands for a machine: eight 910B3, CANN 8.3.RC1, torch_npu 2.8.0 with the port's edit for PREMUL_SUM alone. The texts
//! follow public reports; the figures in them are made up.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use dinov3_reports::DoctorLine;
use tempfile::TempDir;

use crate::{Family, Machine, Measures, Request, examine};

/// `npu-smi info` of eight cards.
pub const SMI: &str = include_str!("../../fixtures/npu-smi-800t-a2.txt");

/// The machine's folder, and what is to be looked at.
pub struct Place {
    folder: TempDir,
    /// The machine.
    pub machine: Machine,
    /// The checkout that is named.
    pub checkout: Option<PathBuf>,
    /// The images that are named.
    pub dataset: Option<String>,
    /// The device that is asked for.
    pub device: Family,
}

/// Files with their texts. `ROOT` is the folder.
const FILES: [(&str, &str); 20] = [
    (
        "/usr/local/Ascend/ascend-toolkit/latest/aarch64-linux/ascend_toolkit_install.info",
        include_str!("../../fixtures/toolkit-8.3.rc1.info"),
    ),
    ("/usr/local/Ascend/ascend-toolkit/latest/opp/version.info", "Version=8.3.RC1\n"),
    ("/usr/local/Ascend/ascend-toolkit/latest/runtime/version.info", "Version=8.3.RC1\n"),
    ("/usr/local/Ascend/ascend-toolkit/latest/compiler/version.info", "Version=8.3.RC1\n"),
    ("/usr/local/Ascend/ascend-toolkit/latest/lib64/libhccl.so", ""),
    ("/usr/local/Ascend/ascend-toolkit/set_env.sh", ""),
    ("/usr/local/Ascend/driver/version.info", include_str!("../../fixtures/driver-25.3.rc1.info")),
    ("/usr/local/Ascend/driver/lib64/common/libc_sec.so", ""),
    ("/usr/local/Ascend/driver/lib64/driver/libascend_hal.so", ""),
    (
        "/usr/local/Ascend/firmware/version.info",
        "Version=7.8.0.2.212\nfirmware_version=1.0\npackage_version=25.3.rc1\ncompatible_version_drv=[25.2,25.2.],[25.3,25.3.]\n",
    ),
    ("/dev/davinci_manager", ""),
    ("/dev/devmm_svm", ""),
    ("/dev/hisi_hdc", ""),
    (
        "/proc/net/tcp",
        "  sl  local_address rem_address   st\n   0: 0100007F:1F90 00000000:0000 0A\n   1: 0B01A8C0:9C40 0A01A8C0:01BB 01\n",
    ),
    (
        "/proc/net/fib_trie",
        "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 192.168.1.11\n        /32 host LOCAL\n     |-- 192.168.1.255\n        /32 link BROADCAST\n",
    ),
    ("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n"),
    ("/sys/devices/system/cpu/online", "0-191\n"),
    ("/sys/fs/cgroup/cpu.max", "max 100000\n"),
    ("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
    ("/site-packages/torch/version.py", "__version__ = '2.8.0'\ncuda = None\n"),
];

const VARIABLES: [(&str, &str); 10] = [
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("ASCEND_HOME_PATH", "/usr/local/Ascend/ascend-toolkit/latest"),
    ("ASCEND_OPP_PATH", "/usr/local/Ascend/ascend-toolkit/latest/opp"),
    (
        "LD_LIBRARY_PATH",
        "/usr/local/Ascend/ascend-toolkit/latest/lib64:/usr/local/Ascend/driver/lib64/common:/usr/local/Ascend/driver/lib64/driver/",
    ),
    ("TASK_QUEUE_ENABLE", "2"),
    ("CPU_AFFINITY_CONF", "1"),
    ("COMBINED_ENABLE", "1"),
    ("ASCEND_SLOG_PRINT_TO_STDOUT", "0"),
    ("ASCEND_GLOBAL_LOG_LEVEL", "3"),
    ("ASCEND_GLOBAL_EVENT_ENABLE", "0"),
];

impl Place {
    /// A machine on which the patched port's own defects are mended.
    pub fn healthy() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let measures = Measures {
            shm: Some(16 << 30),
            open_files: Some(65536),
            locked: None,
            processors: 192,
            free: Some(500 << 30),
        };
        let variables: BTreeMap<String, String> =
            VARIABLES.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let machine = Machine { root: folder.path().into(), variables, limit: Duration::from_secs(10), measures };
        let place = Self { folder, machine, checkout: None, dataset: None, device: Family::Npu };
        for (path, text) in FILES {
            place.write(path, text);
        }
        (0..8).for_each(|number| place.write(&format!("/dev/davinci{number}"), ""));
        place.smi(SMI, 0);
        place.python("3.11.13", true, &[("torch", "2.8.0"), ("torch_npu", "2.8.0")]);
        place.edit("opts.reduceOp = ReduceOp.SUM if op == ReduceOp.PREMUL_SUM else op");
        place
    }

    /// The folder's name.
    pub fn root(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// Writes a file of the machine.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.machine.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace("ROOT", &self.root())).unwrap();
    }

    /// Removes a file or folder of the machine.
    pub fn remove(&self, path: &str) {
        let path = self.machine.path(path);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.machine.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Unsets a variable.
    pub fn unset(&mut self, name: &str) {
        self.machine.variables.remove(name);
    }

    /// A program of the machine.
    pub fn program(&self, path: &str, script: &str) {
        self.write(path, &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(self.machine.path(path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// An `npu-smi` that says this, with this exit code.
    pub fn smi(&self, text: &str, code: i32) {
        self.write("/usr/local/sbin/npu-smi.txt", text);
        self.program("/usr/local/sbin/npu-smi", &format!("cat \"$0.txt\"\nexit {code}"));
    }

    /// An interpreter with these packages.
    pub fn python(&self, version: &str, shared: bool, packages: &[(&str, &str)]) {
        let packages: Vec<String> = packages.iter().map(|(name, version)| format!("{name:?}: {version:?}")).collect();
        let torch = match packages.iter().any(|package| package.starts_with("\"torch\"")) {
            true => "\"ROOT/site-packages/torch\"",
            false => "null",
        };
        let text = format!(
            "{{\"version\": {version:?}, \"program\": \"/usr/bin/python3\", \"shared\": {shared}, \"torch\": {torch}, \"packages\": {{{}}}}}",
            packages.join(", ")
        );
        self.write("/usr/bin/python3.json", &text);
        self.program("/usr/bin/python3", "cat \"$0.json\"");
    }

    /// The line of `distributed_c10d.py`.
    pub fn edit(&self, line: &str) {
        let text = format!(
            "def other(op):\n    opts.reduceOp = op\n\n\ndef reduce_scatter_tensor(output, input, op):\n    opts = Options()\n    {line}\n"
        );
        self.write("/site-packages/torch/distributed/distributed_c10d.py", &text);
    }

    /// The toolkit's versions.
    pub fn toolkit(&self, version: &str, inner: &str) {
        let text = format!(
            "package_name=Ascend-cann-toolkit\nversion={version}\ninnerversion={inner}\narch=aarch64\nos=linux\n"
        );
        self.write("/usr/local/Ascend/ascend-toolkit/latest/aarch64-linux/ascend_toolkit_install.info", &text);
    }

    /// A checkout of the port; `changed` replaces the text of one of its files.
    pub fn port(&mut self, changed: Option<(&str, &str)>) {
        let files = [
            ("/port/.git/HEAD", "cb054165e9ec6bd86dbae674416eb36c8349adcb\n"),
            ("/port/dinov3/train/ssl_meta_arch.py", "self.ema_params_lists = lists\n"),
            ("/port/dinov3/logging/helpers.py", "t = [self.count, self.total]\n"),
            ("/port/dinov3/train/train.py", "import torch_npu\n"),
        ];
        files.into_iter().chain(changed).for_each(|(path, text)| self.write(path, text));
        self.checkout = Some(self.machine.path("/port"));
    }

    /// What is looked at.
    pub fn request(&self) -> Request {
        Request {
            checkout: self.checkout.clone(),
            dataset: self.dataset.clone(),
            output: self.folder.path().into(),
            ..Request::on(self.device)
        }
    }

    /// The findings.
    pub fn look(&self) -> Vec<DoctorLine> {
        examine(&self.machine, &self.request())
    }
}
