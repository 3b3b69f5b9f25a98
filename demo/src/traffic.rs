//! What the site logs all the time: requests, their errors while the service is away, and the chatter of daemons.

use orszem_model::Timestamp;

use crate::calendar::{access, apache, catalina, hour, iso, postgres};
use crate::hosts::{ACCESS, ALERT, APP, CATALINA, ERROR, Node, POSTGRES, PROBED, SYSLOG, VIP, WITNESS};
use crate::item::{Item, Probe};
use crate::plan::Plan;
use crate::random::Random;

/// Requests a second in the busiest hour.
const REQUESTS: f64 = 22.0;
/// How often the service is probed.
const PROBE_EVERY_S: i64 = 2;
/// How long the pool gives its dead connections out, before it is empty.
const POOL_S: i64 = 9;

const PATHS: [&str; 8] = [
    "/app/login",
    "/app/orders",
    "/app/orders/list",
    "/app/stock/search",
    "/app/invoices",
    "/app/customers",
    "/app/api/v2/prices",
    "/app/report/daily",
];
const STATIC: [&str; 4] = ["/static/erp.css", "/static/erp.js", "/favicon.ico", "/static/logo.svg"];
const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "erp-scanner/3.4 (warehouse)",
];
const FRAMES: &str = "
\tat oracle.jdbc.driver.T4CConnection.logon(T4CConnection.java:1012)
\tat oracle.jdbc.driver.PhysicalConnection.connect(PhysicalConnection.java:1114)
\tat org.apache.tomcat.jdbc.pool.PooledConnection.connect(PooledConnection.java:189)
\tat org.apache.tomcat.jdbc.pool.ConnectionPool.borrowConnection(ConnectionPool.java:684)
\tat com.example.erp.orders.OrderDao.find(OrderDao.java:88)
\tat com.example.erp.orders.OrderServlet.doGet(OrderServlet.java:41)
\tat jakarta.servlet.http.HttpServlet.service(HttpServlet.java:564)";

/// One second of the site.
pub(crate) struct Second<'a> {
    pub(crate) at: Timestamp,
    pub(crate) plan: &'a Plan,
    pub(crate) active: Node,
    pub(crate) random: Random,
    pub(crate) out: &'a mut Vec<Item>,
}

/// How busy the site is, 0.35 to 1: least at three in the night, most at three in the afternoon.
pub(crate) fn busy(at: Timestamp) -> f64 {
    0.675 - 0.325 * ((hour(at) - 3.0) / 24.0 * std::f64::consts::TAU).cos()
}

