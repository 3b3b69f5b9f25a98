//! Real servers of Debian's packages, each in a folder of its own: nginx, Apache, postfix and PostgreSQL.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::peers::{free, until_it_listens};

const NGINX: &str = "
daemon off;
pid {root}/nginx.pid;
error_log {root}/error.log;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path {root}/body;
  proxy_temp_path {root}/proxy;
  fastcgi_temp_path {root}/fastcgi;
  uwsgi_temp_path {root}/uwsgi;
  scgi_temp_path {root}/scgi;
  gzip on; gzip_min_length 1; gzip_types text/plain;
  server {
    listen {plain};
    listen {tls} ssl http2;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    default_type text/plain;
    location / { return 200 'hello from nginx, which is compressed where that is asked for'; }
    location /away { return 302 https://localhost:{tls_port}/; }
    location /busy { return 503; }
  }
}
";

const APACHE: &str = "
ServerName localhost
PidFile {root}/apache2.pid
ErrorLog {root}/error.log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
DirectoryIndex index.html
Listen {plain}
Listen {tls}
DocumentRoot {root}/www
<VirtualHost {tls}>
SSLEngine on
SSLProtocol -all +TLSv1.2
SSLCertificateFile {certificate}
SSLCertificateKeyFile {key}
</VirtualHost>
<Location /denied>
Require all denied
</Location>
";

const POSTFIX: &str = "
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
alias_maps =
local_recipient_maps =
";

const POSTFIX_SERVICES: &str = "
{plain} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
";

/// A server, until it is dropped.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It ends its own processes itself when it is asked to.
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("asks it to end");
        self.child.wait().expect("ended");
    }
}

fn is_there(program: &str) -> bool {
    let is_file = Path::new(program).is_file();
    assert!(is_file || std::env::var_os("CI").is_none(), "{program} is missing: run `make test-deps`");
    is_file
}

/// Users of the kind that daemons become, where this is root.
fn own(path: &Path, user: &str) {
    let ids = |flag: &str| {
        let told = Command::new("id").args([flag, user]).output().expect("id runs").stdout;
        String::from_utf8_lossy(&told).trim().parse::<u32>().expect("a number")
    };
    if is_root() {
        chown(path, Some(ids("-u")), Some(ids("-g"))).expect("changes the owner");
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|told| told.stdout == b"0\n")
}

struct Place {
    root: PathBuf,
    certificates: PathBuf,
    plain: SocketAddr,
    tls: SocketAddr,
}

impl Place {
    async fn new(directory: &Path, name: &str) -> Self {
        let root = directory.join(name);
        fs::create_dir_all(&root).expect("is made");
        for folder in [directory, root.as_path()] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("lets others in");
        }
        let tls = free().await;
        let mut plain = free().await;
        while plain == tls {
            plain = free().await;
        }
        Self { root, certificates: directory.to_owned(), plain, tls }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let of = |name: &str| self.certificates.join(name).display().to_string();
        let text = text
            .replace("{root}", &self.root.display().to_string())
            .replace("{plain}", &self.plain.to_string())
            .replace("{tls_port}", &self.tls.port().to_string())
            .replace("{tls}", &self.tls.to_string())
            .replace("{certificate}", &of("good.pem"))
            .replace("{key}", &of("good.key"));
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("is made");
        fs::write(&path, text).expect("writes");
        path
    }

    async fn start(self, command: &mut Command) -> Daemon {
        let log = fs::File::create(self.root.join("told")).expect("a log");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("starts");
        until_it_listens(self.plain).await;
        Daemon { child, plain: self.plain, tls: self.tls }
    }
}

pub(crate) async fn nginx(directory: &Path) -> Option<Daemon> {
    const PROGRAM: &str = "/usr/sbin/nginx";
    if !is_there(PROGRAM) {
        return None;
    }
    let place = Place::new(directory, "nginx").await;
    let config = place.write("nginx.conf", &format!("{}{NGINX}", if is_root() { "user www-data;" } else { "" }));
    let log = place.root.join("error.log");
    let daemon = place.start(Command::new(PROGRAM).arg("-c").arg(config).arg("-e").arg(log)).await;
    Some(daemon)
}

pub(crate) async fn apache(directory: &Path) -> Option<Daemon> {
    const PROGRAM: &str = "/usr/sbin/apache2";
    if !is_there(PROGRAM) {
        return None;
    }
    let place = Place::new(directory, "apache2").await;
    place.write("www/index.html", "hello from Apache\n");
    let user = if is_root() { "User www-data\nGroup www-data\n" } else { "" };
    let config = place.write("apache2.conf", &format!("{APACHE}{user}"));
    let root = place.root.clone();
    Some(place.start(Command::new(PROGRAM).arg("-d").arg(root).arg("-f").arg(config).arg("-DFOREGROUND")).await)
}

/// Which runs as root alone.
pub(crate) async fn postfix(directory: &Path) -> Option<Daemon> {
    const PROGRAM: &str = "/usr/lib/postfix/sbin/master";
    if !is_there(PROGRAM) || !is_root() {
        return None;
    }
    let place = Place::new(directory, "postfix").await;
    let main = place.write("conf/main.cf", POSTFIX);
    place.write("conf/master.cf", POSTFIX_SERVICES);
    let conf = main.parent().expect("a folder").to_owned();
    fs::create_dir_all(place.root.join("queue")).expect("is made");
    fs::create_dir_all(place.root.join("data")).expect("is made");
    own(&place.root.join("data"), "postfix");
    let check = Command::new("/usr/sbin/postfix").arg("-c").arg(&conf).arg("check").output().expect("checks");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    Some(place.start(Command::new(PROGRAM).arg("-c").arg(conf).arg("-d")).await)
}

/// PostgreSQL, which answers what is no protocol of its own with an error.
pub(crate) async fn postgresql(directory: &Path) -> Option<Daemon> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let bin = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").is_file()).max();
    assert!(bin.is_some() || std::env::var_os("CI").is_none(), "PostgreSQL is missing: run `make test-deps`");
    let bin = bin?;
    let place = Place::new(directory, "postgresql").await;
    own(&place.root, "postgres");
    let data = place.root.join("data");
    let as_user = |program: PathBuf| {
        let mut command = Command::new(if is_root() { PathBuf::from("/usr/bin/setpriv") } else { program.clone() });
        if is_root() {
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
        }
        command.current_dir("/");
        command
    };
    let made = as_user(bin.join("initdb"))
        .args(["-A", "trust", "-N", "-E", "UTF8", "--locale=C", "-U", "postgres", "-D"])
        .arg(&data)
        .output()
        .expect("runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (address, sockets) = (place.plain, place.root.display().to_string());
    let mut command = as_user(bin.join("postgres"));
    command.arg("-D").arg(data).args(["-F", "-h", "127.0.0.1", "-p", &address.port().to_string(), "-k", &sockets]);
    Some(place.start(&mut command).await)
}
