//! A safe interface to libjpeg: its errors are values, and it never ends the process.
//!
//! libjpeg reports a fatal error by a callback that must not return. Ours unwinds, through C frames compiled for it
//! (the feature `unwinding` of mozjpeg-sys), to the call that entered C. Everything that C holds belongs to the
//! decompressor's own memory pools, which [`Decompressor`] frees when dropped.

use std::cell::RefCell;
use std::mem;
use std::os::raw::{c_int, c_long};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;

use mozjpeg_sys as sys;
use sys::{
    jpeg_common_struct, jpeg_component_info, jpeg_decompress_struct, jpeg_error_mgr, jpeg_source_mgr,
    jvirt_barray_control,
};

use super::idct::{self, Block};

/// The reason why libjpeg stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// libjpeg needs more bytes than the file has.
    Suspended,
    /// libjpeg cannot continue; holds its own message.
    Fatal(String),
}

/// The frame, as read by libjpeg.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// Samples of one component, from the top, in rows of whole blocks.
pub struct Plane {
    samples: Vec<u8>,
    stride: usize,
}

impl Plane {
    /// Row `y`. It may be longer than the width of the picture.
    #[inline(always)]
    pub fn row(&self, y: usize) -> &[u8] {
        &self.samples[y * self.stride..][..self.stride]
    }
}

thread_local! {
    /// Memory of dropped planes. A new allocation for each image would cost as much as the transform itself.
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// The largest plane that a thread keeps, in bytes. A thread keeps at most three planes.
const MOST_SPARE: usize = 4 << 20;

impl Plane {
    /// A plane of unspecified samples.
    fn new(stride: usize, rows: usize) -> Self {
        let mut samples = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        samples.resize(stride * rows, 0);
        Self { samples, stride }
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        let samples = std::mem::take(&mut self.samples);
        SPARE.with_borrow_mut(|spare| {
            if spare.len() < 3 && samples.capacity() <= MOST_SPARE {
                spare.push(samples);
            }
        });
    }
}

/// The components of a picture before their conversion to RGB.
pub struct Planes {
    /// Number of luma samples per chroma sample in a row: 1 or 2.
    pub across: usize,
    /// Number of luma samples per chroma sample in a column.
    pub down: usize,
    /// Luma.
    pub luma: Plane,
    /// Cb and Cr; a grey picture has none.
    pub chroma: Option<[Plane; 2]>,
}

/// The structures into which libjpeg holds pointers.
struct Shared {
    info: jpeg_decompress_struct,
    errors: jpeg_error_mgr,
    source: jpeg_source_mgr,
}

/// One file being decompressed.
pub struct Decompressor<'a> {
    /// From a box. Kept as a pointer since libjpeg, too, reaches all parts of it, through pointers derived from this
    /// one.
    shared: NonNull<Shared>,
    bytes: &'a [u8],
}

/// The payload with which [`error_exit`] unwinds.
struct Thrown(String);

unsafe extern "C-unwind" fn error_exit(info: &mut jpeg_common_struct) {
    type Format = unsafe extern "C-unwind" fn(&mut jpeg_common_struct, *mut u8);
    let mut text = [0_u8; 80];
    // SAFETY: libjpeg's own error manager, whose `format_message` writes at most 80 bytes. Its binding says that it
    // takes a reference to read from, which in C is the same.
    unsafe {
        if let Some(format) = (*info.err).format_message {
            let format: Format = mem::transmute(format);
            format(info, text.as_mut_ptr());
        }
    }
    let length = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    // `resume_unwind` and not `panic!`: no panic hook runs.
    resume_unwind(Box::new(Thrown(String::from_utf8_lossy(&text[..length]).into_owned())));
}

unsafe extern "C-unwind" fn no_message(_: &mut jpeg_common_struct) {}

unsafe extern "C-unwind" fn nothing(_: &mut jpeg_decompress_struct) {}

/// libjpeg's `inverse_DCT_method_ptr`: a component, the coefficients of a block, and the column from which the block's
/// samples go into eight rows.
type Inverse =
    unsafe extern "C-unwind" fn(*mut jpeg_decompress_struct, *mut jpeg_component_info, *const Block, *mut *mut u8, u32);

