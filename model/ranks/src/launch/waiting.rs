//! Threads of OpenMP sleep while they wait for work, unless the user wants otherwise.
//!
//! libgomp's threads spin for some milliseconds before they sleep. A thread that spins takes the core from one that works, so beside one
//! other job a training step of `train_micro` takes 49 s in place of 2.8 s; the bits are the same.
//!
//! Measured on two cores (Intel, family 6, model 207), steps a second, medians: on a quiet machine micro has 58 as libgomp waits by itself
//! (43 to 60), 39 with passive waiting (36 to 45), 38 to 44 with spin counts of 1,000 to 100,000; ViT-S has 0.47, 0.49, and 0.44 to 0.49.
//! Beside one busy process micro has 17 as libgomp waits by itself, 47 with passive waiting, 24, 10 and 6 with spin counts of 1,000, 10,000
//! and 100,000. So passive waiting costs a third of a step of 20 ms, whose threads meet a thousand times, and nothing of one that computes
//! for two seconds, and no spin count saves what it saves on a machine with neighbours.
//!
//! libgomp reads its variables in the constructor of its library, before `main`. So the variable is set by the starter of a process: by
//! cargo for everything that it runs (`.cargo/config.toml`), and by the launcher for its ranks. A program that neither of them started
//! starts itself anew once ([`start_anew`]). A constructor in the program would run too late, since those of libraries run first.

use std::ffi::OsString;
use std::io;

/// The variable for the way in which threads wait, and its value unless the user sets another.
pub const WAITING: (&str, &str) = ("OMP_WAIT_POLICY", "passive");

/// The variables by which a user sets the way to wait, for libgomp or for LLVM's OpenMP.
const BY_THE_USER: [&str; 3] = ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"];

/// The variable to add to an environment; none if the user has set the way to wait. An empty value counts as not set.
pub fn to_be_set(get: impl Fn(&str) -> Option<OsString>) -> Option<(&'static str, &'static str)> {
    let said = BY_THE_USER.iter().any(|name| get(name).is_some_and(|value| !value.is_empty()));
    (!said).then_some(WAITING)
}

/// Replaces this process by the same program with the same arguments, and with [`WAITING`] in its environment. Returns if the environment
/// has such a variable already. The process keeps its number, its streams and its parent.
///
/// # Errors
/// If the system does not start the program again.
#[cfg(unix)]
pub fn start_anew() -> io::Result<()> {
    use std::os::unix::process::CommandExt;
    let Some((name, value)) = to_be_set(|name| std::env::var_os(name)) else { return Ok(()) };
    let mut arguments = std::env::args_os();
    let mut command = std::process::Command::new(std::env::current_exe()?);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    Err(command.args(arguments).env(name, value).exec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_s_word_stands() {
        let to_be_set = |set: &[(&str, &str)]| {
            to_be_set(|name| set.iter().find(|(it, _)| *it == name).map(|(_, value)| value.into()))
        };
        assert_eq!(to_be_set(&[]), Some(WAITING));
        assert_eq!(to_be_set(&[("OMP_WAIT_POLICY", ""), ("OMP_NUM_THREADS", "2")]), Some(WAITING));
        for name in BY_THE_USER {
            assert_eq!(to_be_set(&[(name, "active")]), None);
        }
    }

    /// cargo cannot read the constant.
    #[test]
    fn cargo_says_the_same() {
        let config = include_str!("../../../../.cargo/config.toml");
        let (name, value) = WAITING;
        assert!(config.contains(&format!("\n[env]\n{name} = \"{value}\"\n")), "{config}");
    }
}