impl Second<'_> {
    /// Writes it down.
    pub(crate) fn write(&mut self) {
        for _ in 0..self.random.count(REQUESTS * busy(self.at)) {
            self.request();
        }
        self.tomcat();
        self.postgres();
        self.daemons();
        self.database();
        if self.at.0.div_euclid(1_000_000_000) % PROBE_EVERY_S == 0 {
            self.probe();
        }
    }

    /// Some moment of the second.
    fn moment(&mut self) -> Timestamp {
        Timestamp(self.at.0 + self.random.below(1_000_000) as i64 * 1_000)
    }

    fn line(&mut self, at: Timestamp, host: &'static str, file: &'static str, text: String) {
        if !self.plan.is_down(host, at) {
            self.out.push(Item::Line { at, host, file, text });
        }
    }

    fn request(&mut self) {
        let at = self.moment();
        let is_static = self.random.happens(0.3);
        let path = *if is_static { self.random.pick(&STATIC) } else { self.random.pick(&PATHS) };
        let client = format!("10.20.{}.{}", self.random.below(4), self.random.below(200) + 10);
        let port = self.random.below(20_000) + 40_000;
        let (status, bytes, micros) = if is_static {
            (if self.random.happens(0.4) { 304 } else { 200 }, 8_400, self.random.below(900) + 120)
        } else if self.plan.is_out(at) {
            self.failed_request(at, &client, port)
        } else {
            let slow = if self.plan.latency(self.active.name(), at) > 0.05 { 40 } else { 1 };
            let status = match self.random.below(1_000) {
                0..=3 => 404,
                4 => 500,
                5..=60 => 302,
                _ => 200,
            };
            (status, self.random.below(40_000) + 600, (self.random.below(90_000) + 9_000) * slow)
        };
        let method = if self.random.happens(0.2) && !is_static { "POST" } else { "GET" };
        let agent = *self.random.pick(&AGENTS);
        let text = format!(
            "{client} - - [{}] \"{method} {path} HTTP/1.1\" {status} {bytes} \"-\" \"{agent}\" {micros}",
            access(at)
        );
        self.line(at, APP, ACCESS, text);
    }

    /// Status, bytes and microseconds of a request that the service can't answer.
    fn failed_request(&mut self, at: Timestamp, client: &str, port: u64) -> (u16, u64, u64) {
        let from = self.plan.outage.map_or(at, |span| span.from);
        let is_early = at.0 - from.0 < 1_500_000_000;
        let thread = self.random.below(40) + 22_510;
        let said = if is_early {
            format!(
                "[proxy_http:error] [pid 22508:tid {thread}] (104)Connection reset by peer: [client {client}:{port}] AH01102: error reading status line from remote server 127.0.0.1:8080"
            )
        } else {
            format!(
                "[proxy_http:error] [pid 22508:tid {thread}] (70007)The timeout specified has expired: [client {client}:{port}] AH01102: error reading status line from remote server 127.0.0.1:8080"
            )
        };
        if self.random.happens(0.25) {
            let text = format!("[{}] {said}", apache(at));
            self.line(at, APP, ERROR, text);
        }
        let waited = if is_early { self.random.below(300_000) } else { self.random.below(4_000_000) + 900_000 };
        (if is_early { 502 } else { 503 }, 299, waited)
    }

    fn tomcat(&mut self) {
        let at = self.moment();
        let thread = self.random.below(100) + 1;
        let head = |level: &str| format!("{} {level} [http-nio-8080-exec-{thread}]", catalina(at));
        if self.plan.is_out(at) {
            let from = self.plan.outage.map_or(at, |span| span.from);
            let text = if at.0 - from.0 < POOL_S * 1_000_000_000 {
                let (code, what) = *self.random.pick(&[
                    ("ORA-03113", "end-of-file on communication channel"),
                    ("ORA-12514", "TNS:listener does not currently know of service requested in connect descriptor"),
                    ("ORA-17002", "IO Error: The Network Adapter could not establish the connection"),
                ]);
                let logger = "com.example.erp.orders.OrderServlet.doGet Order list failed";
                format!("{} {logger}\njava.sql.SQLRecoverableException: {code}: {what}{FRAMES}", head("SEVERE"))
            } else {
                let logger = "com.example.erp.orders.OrderServlet.doGet No connection";
                format!(
                    "{} {logger}\norg.apache.tomcat.jdbc.pool.PoolExhaustedException: [http-nio-8080-exec-{thread}] Timeout: Pool empty. Unable to fetch a connection in 5 seconds, none available[size:100; busy:100; idle:0; lastwait:5000].{FRAMES}",
                    head("WARNING")
                )
            };
            self.line(at, APP, CATALINA, text);
            return;
        }
        for _ in 0..self.random.count(1.6 * busy(at)) {
            let at = self.moment();
            let order = self.random.below(90_000) + 410_000;
            let took = self.random.below(180) + 12;
            let text = match self.random.below(12) {
                0 => format!(
                    "{} WARNING [http-nio-8080-exec-{thread}] com.example.erp.stock.StockService.reserve Article {order} is below its minimum",
                    catalina(at)
                ),
                1 => format!(
                    "{} INFO [scheduler-2] com.example.erp.edi.EdiPoller.poll 3 messages were taken in",
                    catalina(at)
                ),
                _ => format!(
                    "{} INFO [http-nio-8080-exec-{thread}] com.example.erp.orders.OrderService.save Order {order} was saved in {took} ms",
                    catalina(at)
                ),
            };
            self.line(at, APP, CATALINA, text);
        }
    }

    fn postgres(&mut self) {
        for _ in 0..self.random.count(0.7 * busy(self.at)) {
            let at = self.moment();
            let pid = self.random.below(30) + 4_100;
            let prefix = format!("{} [{pid}] report@reports", postgres(at));
            let text = if self.plan.is_out(at) && self.random.happens(0.5) {
                format!(
                    "{prefix} ERROR:  connection for foreign table \"erp_orders\" cannot be established\n{prefix} DETAIL:  ORA-12541: TNS:no listener\n{prefix} STATEMENT:  SELECT sum(net) FROM erp_orders WHERE day = current_date"
                )
            } else {
                let ms = self.random.between(0.3, 240.0);
                format!(
                    "{prefix} LOG:  duration: {ms:.3} ms  statement: SELECT * FROM daily WHERE branch = {}",
                    self.random.below(60)
                )
            };
            self.line(at, APP, POSTGRES, text);
        }
        if self.at.0.div_euclid(1_000_000_000) % 300 == 17 {
            let at = self.moment();
            let buffers = self.random.below(900) + 50;
            let text = format!(
                "{} [812] LOG:  checkpoint complete: wrote {buffers} buffers (1.2%); 0 WAL file(s) added, 0 removed, 1 recycled; write=29.7 s, sync=0.02 s, total=29.9 s",
                postgres(at)
            );
            self.line(at, APP, POSTGRES, text);
        }
    }

    fn daemons(&mut self) {
        for (host, _) in crate::hosts::ALL {
            if !self.random.happens(0.18) {
                continue;
            }
            let at = self.moment();
            let number = self.random.below(20_000) + 900;
            let port = self.random.below(20_000) + 40_000;
            let text = match self.random.below(5) {
                0 => format!("CRON[{number}]: (root) CMD (/usr/lib/sysstat/debian-sa1 1 1)"),
                1 => format!("systemd[1]: Started Session {number} of User monitor."),
                2 => format!("sshd[{number}]: Accepted publickey for monitor from 10.77.9.5 port {port} ssh2: ED25519"),
                3 => format!("sshd[{number}]: pam_unix(sshd:session): session closed for user monitor"),
                _ => "chronyd[701]: Selected source 10.77.9.1 (ntp1.example.org)".to_owned(),
            };
            let text = format!("{} {host} {text}", iso(at));
            self.line(at, host, SYSLOG, text);
        }
        if self.random.happens(0.008) {
            let at = self.moment();
            let text = format!(
                "{} {WITNESS} pacemaker-controld[1187]:  notice: State transition S_IDLE -> S_POLICY_ENGINE",
                iso(at)
            );
            self.line(at, WITNESS, SYSLOG, text);
        }
    }

    fn database(&mut self) {
        if self.plan.is_out(self.at) || !self.random.happens(0.06 * busy(self.at)) {
            return;
        }
        let at = self.moment();
        let sequence = at.0.div_euclid(20_000_000_000) % 90_000;
        let group = sequence % 3 + 1;
        let text = match self.random.below(3) {
            0 => format!("Thread 1 advanced to log sequence {sequence} (LGWR switch)\n  Current log# {group} seq# {sequence} mem# 0: /u02/oradata/ERP/redo0{group}.log"),
            1 => format!("ARC2: Archived Log entry {} added for T-1.S-{sequence} ID 0x3c71a9e4 LAD:1", sequence / 2),
            _ => "Resize operation completed for file# 3, fname /u02/oradata/ERP/undotbs01.dbf, old size 4096000K, new size 4106240K".to_owned(),
        };
        self.line(at, self.active.name(), ALERT, format!("{}\n{text}", iso(at)));
    }

    fn probe(&mut self) {
        let at = Timestamp(self.at.0 + 130_000_000);
        let is_ok = !self.plan.is_out(at);
        let from = self.plan.outage.map_or(at, |span| span.from);
        let (status, duration_ms, error) = if is_ok {
            (Some(200), self.random.below(40) + 18, "")
        } else if at.0 - from.0 < POOL_S * 1_000_000_000 {
            (Some(503), self.random.below(700) + 20, "status 503, expected 200")
        } else {
            (None, 1_900, "timed out after 1.9 s")
        };
        let said = if is_ok { format!("200 in {duration_ms} ms") } else { format!("failed: {error}") };
        let text = format!("{PROBED} by {VIP}: {said}");
        let (host, target) = (WITNESS, PROBED);
        self.out.push(Item::Probe(Probe { at, host, target, is_ok, status, duration_ms, error, text }));
    }
}
