//! Answers of `crm_mon` in both forms, and what is no answer.

use orszem_model::observation::INFINITY;
use proptest::prelude::*;

use super::*;

pub(crate) const NEW: &str = r#"<pacemaker-result api-version="2.42" request="crm_mon --output-as=xml">
  <pacemakerd sys_from="pacemakerd" state="running" last_updated="2026-11-22 01:42:39Z"/>
  <summary>
    <stack type="corosync"/>
    <current_dc present="true" version="3.0.2-1" name="n2" id="2" with_quorum="true" mixed_version="false"/>
    <last_update time="Sun Nov 22 01:42:39 2026"/>
    <last_change time="Sun Nov 22 01:41:19 2026" user="root" client="cibadmin" origin="n1"/>
    <nodes_configured number="2"/>
    <resources_configured number="5" disabled="1" blocked="0"/>
    <cluster_options fencing-enabled="true" fencing-timeout-ms="30000" stonith-enabled="false" symmetric-cluster="true" no-quorum-policy="stop" maintenance-mode="false" stop-all-resources="false" stonith-timeout-ms="30000" priority-fencing-delay-ms="0"/>
  </summary>
  <nodes>
    <node name="n1" id="1" online="false" standby="false" standby_onfail="false" maintenance="false" pending="false" unclean="true" health="green" feature_set="3.20" shutdown="false" expected_up="true" is_dc="false" resources_running="2" type="member"/>
    <node name="n2" id="2" online="true" standby="true" standby_onfail="false" maintenance="false" pending="false" unclean="false" health="yellow" shutdown="false" expected_up="true" is_dc="true" resources_running="1" type="member"/>
  </nodes>
  <resources>
    <group id="svc" number_resources="1" managed="true" disabled="true">
      <resource id="vip" resource_agent="ocf:heartbeat:IPaddr2" role="Started" target_role="Started" active="true" orphaned="false" removed="true" blocked="false" managed="true" failed="false" failure_ignored="false" nodes_running_on="1">
        <node name="n1" id="1" cached="false"/>
      </resource>
    </group>
    <clone id="ms" multi_state="true" unique="false" managed="true" disabled="false" failed="false" failure_ignored="false" target_role="Unpromoted">
      <resource id="r0:0" resource_agent="ocf:linbit:drbd" role="Promoted" active="true" orphaned="false" blocked="false" managed="true" failed="true" failure_ignored="false" nodes_running_on="1" pending="Monitoring">
        <node name="n2" id="2" cached="true"/>
      </resource>
      <group id="in:0" number_resources="1" managed="true" disabled="false">
        <resource id="x" resource_agent="systemd:x" role="Stopped" active="false" orphaned="false" blocked="true" managed="false" failed="false" failure_ignored="false" nodes_running_on="0"/>
      </group>
    </clone>
    <bundle id="web" type="podman" image="httpd" unique="false" managed="true" failed="false">
      <replica id="0">
        <resource id="web-podman-0" resource_agent="ocf:heartbeat:podman" role="Started" active="true" orphaned="false" blocked="false" managed="true" failed="false" failure_ignored="false" nodes_running_on="1">
          <node name="n2" id="2" cached="true"/>
        </resource>
      </replica>
    </bundle>
  </resources>
  <node_attributes>
    <node name="n2"><attribute name="ping" value="100"/></node>
  </node_attributes>
  <node_history>
    <node name="n2">
      <resource_history id="r0:0" orphan="false" migration-threshold="1000000" fail-count="1000000" last-failure="Sun Nov 22 01:41:00 2026">
        <operation_history call="9" task="monitor" rc="8" rc_text="promoted" interval="4000ms" last-rc-change="Sun Nov 22 01:40:00 2026" exec-time="37ms" queue-time="1ms"/>
      </resource_history>
    </node>
  </node_history>
  <failures>
    <failure op_key="r0_migrate_to_0" node="n2" exitstatus="error" exitreason="no &quot;way&quot;" exitcode="1" call="12" status="Timed out" last-rc-change="2026-11-22 02:40:59 +01:00" queued="0" exec="6004" interval="0" task="migrate_to"/>
  </failures>
  <fence_history>
    <fence_event action="reboot" target="n1" client="pacemaker-controld.84" origin="n2" status="failed" exit-reason="no device" delegate="n2" completed="2026-11-22 01:42:37Z"/>
    <fence_event action="reboot" target="n1" client="pacemaker-controld.84" origin="n2" status="pending" extended-status="1"/>
  </fence_history>
  <tickets><ticket id="t" status="granted" standby="false"/></tickets>
  <bans>
    <ban id="cli-ban-svc-on-n1" resource="svc" node="n1" weight="-1000000" promoted-only="true" master_only="false"/>
  </bans>
  <status code="0" message="OK"/>
</pacemaker-result>
"#;

