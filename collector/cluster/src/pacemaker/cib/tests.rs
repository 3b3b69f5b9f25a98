//! A configuration with everything in it, and damaged ones.

use orszem_model::topology::{Edge, Relation};
use proptest::prelude::*;

use super::*;

pub(crate) const CIB: &str = r#"<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" epoch="12" num_updates="3" admin_epoch="1">
  <configuration>
    <crm_config>
      <cluster_property_set id="cib-bootstrap-options">
        <nvpair id="o1" name="cluster-name" value="prod"/>
        <nvpair id="o2" name="stonith-enabled" value="true"/>
      </cluster_property_set>
    </crm_config>
    <nodes>
      <node id="1" uname="n1"/>
      <node id="2" uname="n2" type="remote"/>
    </nodes>
    <resources>
      <template id="fs" class="ocf" provider="heartbeat" type="Filesystem">
        <instance_attributes id="fs-i"><nvpair id="f1" name="fstype" value="xfs"/><nvpair id="f2" name="device" value="/dev/sdz"/></instance_attributes>
      </template>
      <group id="svc">
        <primitive id="data" template="fs">
          <instance_attributes id="data-i"><nvpair id="d1" name="device" value="/dev/drbd3"/></instance_attributes>
        </primitive>
        <primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2">
          <instance_attributes id="vip-i"><nvpair id="v1" name="ip" value="10.0.0.9"/></instance_attributes>
        </primitive>
        <primitive id="app" class="systemd" type="tomcat"/>
      </group>
      <master id="ms">
        <primitive id="r0" class="ocf" provider="linbit" type="drbd">
          <instance_attributes id="r0-i"><nvpair id="r1" name="drbd_resource" value="oracle"/></instance_attributes>
        </primitive>
      </master>
      <clone id="cl">
        <meta_attributes id="cl-m"><nvpair id="c1" name="promotable" value="true"/></meta_attributes>
        <group id="in"><primitive id="logs" template="fs"><instance_attributes id-ref="logs-i"/></primitive></group>
      </clone>
      <bundle id="web"><podman image="httpd:2"/><primitive id="httpd" class="ocf" provider="heartbeat" type="apache"/></bundle>
      <primitive id="other" template="fs">
        <instance_attributes id="logs-i"><nvpair id="l1" name="device" value="/dev/drbd/by-res/logs/0"/></instance_attributes>
      </primitive>
    </resources>
    <constraints>
      <rsc_order id="o" first="ms" first-action="promote" then="svc" then-action="start"/>
      <rsc_order id="maybe" kind="Optional" first="cl" then="web"/>
      <rsc_order id="sets"><resource_set id="s1"><resource_ref id="a"/><resource_ref id="b"/></resource_set><resource_set id="s2" sequential="false"><resource_ref id="c"/><resource_ref id="d"/></resource_set></rsc_order>
      <rsc_colocation id="c" rsc="svc" with-rsc="ms" with-rsc-role="Master" score="INFINITY"/>
      <rsc_colocation id="away" rsc="web" with-rsc="svc" score="-INFINITY"/>
      <rsc_colocation id="like" rsc="cl" with-rsc="svc" score="100"/>
      <rsc_colocation id="cs" score="INFINITY"><resource_set id="s3"><resource_ref id="e"/><resource_ref id="f"/></resource_set><resource_set id="s4" role="Promoted" sequential="false"><resource_ref id="g"/></resource_set></rsc_colocation>
      <rsc_location id="cli-ban-svc-on-n1" rsc="svc" role="Started" node="n1" score="-INFINITY"/>
      <rsc_location id="rule" rsc="web"><rule id="x" score="5"/></rsc_location>
    </constraints>
  </configuration>
  <status/>
</cib>
"#;

fn shown(edges: &[Edge]) -> Vec<String> {
    let word = |relation| match relation {
        Relation::DependsOn => "needs",
        Relation::PartOf => "in",
        other => panic!("{other:?}"),
    };
    edges.iter().map(|e| format!("{} {} {} ({})", e.from, word(e.relation), e.to, e.detail)).collect()
}

