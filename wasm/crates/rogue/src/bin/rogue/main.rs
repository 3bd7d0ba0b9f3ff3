//! `rogue ADDRESS ATTACK SECONDS`: does to a server what `attacks` names, 4000 packets a second, over UDP. Says `begun`
//! when it begins, and in the end, as JSON, what it sent and heard; then it waits, its connection open, for the end of its
//! standard input.

mod attacks;

use std::{
    collections::BTreeMap,
    env,
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    process::{self, ExitCode},
    thread,
    time::{Duration, Instant},
};

use attacks::{Attack, Waves};
use moqingbird_rogue::{Heard, Hello, Options, Peer};

/// Between two waves.
const EVERY: Duration = Duration::from_millis(5);
/// Between two connections: handshakes are dear, and another attack's matter.
const PAUSE: Duration = Duration::from_millis(20);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Datagrams that nothing was read from: the server has changed keys, and this peer does not follow.
const DEAF: u32 = 400;
/// First packets of an attack on handshakes, per wave.
const STRANGERS: u64 = 5;

#[derive(Default)]
struct Report {
    sent: u64,
    connections: u64,
    retries: usize,
    /// How often each code ended a connection.
    codes: BTreeMap<u64, u64>,
}

struct Line {
    socket: UdpSocket,
    report: Report,
}

/// A connection that is up.
struct Assault {
    rogue: Peer,
    waves: Waves,
    unread: u32,
}

impl Line {
    fn open(server: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(server)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, report: Report::default() })
    }

    fn send(&mut self, datagrams: Vec<Vec<u8>>) {
        for datagram in datagrams {
            // A full buffer loses packets as any network does.
            self.report.sent += u64::from(self.socket.send(&datagram).is_ok());
        }
    }

    fn receive(&self) -> Option<Vec<u8>> {
        let mut buffer = [0; 2048];
        match self.socket.recv(&mut buffer) {
            Ok(length) => Some(buffer[..length].to_vec()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionRefused) => None,
            Err(error) => panic!("the socket fails: {error}"),
        }
    }

    /// The code that ended the connection, if one was heard by now.
    fn code(rogue: &Peer) -> Option<u64> {
        rogue.close_heard().map(|(code, _)| code).or_else(|| rogue.application_close_heard())
    }

    /// A socket and a handshake of its own; `None` when the server ends it before it is up.
    fn dial(&mut self, options: &Options, acknowledges: bool, waves: Waves) -> io::Result<Option<Assault>> {
        let fresh = Self::open(self.socket.peer_addr()?)?;
        self.socket = fresh.socket;
        self.report.connections += 1;
        // Ids of its own: the server still has what earlier rogues left.
        let seed = u64::from(process::id()) << 32 | self.report.connections << 16;
        let options = Options { seed, ..options.clone() };
        let mut rogue = Peer::client(options);
        let begun = Instant::now();
        while rogue.hello == Hello::UnderWay && Self::code(&rogue).is_none() {
            if begun.elapsed() > HANDSHAKE_TIMEOUT {
                return Err(io::Error::other("the server does not answer"));
            }
            self.send(rogue.take());
            while let Some(datagram) = self.receive() {
                rogue.receive(&datagram);
            }
            thread::sleep(Duration::from_millis(1));
        }
        self.send(rogue.take());
        if self.note(&rogue) {
            return Ok(None);
        }
        rogue.acknowledges = acknowledges;
        Ok(Some(Assault { rogue, waves, unread: 0 }))
    }

    /// Notes how the connection ended, if it did.
    fn note(&mut self, rogue: &Peer) -> bool {
        let code = Self::code(rogue);
        if let Some(code) = code {
            *self.report.codes.entry(code).or_default() += 1;
        }
        code.is_some()
    }

    /// One wave, and what came since the last; false when the connection is of no use any more.
    fn fight(&mut self, assault: &mut Assault) -> bool {
        (assault.waves)(&mut assault.rogue);
        assault.rogue.heard.clear();
        self.send(assault.rogue.take());
        while let Some(datagram) = self.receive() {
            let heard = assault.rogue.heard.len();
            assault.rogue.receive(&datagram);
            assault.unread = if assault.rogue.heard.len() > heard { 0 } else { assault.unread + 1 };
        }
        !self.note(&assault.rogue) && assault.unread < DEAF
    }

    fn besiege(&mut self, options: &Options, acknowledges: bool, begin: fn() -> Waves, end: Instant) -> io::Result<()> {
        let mut assault = None;
        while Instant::now() < end {
            let next = Instant::now() + EVERY;
            assault = match assault.take() {
                None => self.dial(options, acknowledges, begin())?,
                Some(mut open) => self.fight(&mut open).then_some(open),
            };
            thread::sleep(if assault.is_none() { PAUSE } else { next.saturating_duration_since(Instant::now()) });
        }
        Ok(())
    }

    fn swarm(&mut self, first: fn(u64) -> Vec<Vec<u8>>, end: Instant) {
        let mut ear = Peer::client(Options::default());
        let mut seed = u64::from(process::id()) << 24;
        while Instant::now() < end {
            let next = Instant::now() + EVERY;
            for _ in 0..STRANGERS {
                seed += 1;
                self.send(first(seed));
            }
            while let Some(datagram) = self.receive() {
                ear.receive(&datagram);
            }
            self.report.retries += ear.count(|heard| matches!(heard, Heard::Retry { .. }));
            ear.heard.clear();
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }
}

fn run(server: &str, attack: &str, seconds: &str) -> Result<(), Box<dyn std::error::Error>> {
    let mut line = Line::open(server.parse()?)?;
    let attack = attacks::named(attack).ok_or_else(|| format!("there is no attack {attack:?}"))?;
    let end = Instant::now() + Duration::from_secs_f64(seconds.parse()?);
    println!("begun");
    match attack {
        Attack::Connection { options, acknowledges, begin } => line.besiege(&options, acknowledges, begin, end)?,
        Attack::Strangers(first) => line.swarm(first, end),
    }
    let Report { sent, connections, retries, codes } = line.report;
    let codes: Vec<_> = codes.iter().map(|(code, count)| format!("\"{code}\":{count}")).collect();
    println!(r#"{{"sent":{sent},"connections":{connections},"retries":{retries},"codes":{{{}}}}}"#, codes.join(","));
    io::stdout().flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    let [server, attack, seconds] = args.as_slice() else {
        eprintln!("usage: rogue ADDRESS ATTACK SECONDS");
        return ExitCode::from(2);
    };
    match run(server, attack, seconds) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
