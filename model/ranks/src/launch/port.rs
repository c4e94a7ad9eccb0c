//! A port for the ranks to meet at.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::net::TcpListener;

/// Ports below those that the kernel hands out (from 32768): the ranks ask the kernel for many before rank 0 opens this one.
const RANGE: std::ops::Range<u16> = 20000..32000;

/// A port of the loopback that is free now. Each call draws a new one, so that two launches at once rarely get the same.
pub(super) fn free() -> io::Result<u16> {
    let span = u64::from(RANGE.end - RANGE.start);
    let drawn = (0..64u8).map(|draw| RANGE.start + (RandomState::new().hash_one(draw) % span) as u16);
    let mut refused = io::Error::from(io::ErrorKind::AddrInUse);
    for port in drawn {
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => return Ok(port),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_not_given() {
        let taken: Vec<TcpListener> =
            (0..20).map(|_| TcpListener::bind(("127.0.0.1", free().unwrap())).unwrap()).collect();
        assert!(taken.iter().all(|it| RANGE.contains(&it.local_addr().unwrap().port())));
    }
}
