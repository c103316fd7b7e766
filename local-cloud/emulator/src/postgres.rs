//! PostgreSQL servers: one for each instance, on the loopback address, as real as they come.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child as BlockingChild, Command, Stdio};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::process::Child;
use tokio_postgres::NoTls;

use crate::archive::{Archive, Seal};
use crate::clock;
use crate::engines::{self, Release};
use crate::groups::Values;
use crate::parameters;

/// The role by which the service itself reaches every server, as on RDS.
const SERVICE_ROLE: &str = "rdsadmin";
/// The file, in the directory of a server, with what its parameter group sets.
const PARAMETERS_FILE: &str = "rds.conf";
const START_DEADLINE: Duration = Duration::from_mins(1);
const START_ATTEMPTS: u32 = 5;

/// The installed PostgreSQL.
pub struct Postgres {
    binaries: PathBuf,
    /// Such as `15.8`.
    pub version: String,
    /// What RDS calls it.
    pub release: Release,
    /// The user under which servers run when this process is root, which PostgreSQL refuses to be.
    user: Option<User>,
    /// The password of the service role; snapshots carry it along, so there is one for all servers.
    password: String,
}

struct User {
    name: String,
    user_id: u32,
    group_id: u32,
}

/// A running server.
pub struct Server {
    pub port: u16,
    directory: PathBuf,
    process: Child,
}

