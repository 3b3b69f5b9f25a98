#!/usr/bin/env bash
# A cluster of two real nodes and a server beside them, without systemd and without a trace on the host:
#   unshare --net --mount --ipc --pid --fork --kill-child --mount-proc bash cluster.sh DIR ORSZEM
# All of it lives in namespaces, and ends with this process. Each node has corosync, Pacemaker with fencing that really
# ends it, an address in front of a service, and a collector that `orszem event` leaves events for. The server is at
# 127.0.0.1:7450 of the outer network. Reads commands, and answers each with one line:
#   crash NODE    ends all of the node at once; fencing starts it again
#   standby NODE  takes the services off the node
#   active NODE   lets it have services again
# Needs root, and Debian's corosync, pacemaker, pacemaker-cli-utils, resource-agents, iproute2.
set -euo pipefail
lab=$(readlink -f "$1") orszem=$2 node=${3:-}
self=$(readlink -f "$0")
net=10.99.0 nodes=(n1 n2)
export LANG=C.UTF-8 TZ=UTC PATH=/usr/sbin:/usr/bin:/sbin:/bin

corosync_conf() {
    cat <<END
totem {
    version: 2
    cluster_name: lab
    transport: knet
    crypto_cipher: none
    crypto_hash: none
    token: 1500
}
system {
    sched_rr: no
    move_to_root_cgroup: no
    allow_knet_handle_fallback: yes
}
quorum {
    provider: corosync_votequorum
    two_node: 1
}
logging {
    to_logfile: yes
    logfile: /var/log/corosync/corosync.log
    to_syslog: no
    timestamp: hires
}
nodelist {
$(for n in "${nodes[@]}"; do
        printf '    node {\n        name: %s\n        nodeid: %s\n        ring0_addr: %s\n    }\n' "$n" "${n#n}" "$net.${n#n}"
    done)
}
END
}

# What fences a node is refused to run on it.
fencing() {
    for n in "${nodes[@]}"; do
        cat <<END
<primitive id="fence_$n" class="stonith" type="fence_legacy">
  <instance_attributes id="fence_$n-a"><nvpair id="fence_$n-p" name="port" value="$n"/><nvpair id="fence_$n-h" name="pcmk_host_list" value="$n"/></instance_attributes>
</primitive>
END
    done
}

cib() {
    cat <<END
<cib validate-with="pacemaker-3.0" epoch="1" num_updates="0" admin_epoch="0">
<configuration>
<crm_config><cluster_property_set id="options">
  <nvpair id="o1" name="stonith-enabled" value="true"/><nvpair id="o2" name="dc-deadtime" value="2s"/>
  <nvpair id="o3" name="cluster-name" value="lab"/><nvpair id="o4" name="stonith-timeout" value="20s"/>
</cluster_property_set></crm_config>
<nodes>$(for n in "${nodes[@]}"; do echo "<node id=\"${n#n}\" uname=\"$n\"/>"; done)</nodes>
<resources>
$(fencing)
<group id="svc">
  <primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2">
    <instance_attributes id="vip-a"><nvpair id="vip-ip" name="ip" value="$net.100"/><nvpair id="vip-m" name="cidr_netmask" value="24"/><nvpair id="vip-n" name="nic" value="eth0"/></instance_attributes>
    <operations><op id="vip-m5" name="monitor" interval="5s" timeout="20s"/></operations>
  </primitive>
  <primitive id="app" class="ocf" provider="pacemaker" type="Dummy">
    <operations><op id="app-m3" name="monitor" interval="3s" timeout="20s"/></operations>
  </primitive>
  <meta_attributes id="svc-m"><nvpair id="svc-s" name="resource-stickiness" value="100"/></meta_attributes>
</group>
</resources>
<constraints>$(for n in "${nodes[@]}"; do echo "<rsc_location id=\"l_$n\" rsc=\"fence_$n\" node=\"$n\" score=\"-INFINITY\"/>"; done)
  <rsc_location id="l_svc" rsc="svc" node="n1" score="1"/></constraints>
$(sed "s#/usr/bin/orszem-event#$lab/orszem-event#" "$lab/pacemaker.xml")
</configuration><status/></cib>
END
}

# Fencing: a file that is there asks for a node's end, the file is gone when that is done.
fence_agent() {
    cat <<END
#!/bin/bash
while [ \$# -gt 0 ]; do case \$1 in -o) action=\$2; shift 2 ;; -n) port=\$2; shift 2 ;; *) shift ;; esac; done
[ -n "\${action:-}" ] || while IFS== read -r key value; do case \$key in action | option) action=\$value ;; port | plug) port=\$value ;; esac; done
case \${action:-reboot} in
    metadata | meta-data) cat <<X
<?xml version="1.0" ?>
<resource-agent name="fence_legacy" shortdesc="lab"><longdesc>lab</longdesc><vendor-url>http://localhost</vendor-url>
<parameters><parameter name="action" unique="0" required="0"><getopt mixed="-o"/><content type="string" default="reboot"/></parameter>
<parameter name="port" unique="0" required="0"><getopt mixed="-n"/><content type="string"/></parameter></parameters>
<actions><action name="on"/><action name="off"/><action name="reboot"/><action name="status"/><action name="monitor"/><action name="list"/><action name="metadata"/></actions>
</resource-agent>
X
        ;;
    off | reboot)
        touch "$lab/fence/\$port"
        for i in \$(seq 100); do [ -e "$lab/fence/\$port" ] || exit 0; sleep 0.1; done
        exit 1 ;;
