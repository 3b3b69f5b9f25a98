//! A PostgreSQL from Debian's packages, in a folder of its own.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::real_writers::writer::{User, Writer, command, free_address};
use crate::tools;

/// A server; it is killed when dropped.
pub(crate) struct Postgresql {
    writer: Option<Writer>,
    folder: tempfile::TempDir,
    programs: PathBuf,
    pub(crate) port: u16,
}

impl Postgresql {
    /// Starts one on the loopback, where the user `postgres` may all and `secret` needs a password; `None` skips the
    /// test that asks.
    pub(crate) fn start() -> Option<Self> {
        use std::os::unix::fs::PermissionsExt;
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let bins = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").is_file());
        let programs = bins.max().or_else(|| tools::skip("PostgreSQL"))?;
        let folder = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("lets others in");
        let (root, port) = (folder.path().join("root"), free_address().port());
        user().folder(&root);
        let data = root.join("data");
        let mut initdb = user().command(&programs.join("initdb"));
        initdb.args(["-A", "trust", "-N", "-E", "UTF8", "--locale=C", "-U", "postgres", "-D"]).arg(&data);
        assert!(initdb.status().expect("initdb runs").success());
        let config = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nfsync = off\n",
            root.display()
        );
        fs::write(data.join("postgresql.conf"), config).expect("writes");
        let hba = "host all secret all scram-sha-256\nhost all all all trust\nlocal all all trust\n";
        fs::write(data.join("pg_hba.conf"), hba).expect("writes");
        let mut server = Self { writer: None, folder, programs, port };
        server.start_again();
        Some(server)
    }

    /// Starts it after [`Self::stop`].
    pub(crate) fn start_again(&mut self) {
        let data = self.folder.path().join("root/data");
        let mut writer = Writer::start(user().command(&self.programs.join("postgres")).arg("-D").arg(data));
        writer.wait_until("ready", || self.client("pg_isready").status().is_ok_and(|status| status.success()));
        self.writer = Some(writer);
    }

    /// Stops it at once, closing all connections.
    pub(crate) fn stop(&mut self) {
        self.writer.take().expect("is running").stop("INT");
    }

    /// Runs a statement as `postgres`.
    pub(crate) fn psql(&self, database: &str, sql: &str) {
        let mut psql = self.client("psql");
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-c", sql]);
        psql.stderr(std::process::Stdio::inherit());
        assert!(psql.status().expect("psql runs").success(), "{sql}");
    }

    fn client(&self, name: &str) -> Command {
        let mut client = command(&self.programs.join(name));
        client.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        client
    }
}

fn user() -> User {
    User::named("postgres")
}