#[test]
fn a_configuration_is_read() {
    let read = Configuration::read(CIB).expect("reads");
    assert_eq!((read.cluster_name.as_str(), read.version.as_str()), ("prod", "1.12.3"));
    assert_eq!(read.properties.get("stonith-enabled").map(String::as_str), Some("true"));
    let nodes: Vec<_> = read.nodes.iter().map(|node| (node.name.as_str(), node.kind.as_str())).collect();
    assert_eq!(nodes, [("n1", "member"), ("n2", "remote")]);
    let primitives: Vec<String> = read
        .primitives
        .iter()
        .map(|p| format!("{} {} {:?} {:?}", p.id, p.agent, p.parent, p.parameters.get("device")))
        .collect();
    assert_eq!(
        primitives,
        [
            "data ocf:heartbeat:Filesystem \"svc\" Some(\"/dev/drbd3\")",
            "vip ocf:heartbeat:IPaddr2 \"svc\" None",
            "app systemd:tomcat \"svc\" None",
            "r0 ocf:linbit:drbd \"ms\" None",
            "logs ocf:heartbeat:Filesystem \"in\" Some(\"/dev/drbd/by-res/logs/0\")",
            "httpd ocf:heartbeat:apache \"web\" None",
            "other ocf:heartbeat:Filesystem \"\" Some(\"/dev/drbd/by-res/logs/0\")",
        ]
    );
    let clones: Vec<_> = read.clones.iter().map(|c| (c.id.as_str(), c.is_promotable, c.child.as_str())).collect();
    assert_eq!(clones, [("ms", true, "r0"), ("cl", true, "in")]);
    assert_eq!(read.bundles, [Bundle { id: "web".into(), image: "httpd:2".into(), child: "httpd".into() }]);
    assert_eq!(
        read.colocations[0],
        Colocation {
            id: "c".into(),
            resource: "svc".into(),
            role: String::new(),
            with: "ms".into(),
            with_role: "Promoted".into(),
            score: 1_000_000,
        }
    );
    let location = |id: &str, resource: &str, node: &str, role: &str, score| Location {
        id: id.into(),
        resource: resource.into(),
        node: node.into(),
        role: role.into(),
        score,
    };
    assert_eq!(
        read.locations,
        [location("cli-ban-svc-on-n1", "svc", "n1", "Started", -1_000_000), location("rule", "web", "", "", 0)]
    );
}

#[test]
fn edges_of_all_kinds() {
    let edges = Configuration::read(CIB).expect("reads").edges(&[(3, "oracle".to_owned())].into());
    assert!(edges.iter().all(|edge| edge.origin == "pacemaker"));
    let mut expected = [
        "host/n1 in cluster/prod (member)",
        "host/n2 in cluster/prod (remote)",
        "resource/data in resource/svc ()",
        "resource/vip in resource/svc ()",
        "resource/app in resource/svc ()",
        "resource/r0 in resource/ms ()",
        "resource/logs in resource/in ()",
        "resource/in in resource/cl ()",
        "resource/httpd in resource/web ()",
        "resource/vip needs resource/data (group)",
        "resource/app needs resource/vip (group)",
        "resource/svc needs resource/ms (order)",
        "resource/b needs resource/a (order)",
        "resource/c needs resource/b (order)",
        "resource/d needs resource/b (order)",
        "resource/svc needs resource/ms (colocation)",
        "resource/f needs resource/e (colocation)",
        "resource/e needs resource/g (colocation)",
        "resource/data needs drbd/oracle (device)",
        "resource/r0 needs drbd/oracle (drbd_resource)",
        "resource/logs needs drbd/logs (device)",
        "resource/other needs drbd/logs (device)",
        "endpoint/10.0.0.9 needs resource/vip (address)",
    ];
    expected.sort_unstable();
    let mut found = shown(&edges);
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn a_device_whose_resource_is_not_known_is_a_device() {
    let edges = Configuration::read(CIB).expect("reads").edges(&BTreeMap::new());
    let of_data: Vec<String> =
        shown(&edges).into_iter().filter(|edge| edge.starts_with("resource/data needs")).collect();
    assert_eq!(of_data, ["resource/data needs device/drbd3 (device)"]);
}

#[test]
fn a_part_is_read_and_what_is_none_is_refused() {
    let part = CIB.split_once("<configuration>").expect("has one").1.split_once("</configuration>").expect("ends").0;
    let part = format!("<configuration>{part}</configuration>");
    let whole = Configuration::read(CIB).expect("reads");
    assert_eq!(Configuration::read(&part), Ok(Configuration { version: String::new(), ..whole.clone() }));
    let wrapped = format!("<pacemaker-result>{CIB}<status code='0'/></pacemaker-result>");
    assert_eq!(Configuration::read(&wrapped), Ok(whole));
    assert_eq!(Configuration::read("<status/>"), Err(CibError::NotCib { root: "status".into() }));
    assert!(matches!(Configuration::read("Signon to CIB failed"), Err(CibError::Xml(_))));
}

proptest! {
    #[test]
    fn no_damage_panics(at in 0..CIB.len(), length in 0..200_usize) {
        let mut damaged = CIB.to_owned();
        damaged.replace_range(at..(at + length).min(CIB.len()), "");
        if let Ok(read) = Configuration::read(&damaged) {
            prop_assert!(read.edges(&BTreeMap::new()).len() <= 40);
        }
    }
}
