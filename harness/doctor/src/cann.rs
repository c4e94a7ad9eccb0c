//! CANN, the variables of its `set_env.sh`, driver and firmware.

use std::path::Path;

use dinov3_reports::message::{Cann, Item, Why};

use crate::{Findings, Machine};

/// The release of the published run.
const PUBLISHED: &str = "8.3.RC1";

/// The C-number of each release's inner version. Builds differ, and `V100R001C23SPC001B224` to `B238` are all 8.3.RC1.
const C_NUMBERS: [(&str, &str); 3] = [("8.1.", "V100R001C21"), ("8.2.", "V100R001C22"), ("8.3.", "V100R001C23")];

/// Where toolkits are, unless variables say otherwise.
const PLACES: [&str; 2] = ["ascend-toolkit/latest", "cann"];

/// Folders that torch_npu asks for when it is imported.
const PARTS: [&str; 3] = ["opp", "runtime", "compiler"];

/// Folders of the driver that the loader searches.
const DRIVER_LIBRARIES: [&str; 2] = ["/usr/local/Ascend/driver/lib64/common", "/usr/local/Ascend/driver/lib64/driver"];

/// A toolkit.
pub struct Toolkit {
    /// `version=`, for example `8.3.RC1`.
    pub version: String,
    /// `innerversion=`.
    inner: String,
    /// Its folder.
    folder: String,
}

impl Toolkit {
    /// `V100R001C23` of `V100R001C23SPC001B231`.
    fn c_number(&self) -> &str {
        let end = self.inner.find("SPC").or_else(|| self.inner.rfind('B')).unwrap_or(self.inner.len());
        &self.inner[..end]
    }
}

/// Everything about CANN and what is below it. Gives the toolkit, if there is one.
pub fn look(machine: &Machine, findings: &mut Findings) -> Option<Toolkit> {
    let toolkit = toolkit(machine, findings);
    driver(machine, toolkit.as_ref(), findings);
    match &toolkit {
        Some(toolkit) => environment(machine, toolkit, findings),
        None => findings.idle(Item::CannEnvironment, Why::Depends { on: Item::Cann }),
    }
    toolkit
}

fn toolkit(machine: &Machine, findings: &mut Findings) -> Option<Toolkit> {
    let places = places(machine);
    let Some((folder, file)) = places.iter().find_map(|folder| Some((folder.clone(), install_info(machine, folder)?)))
    else {
        findings.add(Cann::Absent { places });
        return None;
    };
    let text = machine.read(&file).unwrap_or_default();
    let (Some(version), Some(inner)) = (value(&text, "version"), value(&text, "innerversion")) else {
        findings.add(Cann::Unreadable { file });
        return None;
    };
    let toolkit = Toolkit { version, inner, folder };
    let (version, inner) = (toolkit.version.clone(), toolkit.inner.clone());
    let expected = C_NUMBERS.iter().find(|(series, _)| version.starts_with(series)).map(|(_, number)| *number);
    let lacks = PARTS.iter().map(|part| format!("{}/{part}", toolkit.folder)).find(|part| !machine.path(part).exists());
    match (expected, lacks) {
        (Some(expected), _) if toolkit.c_number() != expected => {
            findings.add(Cann::Mixed { version, inner, expected: expected.to_owned() });
        }
        (_, Some(folder)) => findings.add(Cann::Lacks { folder }),
        _ if version != PUBLISHED => findings.add(Cann::Other { version, inner }),
        _ => findings.fine(Item::Cann, format!("{version} ({inner}), {}", toolkit.folder)),
    }
    Some(toolkit)
}