impl Postgres {
    /// Looks at the PostgreSQL whose programs are in `binaries`.
    pub fn find(binaries: &Path) -> io::Result<Self> {
        let postgres = binaries.join("postgres");
        let output = Command::new(&postgres).arg("--version").output().map_err(|error| {
            io::Error::new(error.kind(), format!("cannot run {}: {error}", postgres.display()))
        })?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.split_whitespace().nth(2).unwrap_or_default().to_owned();
        if !version.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(io::Error::other(format!(
                "{} does not tell its version: {text}",
                postgres.display()
            )));
        }
        let postgres = engines::named("postgres").ok();
        let release = postgres.and_then(|engine| engine.release(&version)).ok_or_else(|| {
            io::Error::other(format!("PostgreSQL {version} is not in the table of engines"))
        })?;
        let is_root = fs::metadata("/proc/self")?.uid() == 0;
        let user = if is_root { Some(unprivileged_user()?) } else { None };
        Ok(Self { binaries: binaries.to_owned(), version, release, user, password: random_hex(16)? })
    }

    /// Makes a new database cluster in `directory`.
    pub async fn initialise(&self, directory: &Path) -> io::Result<()> {
        self.make_directory(directory)?;
        let password_file = directory.with_extension("password");
        self.write_for_server(&password_file, &self.password)?;
        let mut command = self.command("initdb");
        command
            .args([
                "--username",
                SERVICE_ROLE,
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--no-instructions",
            ])
            .args(["--auth=scram-sha-256", "--wal-segsize=1"])
            .arg(format!("--pwfile={}", password_file.display()))
            .arg(format!("--pgdata={}", directory.display()));
        let made = finish(command).await;
        fs::remove_file(&password_file)?;
        made?;
        // Only the loopback address is ever listened on; the service role alone may take backups.
        let access = format!(
            "host all all 127.0.0.1/32 scram-sha-256\nhost replication {SERVICE_ROLE} 127.0.0.1/32 scram-sha-256\n"
        );
        fs::write(directory.join("pg_hba.conf"), access)?;
        let mut settings = fs::OpenOptions::new().append(true).open(directory.join("postgresql.conf"))?;
        io::Write::write_all(&mut settings, format!("include_if_exists = '{PARAMETERS_FILE}'\n").as_bytes())
    }

    /// Gives a server that runs these values of its parameter group, as far as it takes them without a restart.
    pub async fn change_parameters(&self, directory: &Path, values: &Values) -> io::Result<()> {
        self.write_parameters(directory, values)?;
        let mut command = self.command("pg_ctl");
        command.args(["reload", "--pgdata"]).arg(directory);
        finish(command).await
    }

    fn write_parameters(&self, directory: &Path, values: &Values) -> io::Result<()> {
        let file = directory.join(PARAMETERS_FILE);
        // One that is there already has come with the data.
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.write_for_server(&file, &parameters::configuration(values, |library| self.has_library(library)))
    }

    fn has_library(&self, library: &str) -> bool {
        let installation = self.binaries.parent().unwrap_or(&self.binaries);
        let places = ["lib", "lib/postgresql"].map(|place| installation.join(place));
        places.iter().any(|place| place.join(format!("{library}.so")).exists())
    }

    /// Unpacks a base backup as a new database cluster in `directory`. Blocking.
    pub fn unpack(&self, archive: &Archive, seal: &Seal, directory: &Path) -> io::Result<()> {
        self.make_directory(directory)?;
        archive.unpack(seal, directory, self.user.as_ref().map(|user| (user.user_id, user.group_id)))
    }

    /// Starts the server of `directory` with these values of its parameter group, on `wanted_port` when that is free, else
    /// on a free one.
    pub async fn start(
        &self,
        directory: &Path,
        wanted_port: Option<u16>,
        values: &Values,
    ) -> io::Result<Server> {
        self.write_parameters(directory, values)?;
        let mut wanted = wanted_port;
        let mut attempt = 1;
        loop {
            let port = match wanted.take().filter(|port| is_free(*port)) {
                Some(port) => port,
                None => free_port()?,
            };
            match self.start_on(directory, port).await {
                // Another process may have taken the port since; the last attempt reports the reason.
                Err(error) if attempt < START_ATTEMPTS => {
                    tracing::warn!(directory = %directory.display(), port, %error, "PostgreSQL did not start, trying another port");
                }
                result => return result,
            }
            attempt += 1;
        }
    }

    async fn start_on(&self, directory: &Path, port: u16) -> io::Result<Server> {
        let log_path = directory.with_extension("log");
        let log = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&log_path)?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(directory);
        for setting in [
            &format!("port={port}"),
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "shared_buffers=16MB",
            "max_wal_senders=10",
            // A backup fetches the log of its own duration at its end; a busy server must not have recycled it.
            "wal_keep_size=128MB",
            "logging_collector=off",
            // A password in a statement that fails must not reach the log.
            "log_min_error_statement=panic",
            // The machine may lose power; what is kept here is made for a demonstration or a test.
            "fsync=off",
        ] {
            command.arg("-c").arg(setting);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut process = tokio::process::Command::from(command).kill_on_drop(true).spawn()?;
        let deadline = clock::now() + START_DEADLINE;
        while !is_ready(directory) {
            if let Some(status) = process.try_wait()? {
                return Err(io::Error::other(format!(
                    "postgres ended with {status}: {}",
                    last_line(&log_path)
                )));
            }
            if clock::now() > deadline {
                return Err(io::Error::other(format!(
                    "postgres is not ready in time: {}",
                    last_line(&log_path)
                )));
            }
            clock::sleep(Duration::from_millis(10)).await;
        }
        Ok(Server { port, directory: directory.to_owned(), process })
    }

    /// Stops a server whose data is not needed any more. Its disk is freed by the caller.
    pub async fn stop(&self, mut server: Server) {
        let mut command = self.command("pg_ctl");
        // Now and then a child that has just begun misses the signal, and the server waits seconds for it; nothing is
        // lost by not waiting.
        command
            .args(["stop", "--wait", "--timeout=1", "--mode=immediate", "--pgdata"])
            .arg(&server.directory);
        if let Err(error) = finish(command).await {
            tracing::warn!(directory = %server.directory.display(), %error, "PostgreSQL does not stop, ending it");
            if let Err(error) = server.process.start_kill() {
                tracing::warn!(%error, "PostgreSQL was gone already");
            }
        }
        if let Err(error) = server.process.wait().await {
            tracing::warn!(%error, "cannot wait for the end of PostgreSQL");
        }
    }

    /// Stops a server in good order, so that it can be started again.
    pub async fn shut_down(&self, mut server: Server) -> io::Result<()> {
        let mut command = self.command("pg_ctl");
        command.args(["stop", "--wait", "--timeout=20", "--mode=fast", "--pgdata"]).arg(&server.directory);
        finish(command).await?;
        server.process.wait().await.map(|_| ())
    }

    /// Stops what an earlier run of this program left behind in `directory`.
    pub async fn stop_leftover(&self, directory: &Path) -> io::Result<()> {
        if directory.join("postmaster.pid").exists() {
            let mut command = self.command("pg_ctl");
            command.args(["stop", "--wait", "--mode=immediate", "--pgdata"]).arg(directory);
            finish(command).await?;
        }
        Ok(())
    }

    /// Makes the master user, who is a superuser here, and the database if one is wanted.
    pub async fn prepare(
        &self,
        port: u16,
        user: &str,
        password: &str,
        database: Option<&str>,
    ) -> io::Result<()> {
        let role = quoted_name(user);
        self.execute(port, &format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD {}", quoted_text(password)))
            .await?;
        match database {
            Some(name) if name != "postgres" => {
                self.execute(port, &format!("CREATE DATABASE {} OWNER {role}", quoted_name(name))).await
            }
            _ => Ok(()),
        }
    }

    /// Gives the master user another password.
    pub async fn change_password(&self, port: u16, user: &str, password: &str) -> io::Result<()> {
        let statement = format!("ALTER ROLE {} PASSWORD {}", quoted_name(user), quoted_text(password));
        self.execute(port, &statement).await
    }

    async fn execute(&self, port: u16, statement: &str) -> io::Result<()> {
        let (client, connection) = tokio_postgres::Config::new()
            .host("127.0.0.1")
            .port(port)
            .user(SERVICE_ROLE)
            .password(&self.password)
            .dbname("postgres")
            .connect_timeout(Duration::from_secs(10))
            .connect(NoTls)
            .await
            .map_err(io::Error::other)?;
        let connection = tokio::spawn(connection);
        let done = client.batch_execute(statement).await;
        connection.abort();
        // The statement may hold a password: only the server's own words are reported.
        done.map_err(|error| match error.as_db_error() {
            Some(refused) => io::Error::other(format!("PostgreSQL refused: {}", refused.message())),
            None => io::Error::other(error),
        })
    }

    /// Takes a physical base backup of the running server into the new file `path`. Blocking. Also returns the moment
    /// before which everything committed is in it.
    pub fn back_up(
        &self,
        port: u16,
        path: &Path,
        seal: &Seal,
        data_key: Option<crate::kms::SealedDataKey>,
    ) -> io::Result<(Archive, OffsetDateTime)> {
        let started = clock::now();
        let mut command = self.command("pg_basebackup");
        // The write-ahead log is fetched into the same stream, which makes the backup whole.
        command
            .args(["--host=127.0.0.1", "--username", SERVICE_ROLE, "--no-password", "--checkpoint=fast"])
            .args(["--pgdata=-", "--format=tar", "--wal-method=fetch", "--no-manifest"])
            .arg(format!("--port={port}"))
            .env("PGPASSWORD", &self.password)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command.spawn()?;
        let packed = match process.stdout.take() {
            Some(stream) => Archive::pack(stream, path, seal, data_key),
            None => Err(io::Error::other("pg_basebackup has no output")),
        };
        let ended = wait(process);
        // A stream that ends early is a consequence; what pg_basebackup says is the cause.
        ended?;
        Ok((packed?, started))
    }

    /// A program of PostgreSQL, to run as the user who may.
    fn command(&self, program: &str) -> Command {
        let program = self.binaries.join(program);
        let mut command = match &self.user {
            None => Command::new(program),
            Some(user) => {
                // The data may lie in a directory that only root can enter, so the server keeps the right to enter any.
                const RIGHTS: &str = "+dac_override,+dac_read_search";
                let mut command = Command::new("setpriv");
                command
                    .args(["--clear-groups", "--inh-caps", RIGHTS, "--ambient-caps", RIGHTS])
                    .arg(format!("--reuid={}", user.user_id))
                    .arg(format!("--regid={}", user.group_id))
                    .arg(program)
                    .env("USER", &user.name);
                command
            }
        };
        // No variable of the user who started this may redirect a client or a server of ours.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command.env("LC_ALL", "C").current_dir("/");
        command
    }

    fn make_directory(&self, directory: &Path) -> io::Result<()> {
        fs::DirBuilder::new().mode(0o700).create(directory)?;
        self.give_to_server(directory)
    }

    fn write_for_server(&self, path: &Path, text: &str) -> io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        self.give_to_server(path)
    }

    fn give_to_server(&self, path: &Path) -> io::Result<()> {
        match &self.user {
            Some(user) => chown(path, Some(user.user_id), Some(user.group_id)),
            None => Ok(()),
        }
    }
}

