//! The plugin for torch_npu on machines that lack something: the first missing thing is named, with what to source or install.
//!
//! The machines are folders: stub libraries in the place of CANN and the driver, and files in the place of devices. Each case breaks one thing of
//! a machine on which nothing is missing.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// CANN's libraries, and the driver's.
const LIBRARIES: [&str; 7] = [
    "libascendcl.so",
    "libhccl.so",
    "libge_runner.so",
    "libgraph.so",
    "libacl_op_compiler.so",
    "libacl_tdt_channel.so",
    "libascend_hal.so",
];

/// A machine with torch_npu 2.8.0, CANN 8.3.RC1, a driver and a device.
struct Machine {
    folder: tempfile::TempDir,
    /// The variables of its environment.
    variables: Vec<(&'static str, PathBuf)>,
}

impl Machine {
    fn whole() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["torch_npu", "lib", "cann/x86_64-linux", "cann/opp", "dev"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        fs::write(at("torch_npu/version.py"), "__version__ = '2.8.0'\n").unwrap();
        fs::write(
            at("cann/x86_64-linux/ascend_toolkit_install.info"),
            "package_name=Ascend-cann-toolkit\nversion=8.3.RC1\n",
        )
        .unwrap();
        stub(&at("lib/libpython3.11.so.1.0"));
        for library in LIBRARIES {
            fs::copy(at("lib/libpython3.11.so.1.0"), at("lib").join(library)).unwrap();
        }
        for device in ["davinci_manager", "devmm_svm", "hisi_hdc"] {
            fs::write(at("dev").join(device), "").unwrap();
        }
        let variables = vec![
            ("DINOV3_TORCH_NPU", at("torch_npu")),
            ("DINOV3_NPU_PYTHON", at("lib/libpython3.11.so.1.0")),
            ("ASCEND_HOME_PATH", at("cann")),
            ("ASCEND_OPP_PATH", at("cann/opp")),
            ("DINOV3_NPU_DEVICES", at("dev")),
        ];
        Self { folder, variables }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn without(&mut self, variable: &str) {
        self.variables.retain(|(name, _)| *name != variable);
    }

    /// The first line about something missing, with its hint, and the exit code.
    fn examined(&self) -> String {
        let before = std::env::var("LD_LIBRARY_PATH").unwrap_or_default();
        let output = Command::new(env!("CARGO_BIN_EXE_dinov3-plugin-conformance"))
            .arg(dinov3_plugins::torch_npu())
            .args(["--only", "doctor/1"])
            .env_remove("PYTHONPATH")
            .env_remove("ASCEND_HOME_PATH")
            .env_remove("ASCEND_OPP_PATH")
            .envs(self.variables.iter().cloned())
            .env("LD_LIBRARY_PATH", format!("{}:{before}", self.at("lib").display()))
            .output()
            .unwrap();
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        let about = |line: &&str| line.contains("doctor/1");
        let first = stdout.lines().find(about).unwrap_or_else(|| panic!("{stdout}{stderr}"));
        let hint = stderr.lines().next().unwrap_or_default();
        let text = format!("{first}\n{hint}\nexit code {}\n", output.status.code().unwrap_or(-1));
        text.replace(&self.folder.path().display().to_string(), "MACHINE")
    }
}

/// A shared library with nothing in it.
fn stub(path: &Path) {
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-x", "c", "-", "-o"]).arg(path).stdin(Stdio::null());
    assert!(compiler.status().unwrap().success());
}

#[test]
fn the_first_missing_thing_is_named_with_what_to_source_or_install() {
    type Break = fn(&mut Machine);
    let cases: [(&str, Break); 11] = [
        ("nothing is missing", |_| {}),
        ("torch_npu is not installed", |it| it.without("DINOV3_TORCH_NPU")),
        ("torch_npu is for another PyTorch", |it| {
            fs::write(it.at("torch_npu/version.py"), "__version__ = '2.7.1.post2'\n").unwrap();
        }),
        ("no Python library", |it| {
            let variables = &mut it.variables;
            variables.iter_mut().filter(|(name, _)| *name == "DINOV3_NPU_PYTHON").for_each(|(_, path)| {
                path.set_file_name("libpython3.12.so");
            });
        }),
        ("set_env.sh was not sourced", |it| it.without("ASCEND_HOME_PATH")),
        ("no kernels", |it| it.without("ASCEND_OPP_PATH")),
        ("a part of CANN is missing", |it| fs::remove_file(it.at("lib/libhccl.so")).unwrap()),
        ("an older CANN", |it| {
            fs::write(it.at("cann/x86_64-linux/ascend_toolkit_install.info"), "version=8.2.RC1\n").unwrap();
        }),
        ("no driver", |it| fs::remove_file(it.at("lib/libascend_hal.so")).unwrap()),
        ("a container without devices", |it| fs::remove_file(it.at("dev/davinci_manager")).unwrap()),
        // A file that nobody may open for writing, whoever runs the test.
        ("not a member of the group", |it| {
            fs::remove_file(it.at("dev/davinci_manager")).unwrap();
            symlink("/proc/sys/kernel/ostype", it.at("dev/davinci_manager")).unwrap();
        }),
    ];
    let mut all = String::new();
    for (name, breaks) in cases {
        let mut machine = Machine::whole();
        breaks(&mut machine);
        all += &format!("$ {name}\n{}\n", machine.examined());
    }
    insta::assert_snapshot!(all);
}

/// By what each release does: 2.8.0 to post3 raise, post4 multiplies by itself.
#[test]
fn premul_sum_is_what_the_version_does() {
    use dinov3_torch::plugin::Plugin;

    // The version is read at the first question, so each has a process of its own.
    if let Ok(expected) = std::env::var("DINOV3_EXPECTED_PREMUL") {
        let lent = Plugin::load(dinov3_plugins::torch_npu()).unwrap().collectives().unwrap();
        assert_eq!((lent.backend(), lent.device()), ("hccl", "npu"));
        assert_eq!(lent.has_premul_sum().to_string(), expected);
        return;
    }
    for (version, expected) in
        [("2.8.0", "false"), ("2.8.0.post2", "false"), ("2.8.0.post4", "true"), ("2.8.0.post10", "true")]
    {
        let machine = Machine::whole();
        fs::write(machine.at("torch_npu/version.py"), format!("__version__ = '{version}'\n")).unwrap();
        let own = std::env::current_exe().unwrap();
        let ended = Command::new(own)
            .args(["--exact", "premul_sum_is_what_the_version_does"])
            .env("DINOV3_EXPECTED_PREMUL", expected)
            .env("DINOV3_TORCH_NPU", machine.at("torch_npu"))
            .output()
            .unwrap();
        assert!(ended.status.success(), "{version}: {}", String::from_utf8_lossy(&ended.stdout));
    }
}
