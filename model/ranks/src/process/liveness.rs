//! The search for ranks that are gone, and for the rank to blame.
//!
//! Gloo reports that a connection broke, but not whose. The break spreads: a rank that failed closes its connections, so other ranks see an
//! innocent rank go. Therefore each rank opens a port that nobody serves. The kernel accepts connections to the port as long as the process
//! lives, and keeps the bytes that are written to them. A rank whose collective failed connects to all others; a rank that does not answer
//! is gone. Before it gives up, it tells the others which ranks it found gone: its *last words*. A gone rank that left last words was not
//! the first.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use dinov3_torch::c10d::Trouble;

use crate::error::Failure;

/// The time in which another machine must answer for a process, and in which the other ranks give up too.
const PATIENCE: Duration = Duration::from_secs(1);

/// The first word of last words, which tells a rank's connection from a stranger's.
const SIGN: &str = "dinov3-last-words";

/// The longest last words that are read, in bytes: enough for some ten thousand ranks.
const LONGEST: u64 = 65536;

/// The ranks that left last words, and the ranks that each found gone.
type Words = BTreeMap<usize, Vec<usize>>;

/// The port that shows that this process lives.
#[derive(Debug)]
pub(super) struct Pulse {
    port: TcpListener,
    inbox: Mutex<Inbox>,
}

#[derive(Debug, Default)]
struct Inbox {
    /// Connections whose words are incomplete, and the bytes so far.
    open: Vec<(TcpStream, Vec<u8>)>,
    words: Words,
}

impl Pulse {
    pub(super) fn open(address: IpAddr) -> io::Result<Self> {
        let port = TcpListener::bind((address, 0))?;
        port.set_nonblocking(true)?;
        Ok(Self { port, inbox: Mutex::default() })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.port.local_addr()
    }