/// `bytes` random bytes as hexadecimal digits.
pub fn random_hex(bytes: usize) -> io::Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A random number below `limit`; 0 where there are no random numbers.
pub fn random_below(limit: u32) -> u32 {
    let mut random = [0; 4];
    match getrandom::fill(&mut random) {
        Ok(()) => u32::from_le_bytes(random) % limit.max(1),
        Err(_) => 0,
    }
}

/// `postgres` where the system has it, else `nobody`.
fn unprivileged_user() -> io::Result<User> {
    let users = fs::read_to_string("/etc/passwd")?;
    let find = |wanted: &str| {
        users.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, user_id, group_id, ..] = fields[..] else { return None };
            let user = User {
                name: name.to_owned(),
                user_id: user_id.parse().ok()?,
                group_id: group_id.parse().ok()?,
            };
            (name == wanted).then_some(user)
        })
    };
    find("postgres").or_else(|| find("nobody")).ok_or_else(|| {
        io::Error::other("PostgreSQL cannot run as root, and there is no user postgres or nobody")
    })
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The eighth line of this file is how a server tells that it accepts connections (pg_ctl reads it too).
fn is_ready(directory: &Path) -> bool {
    fs::read_to_string(directory.join("postmaster.pid"))
        .is_ok_and(|text| text.lines().nth(7).is_some_and(|line| line.trim() == "ready"))
}

fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().next_back().unwrap_or("no word in its log").to_owned()
}

async fn finish(command: Command) -> io::Result<()> {
    let name = command.get_program().display().to_string();
    let output =
        tokio::process::Command::from(command).kill_on_drop(true).stdin(Stdio::null()).output().await?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{name} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    )))
}

fn wait(process: BlockingChild) -> io::Result<()> {
    let output = process.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("pg_basebackup: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

fn quoted_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL writes it. Backslashes are plain characters there (standard_conforming_strings).
fn quoted_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_cannot_leave_their_quotes() {
        assert_eq!(quoted_name("a\"; DROP"), "\"a\"\"; DROP\"");
        assert_eq!(quoted_text("it's\\"), "'it''s\\'");
    }
}
