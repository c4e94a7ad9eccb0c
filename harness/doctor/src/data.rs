//! Tables of images, and a sample of the images.

use dinov3_data::dataset::DatasetSpec;
use dinov3_data::decode::decode;
use dinov3_data::tables::{Entries, TableError, entries_file};
use dinov3_reports::message::{Data, Item, Why};

use crate::{Findings, Request};

/// So many images are decoded, spread evenly over the table.
const SAMPLE: usize = 16;

/// Everything about the images that are named.
pub fn look(request: &Request, findings: &mut Findings) {
    let Some(text) = &request.dataset else {
        let why = || Why::NotGiven { option: "--dataset SPEC".to_owned() };
        findings.idle(Item::Dataset, why());
        return findings.idle(Item::Images, why());
    };
    let looked = DatasetSpec::parse(text).map_err(|error| Data::NoDataset { why: error.to_string() });
    let looked = looked.and_then(|spec| {
        let table = Entries::open(&spec.extra.join(entries_file(spec.split)));
        Ok((table.map_err(|error| Data::Tables { why: error.to_string() })?, spec))
    });
    let (entries, spec) = match looked {
        Ok(both) => both,
        Err(finding) => {
            findings.add(finding);
            return findings.idle(Item::Images, Why::Depends { on: Item::Dataset });
        }
    };
    let (images, official) = (entries.len(), spec.split.official_len());
    match images == official {
        true => findings.fine(Item::Dataset, format!("{images}, {}", entries.path().display())),
        false => findings.add(Data::OtherCount { images, official }),
    }
    match sample(&spec, &entries) {
        Ok(finding) => {
            findings.all_or_fine(Item::Images, finding.into_iter().collect(), format!("{}", SAMPLE.min(images)))
        }
        Err(error) => findings.add(Data::Tables { why: error.to_string() }),
    }
}

fn sample(spec: &DatasetSpec, entries: &Entries) -> Result<Option<Data>, TableError> {
    let of = SAMPLE.min(entries.len());
    let (mut gone, mut broken) = (Vec::new(), Vec::new());
    for place in 0..of {
        // The first and the last are among them.
        let index = place * (entries.len() - 1) / (of - 1).max(1);
        let path =
            spec.root_folder().join(spec.split.image_path(entries.actual_index(index)?, &entries.class_id(index)?));
        match std::fs::read(&path) {
            Err(_) => gone.push(path.display().to_string()),
            Ok(bytes) => {
                broken.extend(decode(&bytes).err().map(|error| (path.display().to_string(), error.to_string())))
            }
        }
    }
    if let Some(first) = gone.first() {
        return Ok(Some(Data::Gone { gone: gone.len(), of, first: first.clone() }));
    }
    let first = broken.first().cloned();
    Ok(first.map(|(first, why)| Data::Broken { broken: broken.len(), of, first, why }))
}