    /// The last words that have come so far. Does not wait: two ranks that ask each other would both wait.
    fn heard(&self) -> Words {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        // An error ends the reading; without these words the report says less.
        while let Ok((stream, _)) = self.port.accept() {
            if stream.set_nonblocking(true).is_ok() {
                inbox.open.push((stream, Vec::new()));
            }
        }
        let Inbox { open, words } = &mut *inbox;
        open.retain_mut(|(stream, text)| {
            let left = LONGEST.saturating_sub(text.len() as u64);
            let end = stream.take(left).read_to_end(text);
            if let Some((rank, gone)) = understood(text) {
                words.insert(rank, gone);
                return false;
            }
            matches!(end, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
        });
        words.clone()
    }
}

fn said(rank: usize, gone: &[usize]) -> String {
    let gone: Vec<String> = gone.iter().map(usize::to_string).collect();
    format!("{SIGN} {rank} {}\n", gone.join(" "))
}

fn understood(text: &[u8]) -> Option<(usize, Vec<usize>)> {
    let mut words = std::str::from_utf8(text).ok()?.strip_suffix('\n')?.split_whitespace();
    if words.next() != Some(SIGN) {
        return None;
    }
    let ranks: Option<Vec<usize>> = words.map(|word| word.parse().ok()).collect();
    let (first, gone) = ranks?.split_first().map(|(first, gone)| (*first, gone.to_vec()))?;
    Some((first, gone))
}

/// The address of this machine from which `host` is reached: the loopback address if `host` names this machine by it.
pub(super) fn own_address(host: &str, port: u16) -> io::Result<IpAddr> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no address");
    for address in (host, port).to_socket_addrs()? {
        let any: IpAddr = if address.is_ipv4() { [0, 0, 0, 0].into() } else { [0u16; 8].into() };
        // Connecting a datagram socket sends nothing; it looks up the route.
        match UdpSocket::bind((any, 0)).and_then(|socket| socket.connect(address).and_then(|()| socket.local_addr())) {
            Ok(own) => return Ok(own.ip()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The ranks of a group, and the addresses at which one of them reaches the others after a failure.
pub(super) struct Inquest<'a> {
    pub(super) pulse: &'a Pulse,
    /// This rank.
    pub(super) rank: usize,
    /// The other ranks, and their addresses.
    pub(super) others: Vec<(usize, SocketAddr)>,
    /// The time that a collective waits.
    pub(super) timeout: Duration,
}

impl Inquest<'_> {
    /// Finds the reason why a collective failed, and tells the other ranks.
    pub(super) fn hold(&self, trouble: Trouble) -> Failure {
        match trouble {
            Trouble::Refused(message) => {
                self.tell(self.connections(), &[]);
                Failure::Backend { message }
            }
            Trouble::TimedOut(_) => self.after_a_timeout(),
            Trouble::Disconnected(message) => self.after_a_break(message),
        }
    }

    fn after_a_break(&self, message: String) -> Failure {
        let begun = Instant::now();
        loop {
            let (connections, culprits) = self.culprits();
            // A process that is being killed may close one connection a moment before another.
            if !culprits.is_empty() || begun.elapsed() > PATIENCE {
                self.tell(connections, &culprits);
                return if culprits.is_empty() { Failure::Broken { message } } else { self.gone(culprits) };
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn after_a_timeout(&self) -> Failure {
        let (connections, culprits) = self.culprits();
        self.tell(connections, &culprits);
        if !culprits.is_empty() {
            return self.gone(culprits);
        }
        let begun = Instant::now();
        loop {
            let heard = self.pulse.heard();
            let late: Vec<usize> =
                self.others.iter().map(|(rank, _)| *rank).filter(|rank| !heard.contains_key(rank)).collect();
            if late.is_empty() || begun.elapsed() > PATIENCE {
                return Failure::TimedOut { after: self.timeout, late };
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// With the machines that are not this one.
    fn gone(&self, ranks: Vec<usize>) -> Failure {
        let here = self.pulse.address().map(|address| address.ip()).ok();
        let of = |(rank, address): &(usize, SocketAddr)| ranks.contains(rank).then(|| address.ip());
        let mut hosts: Vec<IpAddr> = self.others.iter().filter_map(of).filter(|host| Some(*host) != here).collect();
        hosts.sort_unstable();
        hosts.dedup();
        Failure::Gone { ranks, hosts }
    }

    /// The connections to ranks that answer, and the ranks to blame: those that are gone without last words, or else those that last words name.
    fn culprits(&self) -> (Vec<TcpStream>, Vec<usize>) {
        let (connections, gone) = self.answers();
        let heard = self.pulse.heard();
        let silent: Vec<usize> = gone.iter().copied().filter(|rank| !heard.contains_key(rank)).collect();
        if !silent.is_empty() {
            return (connections, silent);
        }
        let mut named: Vec<usize> = heard.into_values().flatten().collect();
        named.sort_unstable();
        named.dedup();
        (connections, named)
    }

    fn connections(&self) -> Vec<TcpStream> {
        self.answers().0
    }

    /// Connects to all other ranks at once. Gives the connections to those that answer, and the ranks that do not.
    fn answers(&self) -> (Vec<TcpStream>, Vec<usize>) {
        let answers: Vec<(usize, Option<TcpStream>)> = thread::scope(|scope| {
            let asked: Vec<_> = self
                .others
                .iter()
                .map(|&(rank, address)| {
                    (rank, scope.spawn(move || TcpStream::connect_timeout(&address, PATIENCE).ok()))
                })
                .collect();
            asked.into_iter().map(|(rank, answer)| (rank, answer.join().ok().flatten())).collect()
        });
        let gone = answers.iter().filter(|(_, answer)| answer.is_none()).map(|(rank, _)| *rank).collect();
        (answers.into_iter().filter_map(|(_, answer)| answer).collect(), gone)
    }

    /// Sends last words to all ranks that answered.
    fn tell(&self, connections: Vec<TcpStream>, gone: &[usize]) {
        for mut connection in connections {
            // Fails if the rank has ended meanwhile, which needs no words then.
            let _ = connection.write_all(said(self.rank, gone).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse() -> Trouble {
        Trouble::Disconnected("closed".to_owned())
    }

    /// Pulses of ranks 0 to n - 1, and their addresses.
    fn ranks(n: usize) -> (Vec<Pulse>, Vec<SocketAddr>) {
        let pulses: Vec<Pulse> = (0..n).map(|_| Pulse::open([127, 0, 0, 1].into()).unwrap()).collect();
        let addresses = pulses.iter().map(|pulse| pulse.address().unwrap()).collect();
        (pulses, addresses)
    }

    fn inquest<'a>(rank: usize, pulse: &'a Pulse, addresses: &[SocketAddr]) -> Inquest<'a> {
        let others = addresses.iter().copied().enumerate().filter(|(other, _)| *other != rank).collect();
        Inquest { pulse, rank, others, timeout: Duration::from_secs(7) }
    }

    #[test]
    fn the_first_to_go_is_named_though_others_went_since() {
        let (mut pulses, addresses) = ranks(4);
        drop(pulses.remove(2));
        let second = inquest(1, &pulses[1], &addresses).hold(refuse());
        assert_eq!(second, Failure::gone(vec![2]));
        // Rank 1 has said so, and is gone too.
        drop(pulses.remove(1));
        let third = inquest(0, &pulses[0], &addresses).hold(refuse());
        assert_eq!(third, Failure::gone(vec![2]));
    }

    #[test]
    fn nobody_is_blamed_while_all_answer() {
        let (pulses, addresses) = ranks(2);
        let failure = inquest(0, &pulses[0], &addresses).hold(refuse());
        assert_eq!(failure, Failure::Broken { message: "closed".to_owned() });
        // Rank 0 left words that name nobody, so rank 1 is waited for by nobody.
        let failure = inquest(1, &pulses[1], &addresses).hold(Trouble::TimedOut(String::new()));
        assert_eq!(failure, Failure::TimedOut { after: Duration::from_secs(7), late: vec![] });
    }

    #[test]
    fn words_may_come_long_after_the_connection() {
        let (pulses, addresses) = ranks(1);
        let mut connection = TcpStream::connect(addresses[0]).unwrap();
        let words = said(3, &[1]);
        for part in [&words[..7], &words[7..]] {
            assert!(pulses[0].heard().is_empty());
            connection.write_all(part.as_bytes()).unwrap();
        }
        thread::sleep(Duration::from_millis(50));
        assert_eq!(pulses[0].heard(), Words::from([(3, vec![1])]));
    }

    #[test]
    fn strangers_are_not_listened_to() {
        let (pulses, addresses) = ranks(2);
        TcpStream::connect(addresses[0]).unwrap().write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        assert!(pulses[0].heard().is_empty());
        assert_eq!(understood(said(3, &[1, 2]).as_bytes()), Some((3, vec![1, 2])));
        assert_eq!(understood(b"dinov3-last-words 3 x\n"), None);
    }

    #[test]
    fn the_loopback_is_reached_from_itself() {
        assert_eq!(own_address("127.0.0.1", 1).unwrap(), IpAddr::from([127, 0, 0, 1]));
    }
}
