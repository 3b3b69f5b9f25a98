//! The server's settings under the names that Prometheus' command line has for them, for `/api/v1/status/flags`.

use orszem_dashboards::http::prometheus::{QUERIES_MAX, QUERY_TIMEOUT};
use orszem_promql::{Options as Evaluation, format_duration_ms};

use crate::app::Options;
use crate::config::Config;
use crate::features;

/// Each flag with its value.
pub(crate) fn flags(config: &Config, options: &Options, evaluation: &Evaluation) -> Vec<(String, String)> {
    let listen: Vec<String> = config.server.listen.iter().map(ToString::to_string).collect();
    let config_file = options.config_file.as_ref().map(|path| path.display().to_string());
    let kept = &config.metrics;
    let duration = |ms| format_duration_ms(ms);
    let enabled = if options.features.promql_experimental { features::PROMQL_EXPERIMENTAL } else { "" };
    let timeout = i64::try_from(QUERY_TIMEOUT.as_millis()).unwrap_or(i64::MAX);
    [
        ("config.file", config_file.unwrap_or_default()),
        ("enable-feature", enabled.to_owned()),
        ("query.lookback-delta", duration(evaluation.lookback_ms)),
        ("query.max-concurrency", QUERIES_MAX.to_string()),
        ("query.max-samples", evaluation.samples_max.to_string()),
        ("query.timeout", duration(timeout)),
        ("storage.tsdb.path", options.data_dir.display().to_string()),
        ("storage.tsdb.retention.size", kept.bytes.map_or_else(|| "0B".to_owned(), |bytes| bytes.to_string())),
        ("storage.tsdb.retention.time", kept.age.map_or_else(|| "for ever".to_owned(), |age| age.to_string())),
        ("web.enable-admin-api", "true".to_owned()),
        ("web.enable-remote-write-receiver", "true".to_owned()),
        ("web.listen-address", listen.join(",")),
        ("web.max-connections", config.server.connections_max.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Overrides;
    use crate::features::Features;

    #[test]
    fn settings_have_the_names_of_prometheus() {
        let options = Options {
            config_file: Some("/etc/o.toml".into()),
            overrides: Overrides::default(),
            data_dir: "/srv/o".into(),
            follow: false,
            built_in_rules: false,
            features: Features { promql_experimental: true },
        };
        let config = Config::parse("[metrics]\nage = \"30d\"\nbytes = \"1GiB\"\n", "t.toml").expect("a good file");
        let found = flags(&config, &options, &Evaluation::default());
        let expected = [
            ("config.file", "/etc/o.toml"),
            ("enable-feature", "promql-experimental"),
            ("query.lookback-delta", "5m"),
            ("query.max-concurrency", "20"),
            ("query.max-samples", "50000000"),
            ("query.timeout", "2m"),
            ("storage.tsdb.path", "/srv/o"),
            ("storage.tsdb.retention.size", "1GiB"),
            ("storage.tsdb.retention.time", "30d"),
            ("web.enable-admin-api", "true"),
            ("web.enable-remote-write-receiver", "true"),
            ("web.listen-address", "127.0.0.1:7450"),
            ("web.max-connections", "1024"),
        ];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
