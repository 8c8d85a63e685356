//! The client of a load run: connections on loopback that ask one request after the other.
//!
//! It shares the machine's cores with the service, so the figures are of both. What it reads it
//! reads whole, by the length or the chunks that a response has, and checks its status.

use std::io::{BufRead, BufReader as StdReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::data::resident_mib;
use crate::http_server::KEY;
use crate::peer::Failure;
use crate::table::Row;

/// The seconds for which a service is asked, unless `TICKETDEX_SECONDS` says otherwise.
const SECONDS: u64 = 30;

/// The connections that ask.
pub const CONNECTIONS: usize = 64;

/// The connections that ask nothing, once the others have ended.
pub const IDLE: usize = 500;

/// What a run of one service came to.
#[derive(Clone, Debug)]
pub struct Run {
    pub name: &'static str,
    pub seconds: f64,
    /// Milliseconds of each request that was answered, ascending.
    pub latencies: Vec<f64>,
    /// By row, its name and its latencies, ascending.
    pub rows: Vec<(&'static str, Vec<f64>)>,
    pub errors: u64,
    pub bytes: u64,
    /// Resident MiB of the service before, after, and at most.
    pub before: f64,
    pub after: f64,
    /// How much more with idle connections, and with a reader of 1 KB/s of everything.
    pub idle: f64,
    pub slow: f64,
    /// Milliseconds of the export of everything, and its bytes; none where it was not asked.
    pub export: Option<(f64, u64)>,
}

/// A service in a process of its own; ends with this.
struct Service {
    child: Child,
    address: SocketAddr,
}

impl Service {
    fn start(name: &str) -> Result<Service, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        let command = command.args(["--serve", name]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("no standard output")?;
        StdReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().parse()?;
        Ok(Service { child, address })
    }

    fn resident(&self) -> Result<f64, Failure> {
        resident_mib(&self.child.id().to_string(), "VmRSS")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // A service that is still answering ends with its time.
        let _ = self.child.wait();
    }
}

/// Serves and asks.
pub fn run(name: &'static str, rows: &[Row]) -> Result<Run, Failure> {
    let service = Service::start(name)?;
    let seconds = std::env::var("TICKETDEX_SECONDS");
    let time = Duration::from_secs(seconds.map_or(Ok(SECONDS), |text| text.parse())?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(ask(name, rows, &service, time))
}

async fn ask(
    name: &'static str,
    rows: &[Row],
    service: &Service,
    time: Duration,
) -> Result<Run, Failure> {
    let targets: Vec<String> = rows.iter().map(|row| target(&row.request)).collect();
    let targets = Arc::new(targets);
    // Once each, so that what is made when first asked for is there.
    let mut first = Connection::open(service.address).await?;
    for target in targets.iter() {
        first.ask(target).await?;
    }
    let before = service.resident()?;
    let start = Instant::now();
    let until = start + time;
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|number| tokio::spawn(client(service.address, Arc::clone(&targets), number, until)))
        .collect();
    let mut of_rows = vec![Vec::new(); rows.len()];
    let (mut errors, mut bytes) = (0, 0);
    for client in clients {
        let seen = client.await?;
        errors += seen.errors;
        bytes += seen.bytes;
        for (row, took) in seen.latencies {
            of_rows[row].push(took);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let after = service.resident()?;
    let mut latencies: Vec<f64> = of_rows.iter().flatten().copied().collect();
    latencies.sort_by(f64::total_cmp);
    of_rows
        .iter_mut()
        .for_each(|row| row.sort_by(f64::total_cmp));
    let idle = idle(service, after).await?;
    let (slow, export) = if name == "SQLite" {
        (0.0, None)
    } else {
        let slow = slow(service).await?;
        let start = Instant::now();
        // The first connection has been idle for longer than the server allows.
        let bytes = Connection::open(service.address)
            .await?
            .ask(&target(""))
            .await?;
        (slow, Some((start.elapsed().as_secs_f64() * 1e3, bytes)))
    };
    let rows = rows.iter().map(|row| row.name).zip(of_rows).collect();
    Ok(Run {
        name,
        seconds,
        latencies,
        rows,
        errors,
        bytes,
        before,
        after,
        idle,
        slow,
        export,
    })
}

fn target(request: &str) -> String {
    let key = KEY.replace(' ', "+");
    let request = request.replace(' ', "+");
    format!("/API/default.aspx?key={key}&action=get_tickets&{request}")
}

#[derive(Default)]
struct Seen {
    latencies: Vec<(usize, f64)>,
    errors: u64,
    bytes: u64,
}

/// Asks one request after the other until the time is over, each client from another one on.
async fn client(
    address: SocketAddr,
    targets: Arc<Vec<String>>,
    number: usize,
    until: Instant,
) -> Seen {
    let mut seen = Seen::default();
    let mut connection = Connection::open(address).await;
    for at in (0..targets.len()).cycle().skip(number) {
        if Instant::now() >= until {
            break;
        }
        let asked = Instant::now();
        let outcome = match &mut connection {
            Ok(connection) => connection.ask(&targets[at]).await,
            Err(_) => Err("no connection".into()),
        };
        match outcome {
            Ok(bytes) => {
                seen.latencies
                    .push((at, asked.elapsed().as_secs_f64() * 1e3));
                seen.bytes += bytes;
            }
            Err(_) => {
                seen.errors += 1;
                connection = Connection::open(address).await;
            }
        }
    }
    seen
}

struct Connection {
    stream: BufReader<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Connection, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream: BufReader::with_capacity(64 << 10, stream),
            buffer: vec![0; 64 << 10],
        })
    }

    /// Asks, and reads the answer to its end; returns the bytes of its body.
    async fn ask(&mut self, target: &str) -> Result<u64, Failure> {
        let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.stream.get_mut().write_all(head.as_bytes()).await?;
        let status = self.line().await?;
        let mut length = None;
        loop {
            let line = self.line().await?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(text) = line.strip_prefix("content-length:") {
                length = Some(text.trim().parse::<u64>()?);
            }
        }
        let bytes = match length {
            Some(length) => self.skip(length).await?,
            None => {
                let mut sum = 0;
                loop {
                    let chunk = u64::from_str_radix(&self.line().await?, 16)?;
                    sum += self.skip(chunk).await?;
                    self.line().await?;
                    if chunk == 0 {
                        break sum;
                    }
                }
            }
        };
        if status.split(' ').nth(1) == Some("200") {
            Ok(bytes)
        } else {
            Err(status.into())
        }
    }

    async fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await? == 0 {
            return Err("the connection has ended".into());
        }
        Ok(line.trim_end().to_owned())
    }

    async fn skip(&mut self, bytes: u64) -> Result<u64, Failure> {
        let mut left = bytes as usize;
        while left > 0 {
            let most = left.min(self.buffer.len());
            let read = self.stream.read(&mut self.buffer[..most]).await?;
            if read == 0 {
                return Err("the body has ended early".into());
            }
            left -= read;
        }
        Ok(bytes)
    }
}

/// Returns how much more the service holds with connections that ask nothing.
async fn idle(service: &Service, before: f64) -> Result<f64, Failure> {
    let mut open = Vec::new();
    for _ in 0..IDLE {
        open.push(TcpStream::connect(service.address).await?);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(service.resident()? - before)
}

/// Returns how much more the service holds while everything is read at 1 KB/s.
async fn slow(service: &Service) -> Result<f64, Failure> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = service.resident()?;
    let mut stream = TcpStream::connect(service.address).await?;
    let head = format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", target(""));
    stream.write_all(head.as_bytes()).await?;
    let mut buffer = [0; 1024];
    for _ in 0..5 {
        stream.read_exact(&mut buffer).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(service.resident()? - before)
}