/// libjpeg's `jpeg_idct_method_selector`.
type Selector = unsafe extern "C-unwind" fn(
    *mut jpeg_decompress_struct,
    *mut jpeg_component_info,
    *mut Option<Inverse>,
    *mut c_int,
);

unsafe extern "C-unwind" {
    /// The crate's own binding has the type of a compressor in the place of the decompressor.
    fn jpeg_set_idct_method_selector(info: *mut jpeg_decompress_struct, selector: Selector);
}

/// Has libjpeg transform blocks as this crate does. Its own code does not wrap to 16 bits where the vector code of
/// Pillow's libjpeg-turbo does, and keeps divisors of more than 16 bits, so that damaged coefficients would give other
/// pixels than Pillow's.
unsafe extern "C-unwind" fn select_inverse(
    _: *mut jpeg_decompress_struct,
    _: *mut jpeg_component_info,
    method: *mut Option<Inverse>,
    _: *mut c_int,
) {
    // SAFETY: libjpeg's own variable.
    unsafe { *method = Some(inverse) };
}

unsafe extern "C-unwind" fn inverse(
    _: *mut jpeg_decompress_struct,
    part: *mut jpeg_component_info,
    block: *const Block,
    rows: *mut *mut u8,
    column: u32,
) {
    // SAFETY: libjpeg passes a block of 64 coefficients and eight rows with room for 8 samples from `column`. A
    // component without a table, of which no scan held anything, has coefficients of zero.
    unsafe {
        let divisors = match (*part).quant_table.as_ref() {
            Some(table) => table.quantval.map(|divisor| divisor as i16),
            None => [0; 64],
        };
        let mut samples = [0; 64];
        idct::row(std::slice::from_ref(&*block), &divisors, &mut samples, 8);
        for (row, samples) in samples.chunks_exact(8).enumerate() {
            (*rows.add(row)).add(column as usize).copy_from_nonoverlapping(samples.as_ptr(), 8);
        }
    }
}

/// libjpeg got all bytes at the start, so there are no further bytes, and libjpeg suspends.
unsafe extern "C-unwind" fn no_more_input(_: &mut jpeg_decompress_struct) -> c_int {
    0
}

unsafe extern "C-unwind" fn skip_input(info: &mut jpeg_decompress_struct, count: c_long) {
    // SAFETY: the source manager that `Decompressor::new` set, whose bytes outlive it.
    unsafe {
        let source = &mut *info.src;
        let skipped = usize::try_from(count).unwrap_or(0).min(source.bytes_in_buffer);
        source.next_input_byte = source.next_input_byte.add(skipped);
        source.bytes_in_buffer -= skipped;
    }
}

unsafe extern "C-unwind" fn resync(info: &mut jpeg_decompress_struct, desired: c_int) -> c_int {
    // SAFETY: libjpeg's own default, called from where libjpeg calls it.
    unsafe { sys::jpeg_resync_to_restart(info, desired) }
}

