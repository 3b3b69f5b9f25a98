use std::fs;
use std::path::Path;

use orszem_exposition::ScrapeProtocol;

use super::*;
use crate::settings::Settings;

const WHOLE: &str = "
global:
  scrape_interval: 15s
  scrape_timeout: 7s
  evaluation_interval: 30s
  external_labels: {cluster: 'c$$1', replica: 0}
  sample_limit: 1000
  body_size_limit: 10MB
rule_files: ['rules/*.yml']
alerting:
  alertmanagers:
  - static_configs: [{targets: ['am:9093']}]
remote_write: [{url: 'http://x'}]
scrape_configs:
- job_name: node
  static_configs:
  - targets: ['a:9100', 'b:9100']
    labels: {env: prod, rack: 7}
- job_name: web
  scrape_interval: 5s
  metrics_path: /m
  scheme: https
  params:
    match[]: ['{job=\"x\"}', y]
  honor_labels: true
  honor_timestamps: false
  scrape_protocols: [PrometheusProto, OpenMetricsText1.0.0]
  fallback_scrape_protocol: PrometheusText0.0.4
  always_scrape_classic_histograms: true
  sample_limit: 5
  basic_auth: {username: u, password_file: secret}
  tls_config: {ca_file: /etc/ca.pem, cert_file: c.pem, key_file: k.pem, insecure_skip_verify: true}
  follow_redirects: false
  enable_compression: false
  file_sd_configs: [{files: ['targets/*.json'], refresh_interval: 1m}]
  dns_sd_configs: [{names: [_web._tcp.example.com]}, {names: [web.example.com], type: AAAA, port: 80}]
  http_sd_configs: [{url: 'https://sd/list', authorization: {credentials: hush}}]
  relabel_configs:
  - {source_labels: [__meta_filepath], regex: '.*/(.+)\\.json', target_label: site}
  metric_relabel_configs:
  - {source_labels: [__name__], regex: go_.*, action: drop}
";

fn told(text: &str) -> Vec<String> {
    let wrongs = load_str(text, Path::new("/etc/p")).map(|_| ()).expect_err("refused");
    wrongs.iter().map(|wrong| format!("{} {:?} {}", wrong.key, wrong.value, wrong.wrong)).collect()
}

