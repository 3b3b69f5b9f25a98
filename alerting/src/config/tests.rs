use super::*;
use crate::threshold::{Bands, Comparison};

fn refused(change: impl FnOnce(&mut Config)) -> Option<ConfigError> {
    let mut config = Config {
        contacts: vec![Contact::new("eva", "mail", "eva@example.com")],
        policies: vec![Policy::at_once("db", &["eva"])],
        route: Route::to("db"),
        ..Config::default()
    };
    change(&mut config);
    Plan::new(config).err()
}

#[test]
fn what_is_wrong_is_named() {
    assert_eq!(refused(|_| {}), None);
    let disk = |band| Rule::threshold("disk", Bands { warning: Some(band), critical: None });
    let above = Band { clear: 85.0, ..Band::at(Comparison::AtLeast, 80.0) };
    let beyond = ConfigError::ClearBeyondEnter {
        rule: "disk".to_owned(),
        level: "warning",
        enter: "80".to_owned(),
        clear: "85".to_owned(),
    };
    assert_eq!(refused(|config| config.rules.push(disk(above))), Some(beyond));
    let below = Band { clear: 85.0, ..Band::at(Comparison::Below, 80.0) };
    assert_eq!(refused(|config| config.rules.push(disk(below))), None);
    assert_eq!(
        refused(|config| config.rules.push(Rule::threshold("disk", Bands::default()))),
        Some(ConfigError::NoLevel("disk".to_owned()))
    );
    assert_eq!(
        refused(|config| config.route.mute_times.push("night".to_owned())),
        Some(ConfigError::UnknownTime { user: "/".to_owned(), time: "night".to_owned() })
    );
    assert_eq!(
        refused(|config| config.route.routes.push(Route::to("web"))),
        Some(ConfigError::UnknownPolicy { route: "/0".to_owned(), policy: "web".to_owned() })
    );
    assert_eq!(
        refused(|config| config.policies.push(Policy::at_once("web", &["tom"]))),
        Some(ConfigError::UnknownContact { policy: "web".to_owned(), contact: "tom".to_owned() })
    );
    assert_eq!(refused(|config| config.flap.stop_percent = 50), Some(ConfigError::FlapBounds { start: 50, stop: 50 }));
}

#[test]
fn labels_name_entities_the_most_particular_first() {
    let plan = Plan::new(Config::default()).expect("the default is right");
    let of = |pairs: &[(&str, &str)]| plan.entities(&Labels::new(pairs.to_vec()));
    assert_eq!(of(&[("host", "db1"), ("resource", "vip"), ("job", "x")]), ["resource/vip", "host/db1"]);
    assert_eq!(of(&[("instance", "db1:9100"), ("host", "db1")]), ["host/db1"]);
    assert_eq!(of(&[("instance", "[::1]:9100")]), ["host/::1", "endpoint/::1"]);
    assert_eq!(of(&[("instance", "fe80::1")]), ["host/fe80::1", "endpoint/fe80::1"]);
    assert_eq!(of(&[("instance", "https://eva@shop.example:8443/x?y#z")]), ["host/shop.example"]);
    assert_eq!(of(&[("instance", "http://10.0.0.7/")]), ["host/10.0.0.7", "endpoint/10.0.0.7"]);
}

#[test]
fn devices_join_their_contacts_and_stand_alone_where_nobody_is_told() {
    let address =
        |target: &str| Address { channel: "push".to_owned(), target: target.to_owned(), level_min: Level::Warning };
    let config = Config {
        contacts: vec![Contact::new("eva", "mail", "eva@example.com")],
        policies: vec![Policy::at_once("db", &["eva"])],
        route: Route::to("db"),
        ..Config::default()
    };
    let added = [("eva".to_owned(), address("phone")), ("gone".to_owned(), address("other"))];
    let plan = Plan::new(config.clone()).expect("a plan").with_addresses(added.clone());
    let mut eva = Contact::new("eva", "mail", "eva@example.com");
    eva.addresses.push(address("phone"));
    assert_eq!(plan.config, Config { contacts: vec![eva], ..config });
    let none = Plan::new(Config::default()).expect("a plan");
    assert_eq!(none.with_addresses([]).config, Config::default());
    assert_eq!(none.with_addresses(added).contacts().map(|one| one.addresses.len()).collect::<Vec<_>>(), [0]);
    let alone = none.with_addresses([(DEVICES.to_owned(), address("phone"))]);
    assert_eq!(alone.contact(DEVICES).map(|one| one.addresses.clone()), Some(vec![address("phone")]));
    assert_eq!(alone.policy(DEVICES), Some(&Policy::at_once(DEVICES, &[DEVICES])));
    assert_eq!(alone.route().policy.as_deref(), Some(DEVICES));
    assert!(none.tells_nobody() && !alone.tells_nobody());
}
