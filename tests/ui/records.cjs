// Records of a small cluster over the last hour, for the page's tests: 700, oldest last.
'use strict';

const LINES = [
  ['db1', 'postgres', 'error', 'deadlock detected: process 4711 waits for ShareLock on transaction 990; blocked by process 4712', { pid: 4711, code: '40P01' }],
  ['db1', 'postgres', 'info', 'checkpoint complete: wrote 1304 buffers (8.0%); write=26.9 s, sync=0.01 s, total=27.0 s', { pid: 4700 }],
  ['web1', 'nginx', 'info', '10.0.3.7 - - "GET /api/orders?page=2 HTTP/1.1" 200 5123 "-" "curl/8.5" 0.012', { status: 200, path: '/api/orders' }],
  ['web2', 'nginx', 'warn', 'upstream response is buffered to a temporary file /var/cache/nginx/proxy_temp/7/31/0000000317', { status: 200 }],
  ['node1', 'pacemaker-controld', 'warn', 'Result of monitor operation for p_fs_data on node1: Timed Out after 20s (Resource agent did not complete in time)', { layer: 'cluster', resource: 'p_fs_data' }],
  ['node1', 'kernel', 'fatal', 'EXT4-fs error (device drbd0): ext4_journal_check_start:83: Detected aborted journal', { layer: 'storage' }],
  ['node2', 'kernel', 'debug', 'drbd r0/0 drbd0: repl( Established -> SyncSource ) [resync-started]', { layer: 'storage', resource: 'r0' }],
  ['web1', 'tomcat', 'error', 'java.lang.IllegalStateException: pool exhausted\n\tat org.example.Pool.borrow(Pool.java:88)\n\tat org.example.Orders.list(Orders.java:41)', { trace_id: '4bf92f3577b34da6a3ce929d0e0e4736', span_id: '00f067aa0ba902b7' }],
  ['node2', 'sshd', null, 'Accepted publickey for ops from 10.0.0.4 port 52114 ssh2: ED25519 SHA256:8bq7', {}],
  ['web2', 'app', 'info', '\u001b[31mthe colour of danger\u001b[0m <b>is no markup</b> and ünïcode ✓ is text', { user: 'anna "the boss"' }],
];

function records(now) {
  return Array.from({ length: 700 }, (_, n) => {
    const [host, service, level, line, more] = LINES[(n * 7 + Math.floor(n / 50)) % LINES.length];
    const age = n * 5_000 - (n % 3 ? 0 : 2_000);
    const record = { ts: new Date(now - 5_000 - age).toISOString(), host, service, msg: `${line} number ${n}`, ...more };
    return level ? { ...record, level } : record;
  });
}

module.exports = { records };