esac
exit 0
END
}

# The first process of a node.
run_node() {
    local own=$lab/$node place
    mount --make-rprivate /
    hostname "$node"
    for place in etc/corosync var/lib/pacemaker var/lib/corosync var/log var/tmp var/spool run; do
        mount --bind "$own/$place" "/$place"
    done
    [ -L /var/run ] || mount --bind "$own/run" /var/run
    mount --bind "$lab/fence_agent" /usr/sbin/fence_legacy
    mount -t tmpfs tmpfs /dev/shm
    until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
    ip link set lo up
    ip addr add "$net.${node#n}/24" dev eth0
    ip link set eth0 up
    mkdir -p /run/crm /run/resource-agents /run/lock
    chown hacluster:haclient /run/crm
    corosync -f >/var/log/corosync.out 2>&1 &
    until corosync-cfgtool -s >/dev/null 2>&1; do sleep 0.1; done
    PCMK_logfile=/var/log/pacemaker/pacemaker.log PCMK_logfacility=none pacemakerd -f >/var/log/pacemakerd.out 2>&1 &
    "$orszem" collector --config "$own/collector.toml" >>"$own/collector.out" 2>&1 &
    while :; do wait -n || sleep 1; done
}

make_node() {
    local n=$1 own=$lab/$1
    mkdir -p "$own"/{etc/corosync,var/lib/pacemaker/{cib,cores,pengine,blackbox},var/lib/corosync,var/log/{corosync,pacemaker},var/tmp,var/spool/orszem/events,run,state}
    corosync_conf >"$own/etc/corosync/corosync.conf"
    cib >"$own/var/lib/pacemaker/cib/cib.xml"
    chown -R hacluster:haclient "$own/var/lib/pacemaker" "$own/var/log/pacemaker" "$own/var/spool/orszem/events"
    chmod 600 "$own/var/lib/pacemaker/cib/cib.xml"
    chmod 2770 "$own/var/spool/orszem/events"
    chmod 1777 "$own/var/tmp"
    cat >"$own/collector.toml" <<END
[collector]
state_dir = "$own/state"
[collector.host_metrics]
enabled = false
[collector.output]
endpoints = ["http://$net.254:7450"]
token_file = "$lab/token"
END
}

declare -A launcher
boot() {
    local n=$1 pid=
    rm -rf "$lab/$n"/run/* "$lab/$n"/var/tmp/*
    setsid unshare --net --mount --uts --ipc --pid --fork --kill-child --mount-proc \
        bash "$self" "$lab" "$orszem" "$n" </dev/null >>"$lab/$n/init.out" 2>&1 &
    launcher[$n]=$!
    until pid=$(pgrep -P "${launcher[$n]}"); do
        kill -0 "${launcher[$n]}"
        sleep 0.05
    done
    ip link del "lab-$n" 2>/dev/null || :
    ip link add "lab-$n" type veth peer name eth0 netns "$pid"
    ip link set "lab-$n" master lab up
}

crash() {
    local pid
    # It may have ended already.
    pid=$(pgrep -P "${launcher[$1]}") || return 0
    ip link set "lab-$1" down
    kill -KILL "$pid"
    wait "${launcher[$1]}" 2>/dev/null || :
}

# Sets the node's standby to `on` or `off`.
standby() {
    local pid
    pid=$(pgrep -P "${launcher[$1]}")
    nsenter -t "$pid" -m -u -i -n -p -- crm_attribute --type nodes --node "$1" --name standby --update "$2"
}

# Obeys the agents of fencing, for as long as there is no command.
serve() {
    local wanted n command part line= status
    while :; do
        status=0
        # What came of a line before the time was over is kept.
        IFS= read -r -t 0.1 part || status=$?
        line+=$part
        if [ "$status" = 0 ]; then
            read -r command n <<<"$line"
            line=
            case $command in
                crash) crash "$n" && echo "crashed $n" ;;
                standby) standby "$n" on && echo "standby $n" ;;
                active) standby "$n" off && echo "active $n" ;;
                *) echo "unknown $command" ;;
            esac
        elif [ "$status" -le 128 ]; then
            return
        fi
        for wanted in "$lab"/fence/*; do
            [ -e "$wanted" ] || continue
            n=${wanted##*/}
            crash "$n"
            rm -f "$wanted"
            boot "$n"
        done
    done
}

if [ -n "$node" ]; then
    run_node
    exit
fi
mount --make-rprivate /
mkdir -p "$lab/fence"
chmod 777 "$lab/fence"
fence_agent >"$lab/fence_agent"
chmod 755 "$lab/fence_agent"
# Where Pacemaker's user may run it, and each node's first process finds it.
cp "$orszem" "$lab/orszem"
chmod 755 "$lab" "$lab/orszem"
orszem=$lab/orszem
ln -sf orszem "$lab/orszem-event"
ip link set lo up
ip link add lab type bridge forward_delay 0
ip addr add "$net.254/24" dev lab
ip link set lab up
"$orszem" server --config "$lab/server.toml" --data-dir "$lab/data" >"$lab/server.out" 2>&1 &
for n in "${nodes[@]}"; do make_node "$n"; done
for n in "${nodes[@]}"; do boot "$n"; done
echo started
serve
