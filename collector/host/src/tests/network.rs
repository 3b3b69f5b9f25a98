//! Interfaces and protocols.

use super::tree::Tree;

const DEV: &str = "Inter-|   Receive                            |  Transmit
 face |bytes    packets errs|bytes    packets colls
  eth0: 100 2 3 400 5 6
    lo:7 8 9 10 11 12
";

#[test]
fn netdev() {
    let tree = Tree::new().file("proc/net/dev", DEV).file("sys/class/net/eth0/statistics/rx_nohandler", "13\n");
    let expected = r#"node_network_receive_bytes_total{device="eth0"} 100
node_network_receive_packets_total{device="eth0"} 2
node_network_receive_errs_total{device="eth0"} 3
node_network_transmit_bytes_total{device="eth0"} 400
node_network_transmit_packets_total{device="eth0"} 5
node_network_transmit_colls_total{device="eth0"} 6
node_network_receive_nohandler_total{device="eth0"} 13
"#;
    let config =
        crate::HostConfig { netdev_exclude: "^lo$".into(), collectors: vec!["netdev".into()], ..Default::default() };
    assert_eq!(super::tree::pass_of(&mut tree.host_with(config), 0), (expected.to_owned(), Some(1.0)));
    let (text, success) = tree.file("proc/net/dev", DEV.replace("9 10 11 12", "")).run("netdev");
    assert_eq!(success, Some(0.0));
    assert!(text.ends_with("node_network_receive_packets_total{device=\"lo\"} 8\n"), "{text}");
    Tree::new().file("proc/net/dev", "Inter-|\nface\n").check_bad("netdev", "");
}

#[test]
fn netclass() {
    let mut tree = Tree::new().file("sys/class/net/bonding_masters", "bond0\n");
    let attributes = [
        ("addr_assign_type", "0"),
        ("address", "02:00:00:00:00:01"),
        ("broadcast", "ff:ff:ff:ff:ff:ff"),
        ("carrier", "1"),
        ("carrier_changes", "2"),
        ("dev_id", "0x1f"),
        ("duplex", "full"),
        ("flags", "0x1003"),
        ("ifindex", "3"),
        ("mtu", "1500"),
        ("operstate", "up"),
        ("speed", "10000"),
        ("tx_queue_len", "many"),
    ];
    for (name, value) in attributes {
        tree = tree.file(&format!("sys/class/net/eth0/{name}"), format!("{value}\n"));
    }
    tree.check(
        "netclass",
        r#"node_network_up{device="eth0"} 1
node_network_info{device="eth0",address="02:00:00:00:00:01",broadcast="ff:ff:ff:ff:ff:ff",duplex="full",operstate="up",ifalias=""} 1
node_network_address_assign_type{device="eth0"} 0
node_network_carrier{device="eth0"} 1
node_network_carrier_changes_total{device="eth0"} 2
node_network_device_id{device="eth0"} 31
node_network_flags{device="eth0"} 4099
node_network_iface_id{device="eth0"} 3
node_network_mtu_bytes{device="eth0"} 1500
node_network_speed_bytes{device="eth0"} 1250000000
"#,
    );
    Tree::new().check_bad("netclass", "");
}

#[test]
fn bonding() {
    let tree = Tree::new()
        .file("sys/class/net/bonding_masters", "bond0\n")
        .file("sys/class/net/bond0/bonding/slaves", "eth0 eth1\n")
        .file("sys/class/net/bond0/lower_eth0/bonding_slave/mii_status", "up\n");
    tree.check_bad("bonding", "");
    let tree = tree.file("sys/class/net/bond0/slave_eth1/bonding_slave/mii_status", "down\n");
    tree.check("bonding", "node_bonding_slaves{master=\"bond0\"} 2\nnode_bonding_active{master=\"bond0\"} 1\n");
}