impl<'a> Decompressor<'a> {
    /// A decompressor of `bytes`.
    ///
    /// # Errors
    /// If libjpeg cannot be set up: out of memory, or another version than the crate was compiled for.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Failure> {
        // SAFETY: C structures, of which zero is a valid state.
        let shared = NonNull::from(Box::leak(Box::new(unsafe { mem::zeroed::<Shared>() })));
        let mut this = Self { shared, bytes };
        let shared = shared.as_ptr();
        // SAFETY: all parts live as long as `this`, at one place, and nothing else refers to them yet.
        unsafe {
            sys::jpeg_std_error(&mut (*shared).errors);
            (*shared).errors.error_exit = Some(error_exit);
            (*shared).errors.output_message = Some(no_message);
            (*shared).info.common.err = &raw mut (*shared).errors;
        }
        this.guarded(|info| {
            // SAFETY: `info` has its error manager, which is all that this needs.
            unsafe { sys::jpeg_CreateDecompress(info, sys::JPEG_LIB_VERSION, size_of::<jpeg_decompress_struct>()) }
        })?;
        // SAFETY: as above. `jpeg_CreateDecompress` clears all but the error manager.
        unsafe {
            (*shared).source = jpeg_source_mgr {
                next_input_byte: bytes.as_ptr(),
                bytes_in_buffer: bytes.len(),
                init_source: Some(nothing),
                fill_input_buffer: Some(no_more_input),
                skip_input_data: Some(skip_input),
                resync_to_restart: Some(resync),
                term_source: Some(nothing),
            };
            (*shared).info.src = &raw mut (*shared).source;
            jpeg_set_idct_method_selector(&raw mut (*shared).info, select_inverse);
        }
        Ok(this)
    }

    /// libjpeg's structure.
    fn info(&mut self) -> &mut jpeg_decompress_struct {
        // SAFETY: `self` owns it, and libjpeg touches it only while it is called.
        unsafe { &mut (*self.shared.as_ptr()).info }
    }

    /// Calls into C; an error thrown there is an error here.
    fn guarded<R>(&mut self, call: impl FnOnce(&mut jpeg_decompress_struct) -> R) -> Result<R, Failure> {
        let info = self.info();
        // After an error nothing of `info` is used but by `jpeg_destroy_decompress`, which is made for that.
        catch_unwind(AssertUnwindSafe(|| call(info))).map_err(|payload| match payload.downcast::<Thrown>() {
            Ok(thrown) => Failure::Fatal(thrown.0),
            Err(other) => resume_unwind(other),
        })
    }

    /// Reads up to the first scan.
    ///
    /// # Errors
    /// If the file ends before the first scan, or the header is broken.
    pub fn read_header(&mut self) -> Result<Frame, Failure> {
        const SUSPENDED: c_int = 0;
        const TABLES_ONLY: c_int = 2;
        loop {
            // SAFETY: `info` has its source.
            match self.guarded(|info| unsafe { sys::jpeg_read_header(info, 0) })? {
                SUSPENDED => return Err(Failure::Suspended),
                TABLES_ONLY => {}
                _ => break,
            }
        }
        let info = self.info();
        Ok(Frame { width: info.image_width as usize, height: info.image_height as usize })
    }

    /// All rows: grey for 1 layer, RGB for 3, CMYK for 4; one byte per layer.
    ///
    /// # Errors
    /// If the file ends before the last row, or its data cannot be decoded.
    pub fn scanlines(&mut self, layers: usize) -> Result<Vec<u8>, Failure> {
        self.info().out_color_space = match layers {
            1 => sys::JCS_GRAYSCALE,
            3 => sys::JCS_RGB,
            _ => sys::JCS_CMYK,
        };
        // SAFETY: `info` has read its header.
        if self.guarded(|info| unsafe { sys::jpeg_start_decompress(info) })? == 0 {
            return Err(Failure::Suspended);
        }
        let info = self.info();
        let (stride, height) = (info.output_width as usize * layers, info.output_height as usize);
        let mut lines = vec![0; stride * height];
        for line in lines.chunks_exact_mut(stride) {
            let mut start = line.as_mut_ptr();
            // SAFETY: `line` has room for one row of `output_width` pixels of `layers` bytes.
            if self.guarded(|info| unsafe { sys::jpeg_read_scanlines(info, &raw mut start, 1) })? != 1 {
                return Err(Failure::Suspended);
            }
        }
        Ok(lines)
    }

    /// Reads up to the end of the image. A file that ends earlier is not an error, unless it ends within a second frame:
    /// Pillow's libjpeg refuses that at its marker, and this one wants its length first.
    ///
    /// # Errors
    /// If the bytes after the last row are not JPEG.
    pub fn finish(&mut self) -> Result<(), Failure> {
        // SAFETY: all rows have been read.
        let ended = self.guarded(|info| unsafe { sys::jpeg_finish_decompress(info) })? != 0;
        // SAFETY: the source of `new`: what libjpeg has read of the bytes lies before `next_input_byte`.
        let read = unsafe { (*self.shared.as_ptr()).source.next_input_byte.offset_from(self.bytes.as_ptr()) };
        let read = self.bytes.get(..usize::try_from(read).unwrap_or(0)).unwrap_or_default();
        match read.last_chunk() {
            Some([0xff, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf]) if !ended => {
                Err(Failure::Fatal("it has two frames".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// All samples before chroma upsampling; `None` for components or samplings that are not of the plain kind.
    ///
    /// # Errors
    /// If the file ends before the end of its image, or its data cannot be decoded.
    pub fn planes(&mut self) -> Result<Option<Planes>, Failure> {
        let info = self.info();
        let grey = match info.jpeg_color_space {
            sys::JCS_GRAYSCALE => true,
            sys::JCS_YCbCr => false,
            _ => return Ok(None),
        };
        // SAFETY: the header has been read: there are as many components as it says.
        let components = unsafe { std::slice::from_raw_parts(info.comp_info, info.num_components as usize) };
        let samplings: Vec<_> = components.iter().map(|part| (part.h_samp_factor, part.v_samp_factor)).collect();
        let (across, down) = match samplings[..] {
            [_] if grey => (1, 1),
            [(1, 1), (1, 1), (1, 1)] if !grey => (1, 1),
            [(2, 1), (1, 1), (1, 1)] if !grey => (2, 1),
            [(2, 2), (1, 1), (1, 1)] if !grey => (2, 2),
            _ => return Ok(None),
        };
        // libjpeg upsamples such a short row differently.
        if across == 2 && info.image_width <= 4 {
            return Ok(None);
        }
        // SAFETY: `info` has read its header.
        let arrays = self.guarded(|info| unsafe { sys::jpeg_read_coefficients(info) })?;
        if arrays.is_null() {
            return Err(Failure::Suspended);
        }
        if self.smooths() {
            return Ok(None);
        }
        let Some(luma) = self.plane(arrays, 0)? else { return Ok(None) };
        if grey {
            return Ok(Some(Planes { across, down, luma, chroma: None }));
        }
        let (Some(blue), Some(red)) = (self.plane(arrays, 1)?, self.plane(arrays, 2)?) else { return Ok(None) };
        Ok(Some(Planes { across, down, luma, chroma: Some([blue, red]) }))
    }

    /// Whether libjpeg would smooth the blocks, because scans of a progressive image are missing, and with them digits
    /// of the first coefficients.
    fn smooths(&mut self) -> bool {
        let info = self.info();
        if info.coef_bits.is_null() {
            return false;
        }
        // SAFETY: libjpeg keeps 64 numbers a component here.
        let missing = unsafe {
            std::slice::from_raw_parts(info.coef_bits.cast_const().cast::<[c_int; 64]>(), info.num_components as usize)
        };
        missing.iter().any(|bits| bits[..10].iter().any(|bits| *bits != 0))
    }

    /// The samples of one component; `None` if no scan held the component.
    fn plane(&mut self, arrays: *mut *mut jvirt_barray_control, at: usize) -> Result<Option<Plane>, Failure> {
        // SAFETY: `arrays` has an element a component.
        let (part, array) = unsafe { (&*self.info().comp_info.add(at), *arrays.add(at)) };
        let (columns, rows) = (part.width_in_blocks as usize, part.height_in_blocks as usize);
        if part.quant_table.is_null() {
            return Ok(None);
        }
        // SAFETY: a table that libjpeg keeps as long as `info`.
        let divisors = unsafe { (*part.quant_table).quantval }.map(|divisor| divisor as i16);
        let stride = 8 * columns;
        let mut plane = Plane::new(stride, 8 * rows);
        for (row, out) in plane.samples.chunks_exact_mut(8 * stride).enumerate() {
            let blocks = self.guarded(|info| {
                // SAFETY: the array has been filled, and has this row, of `columns` blocks at least.
                unsafe {
                    let access = (*info.common.mem).access_virt_barray.expect("libjpeg sets it");
                    let rows = access(&mut info.common, array, row as u32, 1, 0);
                    std::slice::from_raw_parts((*rows).cast::<Block>(), columns)
                }
            })?;
            idct::row(blocks, &divisors, out, stride);
        }
        Ok(Some(plane))
    }
}

impl Drop for Decompressor<'_> {
    fn drop(&mut self) {
        // SAFETY: zeroed or set up by `jpeg_CreateDecompress`; may be destroyed in any state, and does not throw. The
        // box is the one leaked by `new`.
        unsafe {
            sys::jpeg_destroy_decompress(self.info());
            drop(Box::from_raw(self.shared.as_ptr()));
        }
    }
}