/// As Pacemaker 1.1 writes it, grouped by node.
pub(crate) const OLD: &str = r#"<?xml version="1.0"?>
<crm_mon version="1.1.18">
  <summary>
    <current_dc present="true" version="1.1.18" name="h1" id="11" with_quorum="true"/>
    <last_update time="Fri Oct 18 13:48:54 2019"/>
    <last_change time="Fri Oct 18 13:48:22 2019" user="" client="crmd" origin="h1"/>
    <nodes_configured number="1"/>
    <resources_configured number="1" disabled="0" blocked="0"/>
    <cluster_options stonith-enabled="true" symmetric-cluster="true" no-quorum-policy="ignore" maintenance-mode="true"/>
  </summary>
  <nodes>
    <node name="h1" id="11" online="true" standby="false" standby_onfail="true" maintenance="true" pending="false" unclean="false" shutdown="false" expected_up="true" is_dc="true" resources_running="1" type="member">
      <resource id="db:1" resource_agent="ocf::suse:SAPHana" role="Master" active="true" orphaned="false" blocked="false" managed="false" failed="false" failure_ignored="false" nodes_running_on="1"/>
    </node>
  </nodes>
</crm_mon>
"#;

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp(seconds * 1_000_000_000))
}

/// 2026-11-22T00:00:00Z
const DAY: i64 = 1_795_305_600;

#[test]
fn an_answer_of_version_3_is_read_whole() {
    let status = Status::read(NEW, 0).expect("reads");
    assert_eq!(
        status.summary,
        Summary {
            daemon_state: "running".into(),
            dc: "n2".into(),
            version: "3.0.2-1".into(),
            has_quorum: true,
            is_mixed: false,
            updated: at(DAY + 6_159),
            changed_text: "Sun Nov 22 01:41:19 2026".into(),
            changed: at(DAY + 6_079),
            changed_by: "root via cibadmin on n1".into(),
            nodes_configured: 2,
            resources_configured: 5,
            resources_disabled: 1,
            resources_blocked: 0,
            is_fencing_enabled: true,
            is_maintenance: false,
            no_quorum_policy: "stop".into(),
        }
    );
    assert_eq!(
        status.nodes[0],
        Node {
            name: "n1".into(),
            id: "1".into(),
            is_unclean: true,
            is_expected_up: true,
            health: "green".into(),
            resources_running: 2,
            kind: "member".into(),
            ..Node::default()
        }
    );
    assert!(status.nodes[1].is_standby && status.nodes[1].is_dc && status.nodes[1].is_online);
    assert_eq!(status.attributes, [Attribute { node: "n2".into(), name: "ping".into(), value: "100".into() }]);
    assert_eq!(
        status.history,
        [History {
            node: "n2".into(),
            resource: "r0".into(),
            fail_count: INFINITY,
            migration_threshold: INFINITY,
            last_failure: at(DAY + 6_060),
            operations: vec![Run {
                call: 9,
                task: "monitor".into(),
                interval_ms: 4_000,
                rc: 8,
                rc_text: "promoted".into(),
                changed: at(DAY + 6_000),
                duration_ms: Some(37),
                queue_ms: Some(1),
            }],
        }]
    );
    assert_eq!(
        status.failures,
        [Failure {
            node: "n2".into(),
            resource: "r0".into(),
            task: "migrate_to".into(),
            interval_ms: 0,
            call: 12,
            rc: 1,
            rc_text: "error".into(),
            status: 2,
            status_text: "Timed out".into(),
            reason: "no \"way\"".into(),
            changed: at(DAY + 6_059),
            duration_ms: Some(6_004),
        }]
    );
    let failed = FenceEvent {
        action: "reboot".into(),
        target: "n1".into(),
        client: "pacemaker-controld.84".into(),
        origin: "n2".into(),
        delegate: "n2".into(),
        status: FenceStatus::Failed,
        reason: "no device".into(),
        completed: at(DAY + 6_157),
    };
    let pending = FenceEvent {
        delegate: String::new(),
        status: FenceStatus::Pending,
        reason: String::new(),
        completed: None,
        ..failed.clone()
    };
    assert_eq!(status.fencing, [failed, pending]);
    let ban = Ban {
        id: "cli-ban-svc-on-n1".into(),
        resource: "svc".into(),
        node: "n1".into(),
        weight: -1_000_000,
        is_promoted_only: true,
    };
    assert_eq!(status.bans, [ban]);
    assert_eq!(status.tickets, [Ticket { id: "t".into(), is_granted: true, is_standby: false }]);
}