#[test]
fn a_whole_file_is_read() {
    let loaded = load_str(WHOLE, Path::new("/etc/p")).expect("loads");
    assert_eq!(loaded.ignored, ["rule_files", "alerting", "remote_write"]);
    let external: Vec<_> = loaded.settings.external_labels.iter().collect();
    assert_eq!(external, [("cluster", "c$1"), ("replica", "0")]);
    assert_eq!(loaded.settings.job_names().collect::<Vec<_>>(), ["node", "web"]);
    let [node, web] = loaded.settings.jobs.as_slice() else { panic!("two jobs") };
    assert_eq!((node.interval, node.timeout), (PromDuration::secs(15), PromDuration::secs(7)));
    assert_eq!((web.interval, web.timeout), (PromDuration::secs(5), PromDuration::secs(5)));
    assert_eq!((node.config.sample_limit, web.config.sample_limit), (1000, 5));
    assert_eq!(web.config.body_size_limit, BodySize(10 << 20));
    assert_eq!(node.config.static_configs[0].labels["rack"], "7");
    assert_eq!(web.fallback, Some(ScrapeProtocol::PrometheusText0_0_4.format()));
    assert_eq!(
        web.accept,
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
         application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,*/*;q=0.4"
    );
    let client = web.config.client();
    assert_eq!(client.tls_config.ca_file.as_deref(), Some(Path::new("/etc/ca.pem")));
    assert_eq!(client.tls_config.cert_file.as_deref(), Some(Path::new("/etc/p/c.pem")));
    let basic = client.basic_auth.expect("there is one");
    assert_eq!(basic.password_file.as_deref(), Some(Path::new("/etc/p/secret")));
    assert_eq!(web.config.file_sd_configs[0].files, [Path::new("/etc/p/targets/*.json")]);
    assert_eq!(web.config.dns_sd_configs[1].kind, DnsType::Aaaa);
    assert!(!client.follow_redirects);
}

#[test]
fn an_empty_file_and_empty_sections_are_fine() {
    for text in ["", "global:\nscrape_configs:\n", "scrape_configs: []"] {
        assert_eq!(load_str(text, Path::new("/")).map(|loaded| loaded.settings.jobs.len()), Ok(0), "{text}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let loaded = load_str(WHOLE, Path::new("/etc/p")).expect("loads");
    let shown =
        format!("{:?}", loaded.scrape_configs) + &serde_json::to_string(&loaded.scrape_configs).expect("writes");
    assert!(!shown.contains("hush") && shown.contains("\"credentials\":\"***\""), "{shown}");
    assert_eq!(format!("{} {:?}", Secret::new("x"), Secret::new("x")), "*** ***");
}

#[test]
fn every_problem_is_told_at_once_with_its_place() {
    let text = "
global: {scrape_interval: 1x, scrape_timeout: 5s, external_labels: {'': x}}
scrap_configs: []
scrape_configs:
- job_name: a
  scrape_intervall: 5s
  kubernetes_sd_configs: [{role: pod}]
  proxy_url: http://p
  honor_labels: perhaps
  static_configs: [{targets: ['http://a:1/metrics'], lables: {}}]
- job_name: a
  scrape_interval: 5s
  scrape_timeout: 6s
  scheme: ftp
  sample_limit: -1
  body_size_limit: 10
  relabel_configs:
  - {source_labels: [a], regex: '(', target_label: b}
  - {action: explode}
- scrape_protocols: [PrometheusText0.0.4, PrometheusText0.0.4]
  basic_auth: {username: u, password: p, password_file: f}
  bearer_token: t
  authorization: {type: Basic}
  tls_config: {cert_file: c, min_version: TLS13, max_version: TLS12}
  convert_classic_histograms_to_nhcb: true
  file_sd_configs: [{files: [x.txt, 'd*/x.yml']}, {}]
  dns_sd_configs: [{names: [x], type: A}]
  http_sd_configs: [{url: 'sd/list', refresh_interval: 0s}]
";
    let job = "scrape_configs[0]";
    let expected = [
        "global.scrape_interval \"1x\" is no duration",
        "scrap_configs \"\" is no section of a prometheus.yml",
        &format!("{job}.scrape_intervall \"\" is an unknown key"),
        &format!("{job}.kubernetes_sd_configs \"\" is a discovery that is not supported"),
        &format!("{job}.proxy_url \"\" is not supported"),
        &format!("{job}.honor_labels \"perhaps\" is of the wrong kind"),
        &format!("{job}.static_configs[0].lables \"\" is an unknown key"),
        "scrape_configs[1].scheme \"ftp\" is of the wrong kind",
        "scrape_configs[1].sample_limit \"-1\" is of the wrong kind",
        "scrape_configs[1].body_size_limit \"10\" is no size",
        "scrape_configs[1].relabel_configs[1].action \"explode\" is no action",
        "global.external_labels. \"x\" is the value of no label name",
        &format!("{job}.static_configs[0].targets[0] \"http://a:1/metrics\" is no address"),
        "scrape_configs[1].job_name \"a\" is the name of scrape_configs[0] already",
        "scrape_configs[1].scrape_timeout \"6s\" is longer than the interval",
        "scrape_configs[1].relabel_configs[0].regex \"(\" is no regular expression: unclosed group",
        "scrape_configs[1].relabel_configs[1].target_label \"\" is missing, and replace needs it",
        "scrape_configs[2].job_name \"\" is missing",
        "scrape_configs[2].scrape_protocols[1] \"PrometheusText0.0.4\" is there already",
        "scrape_configs[2].convert_classic_histograms_to_nhcb \"true\" is not supported",
        "scrape_configs[2].authorization \"\" is a second way to authenticate",
        "scrape_configs[2].bearer_token \"\" is a second way to authenticate",
        "scrape_configs[2].basic_auth.password_file \"\" is there beside password",
        "scrape_configs[2].authorization.type \"Basic\" can't be this",
        "scrape_configs[2].tls_config.key_file \"\" is missing",
        "scrape_configs[2].tls_config.max_version \"TLS12\" is older than min_version",
        "scrape_configs[2].file_sd_configs[0].files[0] \"/etc/p/x.txt\" can't be used",
        "scrape_configs[2].file_sd_configs[0].files[1] \"/etc/p/d*/x.yml\" can't be used",
        "scrape_configs[2].file_sd_configs[1].files \"[]\" names no file",
        "scrape_configs[2].dns_sd_configs[0].port \"\" is missing",
        "scrape_configs[2].http_sd_configs[0].url \"sd/list\" has the unsupported protocol scheme \"sd/list\"",
        "scrape_configs[2].http_sd_configs[0].refresh_interval \"0s\" is too short",
    ];
    assert_eq!(told(text), expected);
    assert_eq!(told("a: [b"), [" \"\" is no YAML: line 2: while parsing a flow sequence, expected ',' or ']'"]);
    assert_eq!(told("- a"), [" \"\" is no mapping"]);
}

#[test]
fn files_of_scrape_configs_are_included() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).expect("writes");
    write("p.yml", "scrape_config_files: ['more*.yml']\nscrape_configs: [{job_name: a}]");
    write("more1.yml", "scrape_configs: [{job_name: b, bearer_token_file: t}]");
    let loaded = load_file(&directory.path().join("p.yml")).expect("loads");
    assert_eq!(loaded.settings.job_names().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(loaded.scrape_configs[1].bearer_token_file, Some(directory.path().join("t")));
    write("more2.yml", "scrape_configs: [{job_name: a}]\nglobal: {}");
    let wrongs = load_file(&directory.path().join("p.yml")).map(|_| ()).expect_err("refused");
    let found: Vec<_> = wrongs.iter().map(|wrong| wrong.wrong.as_str()).collect();
    assert_eq!(found, ["has no place in a file of scrape configs", "is the name of scrape_configs[0] already"]);
    let missing = load_file(&directory.path().join("none.yml")).map(|_| ()).expect_err("refused");
    assert!(missing[0].wrong.starts_with("can't be read"), "{missing:?}");
}

