use std::mem::{offset_of, size_of};

use super::table::{C10d, Device, Grows, Header, read};
use super::*;

/// A capability as this build knows it: its second version has one member more.
#[derive(Clone, Copy)]
#[repr(C)]
struct Known {
    size: u32,
    first: Option<extern "C" fn() -> bool>,
    second: Option<extern "C" fn() -> bool>,
}

// SAFETY: laid out as above.
unsafe impl Grows for Known {
    const NAME: &'static str = "known/1";
    const LEAST: usize = offset_of!(Self, first) + size_of::<usize>();
}

/// As a plugin may have it that is newer still.
#[repr(C)]
struct Larger {
    known: Known,
    third: Option<extern "C" fn() -> bool>,
}

extern "C" fn yes() -> bool {
    true
}

fn read_with(size: usize) -> Result<Known, PluginError> {
    let known = Known { size: size as u32, first: Some(yes), second: Some(yes) };
    let table = Larger { known, third: Some(yes) };
    // SAFETY: the table has at least the size that it says.
    unsafe { read(Path::new("some.so"), (&raw const table).cast()) }
}

#[test]
fn a_smaller_table_lacks_members_and_a_larger_one_has_more_than_are_read() {
    let members = |size| read_with(size).map(|it| (it.size as usize, it.first.is_some(), it.second.is_some()));
    let [older, same, newer] = [Known::LEAST, size_of::<Known>(), size_of::<Larger>()];
    assert_eq!(
        members(older),
        Ok((older, true, false)),
        "an older plugin's second member is NULL, whatever follows it"
    );
    assert_eq!(members(same), Ok((same, true, true)));
    assert_eq!(members(newer), Ok((newer, true, true)));
}

#[test]
fn a_table_without_its_first_version_is_refused_by_name() {
    let refused = read_with(Known::LEAST - 1).map(|_| ()).unwrap_err().to_string();
    assert_eq!(refused, "the plugin some.so: known/1 has 15 bytes, and its first version has 16");
}

/// The sizes are those that C's compiler gives the tables, as `model/plugins/simulated/plugin.cpp` asserts.
#[test]
fn the_tables_are_the_headers() {
    let header = include_str!("../../../plugins/include/dinov3_plugin.h");
    assert!(header.contains(&format!("#define DINOV3_PLUGIN_ABI {ABI}\n")));
    for name in [C10d::NAME, Device::NAME, Doctor::NAME] {
        assert!(header.contains(&format!("\"{name}\"\n")), "{name}");
    }
    let sizes = [size_of::<Header>(), size_of::<C10d>(), size_of::<Device>(), size_of::<Memory>(), size_of::<Doctor>()];
    assert_eq!(sizes, [32, 48, 120, 24, 16]);
}

/// The number is read before anything else of a table is.
#[test]
fn a_table_of_other_rules_is_refused() {
    let of_2025 = Box::leak(Box::new([1u32]));
    let refused = Plugin::of(PathBuf::from("old.so"), of_2025.as_ptr().cast()).unwrap_err();
    assert_eq!(refused, PluginError::Abi { path: PathBuf::from("old.so"), theirs: 1, ours: 2 });
    let gap = Header {
        abi: ABI,
        size: size_of::<Header>() as u32,
        torch: c"2.8.0".as_ptr(),
        cxx_abi: c"libstdc++ cxx11".as_ptr(),
        get: None,
    };
    let refused = Plugin::of(PathBuf::from("gap.so"), (&raw const gap).cast()).unwrap_err().to_string();
    assert_eq!(refused, "the plugin gap.so: the table has no `get`");
}
