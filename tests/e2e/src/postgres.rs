//! A Postgres for tests: a cluster of its own in a temporary folder, on a free port.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use eyre::{OptionExt, Result, WrapErr, bail, ensure};
use tempfile::TempDir;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A Postgres that runs until it is dropped.
#[derive(Debug)]
pub struct Postgres {
    server: Child,
    port: u16,
    folder: TempDir,
    programs: PathBuf,
    /// Whom it is run as instead of root.
    user: Option<(u32, u32)>,
}

impl Postgres {
    /// Starts one; none where Postgres is not installed, which is said, and an error in CI.
    #[expect(clippy::print_stderr, reason = "who runs the tests is told what was not run")]
    pub fn start() -> Result<Option<Self>> {
        let Some(programs) = programs() else {
            ensure!(
                env::var("CI").as_deref() != Ok("true"),
                "Postgres is missing, and CI must run everything"
            );
            eprintln!("not run, for want of a Postgres (apt-get install postgresql)");
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        let user = user(folder.path())?;
        let mut made = command(&programs.join("initdb"), user, folder.path());
        made.arg("-D").arg(folder.path().join("data"));
        made.args(["-U", "scrip", "-A", "trust", "--no-sync", "-E", "UTF8"]);
        ensure!(made.status()?.success(), "initdb failed");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let server = serve(&programs, user, folder.path(), port)?;
        let mut postgres = Self { server, port, folder, programs, user };
        postgres.wait()?;
        Ok(Some(postgres))
    }

    /// Kills its server, in the middle of whatever it does.
    pub fn crash(&mut self) -> Result<()> {
        self.server.kill()?;
        self.server.wait()?;
        Ok(())
    }

    /// Starts it again on its data, after a crash. It refuses to run beside what the crash has left of its processes.
    pub fn start_again(&mut self) -> Result<()> {
        let began = Instant::now();
        loop {
            self.server = serve(&self.programs, self.user, self.folder.path(), self.port)?;
            match self.wait() {
                Ok(()) => return Ok(()),
                Err(error) if began.elapsed() >= PATIENCE => return Err(error),
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Its database's URL.
    pub fn url(&self) -> String {
        Self::url_on(self.port)
    }

    /// Its database's URL, where it is reached by another port.
    pub fn url_on(port: u16) -> String {
        format!("postgres://scrip@127.0.0.1:{port}/postgres")
    }

    /// Its port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    fn wait(&mut self) -> Result<()> {
        let (began, place) = (Instant::now(), SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)));
        while TcpStream::connect(place).is_err() {
            if let Some(status) = self.server.try_wait()? {
                bail!("postgres ended: {status}");
            }
            ensure!(began.elapsed() < PATIENCE, "postgres does not listen");
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A program, as its user, in the folder.
fn command(program: &Path, user: Option<(u32, u32)>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    // It refuses to run as root.
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn serve(programs: &Path, user: Option<(u32, u32)>, folder: &Path, port: u16) -> Result<Child> {
    let mut server = command(&programs.join("postgres"), user, folder);
    server.arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
    server.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    server.spawn().wrap_err("postgres does not start")
}

/// The folder of `initdb` and `postgres`: on PATH, or where Debian's packages put them.
fn programs() -> Option<PathBuf> {
    let on_path = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>());
    let packaged = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut packaged = packaged.map(|version| version.path().join("bin")).collect::<Vec<_>>();
    packaged.sort();
    let mut folders = on_path.into_iter().flatten().chain(packaged.into_iter().rev());
    folders.find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// Whom to run it as, who then owns the folder: `postgres` or `nobody` instead of root, else whoever runs this.
fn user(folder: &Path) -> Result<Option<(u32, u32)>> {
    if fs::metadata(folder)?.uid() != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| -> Option<(u32, u32)> {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let (user, group) =
        find("postgres").or_else(|| find("nobody")).ok_or_eyre("there is no user to run Postgres as")?;
    chown(folder, Some(user), Some(group))?;
    Ok(Some((user, group)))
}