#[test]
fn toml_says_the_same_as_yaml() {
    #[derive(serde::Deserialize)]
    struct Section {
        scrape: Vec<ScrapeConfig>,
    }
    let toml = r#"
[[scrape]]
job_name = "node"
scrape_interval = "5s"
body_size_limit = "1MB"
sample_limit = 10
scheme = "https"
basic_auth = { username = "u", password = "p" }
static_configs = [{ targets = ["a:1"], labels = { env = "x" } }]
[[scrape.relabel_configs]]
source_labels = ["a"]
action = "DropEqual"
target_label = "b"
"#;
    let yaml = "scrape_configs: [{job_name: node, scrape_interval: 5s, body_size_limit: 1MB, sample_limit: 10, \
                scheme: https, basic_auth: {username: u, password: p}, \
                static_configs: [{targets: ['a:1'], labels: {env: x}}], \
                relabel_configs: [{source_labels: [a], action: dropequal, target_label: b}]}]";
    let section: Section = toml::from_str(toml).expect("reads");
    assert_eq!(section.scrape, load_str(yaml, Path::new("/")).expect("loads").scrape_configs);
    assert!(toml::from_str::<Section>("[[scrape]]\njob_nam = 'x'").is_err());
    let settings = Settings::new(&GlobalConfig::default(), &section.scrape, "collector.scrape");
    assert_eq!(settings.map(|settings| settings.jobs[0].interval), Ok(PromDuration::secs(5)));
    let mut bad = section.scrape;
    bad[0].relabel_configs[0].regex = Some("(".to_owned());
    let wrongs = Settings::new(&GlobalConfig::default(), &bad, "collector.scrape").map(|_| ()).expect_err("refused");
    let keys: Vec<_> = wrongs.iter().map(|wrong| wrong.key.as_str()).collect();
    let rule = "collector.scrape[0].relabel_configs[0].regex";
    assert_eq!(keys, [rule, rule]);
}
