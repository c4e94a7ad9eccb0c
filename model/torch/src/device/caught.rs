//! What a device throws in the middle of a computation. tch's ops panic with the text of libtorch.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use thiserror::Error;

/// What libtorch threw in an op: the device has no memory, does not answer, or lacks the op.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct DeviceFailure {
    /// The text of libtorch, without its backtrace.
    pub message: String,
}

/// How tch panics with an error of libtorch, and how this crate does.
const OF_TCH: &str = "called `Result::unwrap()` on an `Err` value: Torch(\"";
const OURS: &str = "libtorch refused `";

/// What `body` gives, or what libtorch threw in it. The tensors that `body` changed are half changed then.
///
/// # Errors
/// When libtorch throws in an op. Any other panic goes on.
pub fn caught<T>(body: impl FnOnce() -> T) -> Result<T, DeviceFailure> {
    let _quiet = Quiet::new();
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| match of_libtorch(payload.as_ref()) {
        Some(message) => DeviceFailure { message },
        None => resume_unwind(payload),
    })
}

/// The text of libtorch in what a panic carries, if it is about libtorch.
fn of_libtorch(payload: &(dyn Any + Send)) -> Option<String> {
    let text = payload.downcast_ref::<String>()?;
    let whole = text.strip_prefix(OF_TCH).or_else(|| text.starts_with(OURS).then_some(text))?;
    // As `Debug` prints it, with its line breaks escaped, or as it is.
    let ends = ["\\nException raised from", "\nException raised from", "\")"];
    let end = ends.iter().filter_map(|end| whole.find(end)).min().unwrap_or(whole.len());
    Some(whole[..end].replace("\\n", "\n").replace("\\\"", "\"").trim().to_owned())
}

/// While it lives, a panic that is caught here is not printed.
struct Quiet;

static CATCHING: AtomicUsize = AtomicUsize::new(0);

impl Quiet {
    fn new() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
                let is_caught = CATCHING.load(Ordering::Relaxed) > 0 && of_libtorch(info.payload()).is_some();
                if !is_caught {
                    before(info);
                }
            }));
        });
        CATCHING.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        CATCHING.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tch::Tensor;

    use super::*;

    #[test]
    fn what_libtorch_throws_is_an_error_and_other_panics_go_on() {
        let [two, three] = [2, 3].map(|n| Tensor::ones([n], (tch::Kind::Float, tch::Device::Cpu)));
        let failure = caught(|| &two + &three).unwrap_err();
        assert_eq!(
            failure.message,
            "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0"
        );
        assert_eq!(caught(|| 3), Ok(3));
        let other = panic::catch_unwind(|| caught(|| panic!("of another kind")));
        assert_eq!(other.unwrap_err().downcast_ref::<&str>(), Some(&"of another kind"));
    }
}