/// Where a toolkit may be: as the variables say, as its installer noted, as it is by default.
fn places(machine: &Machine) -> Vec<String> {
    let named = ["ASCEND_HOME_PATH", "ASCEND_TOOLKIT_HOME"].iter().filter_map(|name| machine.variable(name));
    let noted = machine.read("/etc/Ascend/ascend_cann_install.info").unwrap_or_default();
    let noted = value(&noted, "Install_Path");
    let roots = noted.into_iter().chain(["/usr/local/Ascend".to_owned()]);
    let below = roots.flat_map(|root| PLACES.map(|place| format!("{root}/{place}")));
    let mut places: Vec<String> = Vec::new();
    for place in named.map(str::to_owned).chain(below) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// The file that says the toolkit's version: `aarch64-linux/ascend_toolkit_install.info`, and a shorter way since 8.5.
fn install_info(machine: &Machine, folder: &str) -> Option<String> {
    let files =
        ["aarch64-linux", "x86_64-linux", "."].map(|part| format!("{folder}/{part}/ascend_toolkit_install.info"));
    files.into_iter().find(|file| machine.path(file).is_file())
}

/// The value of `KEY=VALUE`.
fn value(text: &str, key: &str) -> Option<String> {
    let mut pairs = text.lines().filter_map(|line| line.split_once('='));
    let found = pairs.find(|(name, _)| name.trim() == key)?.1.trim();
    (!found.is_empty()).then(|| found.to_owned())
}

/// Whether a list such as `[V100R001C22],[V100R001C23]` or `[24.1,24.1.]` holds one that `version` is, or begins with.
fn lists(list: &str, version: &str) -> bool {
    let mut parts = list.split(['[', ']', ',']).map(str::trim).filter(|part| !part.is_empty());
    parts.any(|part| version == part || (part.ends_with('.') && version.starts_with(part)))
}

fn driver(machine: &Machine, toolkit: Option<&Toolkit>, findings: &mut Findings) {
    let file = "/usr/local/Ascend/driver/version.info";
    let Some(text) = machine.read(file) else {
        findings.add(Cann::NoDriver { file: file.to_owned() });
        return findings.idle(Item::Firmware, Why::Depends { on: Item::Driver });
    };
    let version = value(&text, "Version").unwrap_or_else(|| "?".to_owned());
    let compatible = value(&text, "compatible_version").unwrap_or_default();
    match toolkit.map(Toolkit::c_number).filter(|number| !lists(&compatible, number)) {
        Some(cann) => findings.add(Cann::DriverOfOtherCann { driver: version.clone(), cann: cann.to_owned() }),
        None => findings.fine(Item::Driver, version.clone()),
    }
    let file = "/usr/local/Ascend/firmware/version.info";
    let Some(text) = machine.read(file) else {
        return findings.idle(Item::Firmware, Why::NotShown { file: file.to_owned() });
    };
    let firmware =
        value(&text, "package_version").or_else(|| value(&text, "Version")).unwrap_or_else(|| "?".to_owned());
    let compatible = value(&text, "compatible_version_drv").unwrap_or_default();
    match compatible.is_empty() || lists(&compatible, &version) || firmware == version {
        true => findings.fine(Item::Firmware, firmware),
        false => findings.add(Cann::FirmwareOfOtherDriver { firmware, driver: version }),
    }
}

/// What `set_env.sh` sets, the first thing that is wrong with it.
fn environment(machine: &Machine, toolkit: &Toolkit, findings: &mut Findings) {
    let script = script(machine, toolkit);
    for variable in ["ASCEND_HOME_PATH", "ASCEND_OPP_PATH"] {
        let Some(value) = machine.variable(variable) else {
            return findings.add(Cann::NotSourced { variable: variable.to_owned(), script });
        };
        if !machine.path(value).is_dir() {
            let (variable, value) = (variable.to_owned(), value.to_owned());
            return findings.add(Cann::Gone { variable, value, script });
        }
    }
    let searched = machine.folders("LD_LIBRARY_PATH");
    if let Some(folder) = searched.iter().find(|folder| folder.contains("/devlib")) {
        return findings.add(Cann::Stubs { folder: (*folder).to_owned() });
    }
    let home = machine.variable("ASCEND_HOME_PATH").unwrap_or_default();
    let wanted = [format!("{home}/lib64")].into_iter().chain(DRIVER_LIBRARIES.map(str::to_owned));
    let same = |one: &str, other: &str| {
        let plain = |folder: &str| {
            machine.path(folder).canonicalize().unwrap_or_else(|_| Path::new(folder.trim_end_matches('/')).into())
        };
        plain(one) == plain(other)
    };
    let mut wanted = wanted.filter(|folder| machine.path(folder).is_dir());
    match wanted.find(|folder| !searched.iter().any(|it| same(it, folder))) {
        Some(folder) => findings.add(Cann::NotSearched { folder, script }),
        None => findings.fine(Item::CannEnvironment, format!("ASCEND_HOME_PATH={home}")),
    }
}

/// The script to source for this toolkit.
fn script(machine: &Machine, toolkit: &Toolkit) -> String {
    let beside = Path::new(&toolkit.folder).parent().unwrap_or(Path::new("/")).join("set_env.sh");
    let within = Path::new(&toolkit.folder).join("set_env.sh");
    let there = [&beside, &within].into_iter().find(|file| machine.path(file).is_file());
    there.unwrap_or(&beside).display().to_string()
}