#[test]
fn resources_are_told_with_what_they_belong_to() {
    let status = Status::read(NEW, 0).expect("reads");
    let shown: Vec<String> = status
        .resources
        .iter()
        .map(|r| {
            let places: Vec<&str> = status.places(r).collect();
            let flags = [(r.is_orphaned, 'o'), (r.is_blocked, 'b'), (r.is_managed, 'm'), (r.is_failed, 'f')];
            let flags: String = flags.iter().filter(|(is, _)| *is).map(|(_, flag)| *flag).collect();
            format!(
                "{} {}/{}/{} {}>{} {flags} {}",
                r.id,
                r.bundle,
                r.clone,
                r.group,
                r.role(),
                r.target_role,
                places.join(",")
            )
        })
        .collect();
    // What an unclean node is said to run does not count.
    assert_eq!(
        shown,
        [
            "vip //svc Started>Started om ",
            "r0 /ms/ Promoted>Unpromoted mf n2",
            "x /ms/in Stopped>Unpromoted b ",
            "web-podman-0 web// Started> m n2",
        ]
    );
    let parents: Vec<&str> = status.resources.iter().map(Resource::parent).collect();
    assert_eq!(parents, ["svc", "ms", "ms", "web"]);
    assert!(status.resources[0].is_parent_disabled && !status.resources[1].is_parent_disabled);
}

#[test]
fn an_answer_of_version_1_is_read_in_its_zone() {
    let status = Status::read(OLD, 7_200).expect("reads");
    assert_eq!(
        status.summary.updated,
        Status::read(&OLD.replace(" 13:48", " 11:48"), 0).expect("reads").summary.updated
    );
    assert_eq!(status.summary.changed_by, "via crmd on h1");
    assert!(status.summary.is_maintenance && status.summary.is_fencing_enabled);
    let [resource] = &status.resources[..] else { panic!("one resource: {:?}", status.resources) };
    assert_eq!((resource.id.as_str(), resource.role.as_str(), resource.role()), ("db", "Master", "Promoted"));
    assert_eq!(status.places(resource).collect::<Vec<_>>(), ["h1"]);
}

#[test]
fn an_error_is_no_status_whatever_its_code() {
    let answer =
        |inner: &str| Status::read(&format!("<pacemaker-result api-version='2.25'>{inner}</pacemaker-result>"), 0);
    let errors = |code: i32, error: &str| {
        answer(&format!("<status code='{code}' message='OK'><errors><error>{error}</error></errors></status>"))
    };
    let refused = |code, message: &str| Err(StatusError::Refused { code, message: message.into() });
    let away = |message: &str| Err(StatusError::NotConnected { message: message.into() });
    assert_eq!(errors(0, "cib.xml does not validate"), refused(0, "cib.xml does not validate"));
    assert_eq!(errors(78, "Bad"), refused(78, "Bad"));
    assert_eq!(
        errors(0, "Could not connect: Transport endpoint is not connected"),
        away("Could not connect: Transport endpoint is not connected")
    );
    assert_eq!(answer("<status code='102' message='Not connected'/>"), away("Not connected"));
    assert_eq!(answer("<crm-mon-disconnected description='shutting down'/>"), away("shutting down"));
    assert_eq!(
        Status::read("Connection to cluster failed: Connection refused", 0),
        away("Connection to cluster failed: Connection refused")
    );
    assert_eq!(
        answer("<status code='0' message='OK'/>"),
        Err(StatusError::NotStatus { root: "pacemaker-result".into() })
    );
    assert_eq!(Status::read("<html/>", 0), Err(StatusError::NotStatus { root: "html".into() }));
    assert!(matches!(Status::read("Cluster Summary:", 0), Err(StatusError::Xml(_))));
}

#[test]
fn what_status_words_mean_in_each_version() {
    for (word, status) in [
        ("complete", 0),
        ("Timed Out", 2),
        ("Timed out", 2),
        ("Cancelled", 1),
        ("pending", -1),
        ("Error", 4),
        ("?", -2),
    ] {
        let text = NEW.replace("status=\"Timed out\"", &format!("status=\"{word}\""));
        assert_eq!(Status::read(&text, 0).expect("reads").failures[0].status, status, "{word}");
    }
    let named = NEW
        .replace("op_key=\"r0_migrate_to_0\"", "id=\"a_b:1_monitor_3000\"")
        .replace(" interval=\"0\" task=\"migrate_to\"", "");
    let failure = &Status::read(&named, 0).expect("reads").failures[0];
    assert_eq!((failure.resource.as_str(), failure.task.as_str(), failure.interval_ms), ("a_b", "monitor", 3_000));
}

proptest! {
    #[test]
    fn no_cut_and_no_damage_panics(cut in 0..NEW.len(), at in 0..NEW.len(), with in "\\PC{0,8}|[<>/\"=]{1,6}") {
        // Well-formed only when whole.
        let short = NEW.get(..cut).unwrap_or_default();
        prop_assert!(Status::read(short, 0).is_err() || short.trim_end().ends_with("</pacemaker-result>"));
        let mut damaged = NEW.to_owned();
        if damaged.is_char_boundary(at) {
            damaged.insert_str(at, &with);
        }
        if let Ok(status) = Status::read(&damaged, 0) {
            prop_assert!(status.nodes.len() <= 3);
        }
    }

    #[test]
    fn no_text_is_a_status(text in "\\PC*") {
        prop_assert!(Status::read(&text, 0).is_err());
    }
}