#[test]
fn netstat() {
    let tree = Tree::new()
        .file(
            "proc/net/netstat",
            "TcpExt: SyncookiesSent ListenDrops Other\nTcpExt: 1 2 3\nIpExt: InOctets\nIpExt: 4\n",
        )
        .file("proc/net/snmp", "Tcp: RtoMin MaxConn CurrEstab\nTcp: 200 -1 5\n");
    let expected = "node_netstat_TcpExt_SyncookiesSent 1\nnode_netstat_TcpExt_ListenDrops 2\n\
                    node_netstat_IpExt_InOctets 4\nnode_netstat_Tcp_CurrEstab 5\n";
    tree.check("netstat", expected);
    let tree = tree.file("proc/net/snmp6", "Ip6InOctets                      \t6\nUdp6NoPorts\t7\nIp6InReceives 8\n");
    tree.check("netstat", &format!("{expected}node_netstat_Ip6_InOctets 6\nnode_netstat_Udp6_NoPorts 7\n"));
    tree.file("proc/net/netstat", "TcpExt: ListenDrops\nTcpExt:\n").check_bad("netstat", "");
}

#[test]
fn sockstat() {
    let page = rustix::param::page_size();
    let tree = Tree::new().file("proc/net/sockstat", "sockets: used 9\nTCP: inuse 4 mem 3\n");
    let expected = format!(
        "node_sockstat_sockets_used 9\nnode_sockstat_TCP_inuse 4\nnode_sockstat_TCP_mem 3\nnode_sockstat_TCP_mem_bytes {}\n",
        3 * page
    );
    tree.check("sockstat", &expected);
    let tree = tree.file("proc/net/sockstat6", "TCP6: inuse 2\n");
    tree.check("sockstat", &format!("{expected}node_sockstat_TCP6_inuse 2\n"));
    tree.file("proc/net/sockstat", "sockets: used many\n").check_bad("sockstat", "");
    Tree::new().check_bad("sockstat", "");
}

#[test]
fn softnet() {
    let row = |cpu: &str| format!("0000000a 00000002 0000001f 0 0 0 0 0 0 0 0 0 {cpu} 0 0\n");
    let tree = Tree::new().file("proc/net/softnet_stat", row("00000003") + "0000000a 00000000 00000000\n");
    tree.check(
        "softnet",
        r#"node_softnet_processed_total{cpu="3"} 10
node_softnet_dropped_total{cpu="3"} 2
node_softnet_times_squeezed_total{cpu="3"} 31
node_softnet_processed_total{cpu="1"} 10
node_softnet_dropped_total{cpu="1"} 0
node_softnet_times_squeezed_total{cpu="1"} 0
"#,
    );
    tree.file("proc/net/softnet_stat", "xyz\n").check_bad("softnet", "");
}

#[test]
fn udp_queues() {
    let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n";
    let row = "  1: 00000000:0044 00000000:0000 07 00000010:00000021 00:00000000 00000000\n";
    let tree = Tree::new().file("proc/net/udp", format!("{head}{row}{row}"));
    tree.check(
        "udp_queues",
        "node_udp_queues{queue=\"tx\",ip=\"v4\"} 32\nnode_udp_queues{queue=\"rx\",ip=\"v4\"} 66\n",
    );
    tree.file("proc/net/udp", format!("{head}1: x\n")).check_bad("udp_queues", "");
    Tree::new().check_bad("udp_queues", "");
}

#[test]
fn arp() {
    let head = "IP address       HW type     Flags       HW address            Mask     Device\n";
    let row = "10.0.0.1         0x1         0x2         02:00:00:00:00:01     *        eth0\n";
    let tree = Tree::new().file("proc/net/arp", format!("{head}{row}{row}{}", row.replace("eth0", "br1")));
    tree.check("arp", "node_arp_entries{device=\"br1\"} 1\nnode_arp_entries{device=\"eth0\"} 2\n");
    tree.file("proc/net/arp", format!("{head}10.0.0.1\n")).check_bad("arp", "");
}

#[test]
fn conntrack() {
    let tree = Tree::new()
        .file("proc/sys/net/netfilter/nf_conntrack_count", "12\n")
        .file("proc/sys/net/netfilter/nf_conntrack_max", "262144\n");
    let expected = "node_nf_conntrack_entries 12\nnode_nf_conntrack_entries_limit 262144\n";
    tree.check("conntrack", expected);
    let tree = tree.file(
        "proc/net/stat/nf_conntrack",
        "entries  found drop\n0000000c 00000001 0000000a\n0000000c 00000002 00000000\n",
    );
    tree.check("conntrack", &format!("{expected}node_nf_conntrack_stat_found 3\nnode_nf_conntrack_stat_drop 10\n"));
    tree.file("proc/net/stat/nf_conntrack", "found\nlots\n").check_bad("conntrack", expected);
    Tree::new().check_bad("conntrack", "");
}
