//! `doctor`: what a run needs of this machine. The same lines stand at the head of every report, and an error about the device quotes
//! the one that explains it.

use dinov3_doctor::{Family, Machine, Request, examine};
use dinov3_reports::doctor::{count, text};
use dinov3_reports::message::{Ailment, Data, Item, Plain};
use dinov3_reports::{DoctorLine, Lang, exit};
use dinov3_torch::device::Device;
use serde_json::json;

use super::{golden_roots, own_places, print, print_in_colour};
use crate::cli::{DoctorArgs, DoctorFormat};
use crate::failure::{Result, no_json};

/// Prints the findings. The exit code says whether a run could be trusted.
pub fn doctor(args: DoctorArgs) -> Result<i32> {
    let machine = Machine::this();
    let device = args.device.map_or_else(|| Family::of(&machine), Family::from);
    let request = Request {
        device,
        python: true,
        interpreter: args.python,
        checkout: args.checkout,
        dataset: args.dataset,
        output: args.output_dir,
    };
    let mut lines = vec![libtorch(), golden(args.golden.golden)];
    lines.extend(examine(&machine, &request));
    let is_bad = lines.iter().any(|line| line.state().is_bad());
    match args.format {
        DoctorFormat::Text => print_in_colour(&format!("{}\n{}\n", text(&lines, args.lang), count(&lines, args.lang)))?,
        DoctorFormat::Json => {
            let whole = json!({ "device": device.name(), "ok": !is_bad, "lines": lines });
            print(&(serde_json::to_string_pretty(&whole).map_err(no_json)? + "\n"))?;
        }
    }
    Ok(if is_bad { exit::ENVIRONMENT } else { exit::PASS })
}

/// What a report says of this machine. A run on the processor needs no Python, and starts none.
pub fn of_a_run(device: &Device) -> Vec<DoctorLine> {
    let machine = Machine::this();
    let device = match device {
        Device::Cuda(_) => Family::Cuda,
        // A plugin may simulate its device, in memory of the host.
        Device::Plugin { .. } if Family::of(&machine) == Family::Npu => Family::Npu,
        Device::Cpu | Device::Plugin { .. } | Device::Other(_) => Family::Cpu,
    };
    examine(&machine, &Request { python: device != Family::Cpu, ..Request::on(device) })
}

/// The first thing that is wrong with this machine for a device, as a hint quotes it.
pub fn first_fault(device: Family) -> Option<String> {
    let lines = examine(&Machine::this(), &Request::on(device));
    let line = lines.iter().find(|line| line.state().is_bad())?;
    Some(format!(
        "`doctor --device {}` finds {}: {}",
        device.name(),
        line.state().word(Lang::En),
        line.quoted(Lang::En)
    ))
}

fn libtorch() -> DoctorLine {
    let found = dinov3_torch::shim::torch_version();
    Ailment::from(Plain::Fine { item: Item::Libtorch, found }).into()
}

fn golden(given: Vec<std::path::PathBuf>) -> DoctorLine {
    let finding: Ailment = match golden_roots(given) {
        Ok(roots) if roots.iter().all(|root| root.is_dir()) => {
            let names: Vec<String> = roots.iter().map(|root| root.display().to_string()).collect();
            Plain::Fine { item: Item::Golden, found: names.join(", ") }.into()
        }
        Ok(roots) => Data::NoGolden { places: roots.iter().map(|root| root.display().to_string()).collect() }.into(),
        Err(_) => {
            Data::NoGolden { places: own_places().iter().map(|place| place.display().to_string()).collect() }.into()
        }
    };
    finding.into()
}
