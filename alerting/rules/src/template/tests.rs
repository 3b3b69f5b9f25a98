use orszem_model::Labels;
use orszem_promql::Point;

use super::{Ask, Data, QueriedSample, Template};

struct Two;

impl Ask for Two {
    fn ask(&self, query: &str, at: i64) -> Result<Vec<QueriedSample>, String> {
        let sample = |name: &str, value: f64| QueriedSample {
            labels: Labels::from([("__name__", "m"), ("a", name)]),
            value: Point::Float(value),
        };
        match (query, at) {
            ("m", 90_000) => Ok(vec![sample("y", 2.0), sample("x", 1.5)]),
            ("none", _) => Ok(Vec::new()),
            _ => Err("no such query".to_owned()),
        }
    }
}

fn expand(text: &str) -> Result<String, String> {
    let data = Data {
        labels: &Labels::from([("__name__", "m"), ("a", "x"), ("instance", "db1:9100")]),
        value: &Point::Float(1_234_567.5),
        external_labels: &Labels::from([("site", "north")]),
        external_url: "https://orszem.example/base",
        at: 90_000,
    };
    let template = Template::parse(text).map_err(|error| error.to_string())?;
    template.expand(&data, &Two).map_err(|error| error.to_string())
}

#[test]
fn templates_expand_as_go_and_prometheus_do() {
    for (text, expected) in [
        ("plain", "plain"),
        (
            "{{ $value }} {{ .Value }} {{ 1e6 }} {{ 1e21 }} {{ 1000000 }} {{ 0.00001 }}",
            "1.2345675e+06 1.2345675e+06 1e+06 1e+21 1000000 1e-05",
        ),
        ("{{ $labels.a }}|{{ $labels.no }}|{{ index $labels \"no\" }}|{{ .Labels.a }}", "x|||x"),
        ("{{ $labels }}", "map[__name__:m a:x instance:db1:9100]"),
        (
            "{{ $externalLabels.site }} {{ $externalURL }} {{ externalURL }} {{ pathPrefix }}",
            "north https://orszem.example/base https://orszem.example/base /base",
        ),
        (
            "{{ printf \"%d %v %s %05.1f %q %T %x\" 3 $value \"a\" 2.5 \"q\" $labels 255 }}",
            "3 1.2345675e+06 a 002.5 \"q\" map[string]string ff",
        ),
        ("{{ printf \"%6.2f|%-6s|%+d|%e|%g\" 1.234 \"ab\" 5 12345.678 1e-7 }}", "  1.23|ab    |+5|1.234568e+04|1e-07"),
        (
            "{{ printf \"%d\" \"x\" }} {{ printf \"%.2f%%\" \"y\" }} {{ printf \"%s\" 5.0 }} {{ printf \"%d\" }} {{ printf \"a\" 1 }} {{ printf \"%\" }}",
            "%!d(string=x) %!f(string=y)% %!s(float64=5) %!d(MISSING) a%!(EXTRA int=1) %!(NOVERB)",
        ),
        ("{{ with query \"m\" }}{{ . | first | value }}{{ len . }}{{ end }}", "22"),
        ("{{ range query \"m\" | sortByLabel \"a\" }}{{ label \"a\" . }}={{ .Value }};{{ end }}", "x=1.5;y=2;"),
        (
            "{{ range query \"none\" }}a{{ else }}b{{ end }}{{ range $i, $s := query \"m\" }}{{ $i }}{{ $s.Labels.a }}{{ end }}",
            "b0y1x",
        ),
        ("{{ range $k, $v := $labels }}{{ $k }}{{ if eq $k \"a\" }}{{ break }}{{ end }},{{ end }}", "__name__,a"),
        (
            "{{ humanize 1234567.0 }} {{ humanize 0.00012 }} {{ humanize 0 }} {{ humanize \"1e3\" }} {{ humanize1024 1048576.0 }}",
            "1.235M 120u 0 1k 1Mi",
        ),
        (
            "{{ humanizeDuration 0.0015 }} {{ humanizeDuration 12.5 }} {{ humanizeDuration 3661 }} {{ humanizeDuration -90061.0 }}",
            "1.5ms 12.5s 1h 1m 1s -1d 1h 1m 1s",
        ),
        (
            "{{ humanizePercentage 0.12345 }} {{ humanizeTimestamp 1.5 }} {{ humanizeTimestamp 1435065584.128 }}",
            "12.35% 1970-01-01 00:00:01.5 +0000 UTC 2015-06-23 13:19:44.128 +0000 UTC",
        ),
        (
            "{{ parseDuration \"1h30m\" }} {{ now }} {{ (toTime 90).Minute }} {{ toDuration 3661.5 }}",
            "5400 90 1 1h1m1.5s",
        ),
        ("{{ title \"one two-three\" }} {{ toUpper \"aé\" }} {{ \"AB\" | toLower }}", "One Two-Three AÉ ab"),
        (
            "{{ reReplaceAll \"(.*):(.*)\" \"$2-${1}\" $labels.instance }} {{ match \"^d\" \"db\" }} {{ stripPort $labels.instance }} {{ stripDomain \"a.b.c:1\" }}",
            "9100-db1 true db1 a:1",
        ),
        (
            "{{ graphLink \"up{a=\\\"b\\\"}\" }} {{ tableLink \"a b\" }} {{ safeHtml \"<b>\" }} {{ html \"<'\" }}",
            "/graph?g0.expr=up%7Ba%3D%22b%22%7D&g0.tab=0 /graph?g0.expr=a+b&g0.tab=1 <b> &lt;&#39;",
        ),
        (
            "{{ args 1 \"a\" }} {{ (args 1 \"a\").arg1 }} {{ (args 1).arg5 }} {{ with args 1 2 }}{{ .arg0 }}{{ end }}",
            "map[arg0:1 arg1:a] a <no value> 1",
        ),
        (
            "{{ and 1 \"\" 2 }}|{{ or 0 \"z\" }}|{{ not 1 }}|{{ print 1 2 \"a\" 3 }}|{{ println 1 \"a\" }}",
            "|z|false|1 2a3|1 a\n",
        ),
        (
            "{{ eq 1 2 1 }} {{ ne \"a\" \"b\" }} {{ lt 1.0 2.0 }} {{ ge \"b\" \"a\" }} {{ slice \"abcd\" 1 3 }} {{ len \"ab\" }}",
            "true true true true bc 2",
        ),
        ("a {{- /* gone */ -}} b{{/* x */}} {{- 3 -}} c", "ab3c"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $y := 3 }}{{ end }}{{ $x }}", "2"),
        (
            "{{ define \"t\" }}[{{ . }}{{ $ }}]{{ end }}{{ template \"t\" \"q\" }}{{ block \"u\" 1 }}({{ . }}){{ end }}",
            "[qq](1)",
        ),
        ("{{ if eq $labels.a \"z\" }}z{{ else if gt $value 5.0 }}big{{ else }}no{{ end }}", "big"),
        ("{{ with $labels.no }}a{{ else with $labels.a }}{{ . }}{{ end }}", "x"),
        ("{{ 0x1F }} {{ 1_000 }} {{ 'a' }} {{ -3 }} {{ `raw\\` }} {{ \"t\\tab\" }}", "31 1000 97 -3 raw\\ t\tab"),
    ] {
        assert_eq!(expand(text), Ok(expected.to_owned()), "{text}");
    }
}

#[test]
fn what_can_not_be_expanded_is_told() {
    for (text, expected) in [
        ("{{ query \"bad\" }}", "error calling query: no such query"),
        ("{{ query \"none\" | first }}", "error calling first: first() called on vector with no elements"),
        (
            "{{ .Nope }}",
            "can't evaluate field Nope in type struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }",
        ),
        ("{{ $value.x }}", "can't evaluate field x in type float64"),
        ("{{ toUpper 5 }}", "error calling toUpper: wrong type for value; expected string; got int"),
        ("{{ toUpper \"a\" \"b\" }}", "error calling toUpper: wrong number of args for toUpper: want 1 got 2"),
        ("{{ gt $value 5 }}", "error calling gt: incompatible types for comparison"),
        ("{{ template \"none\" }}", "template \"none\" not defined"),
        ("{{ nil }}", "nil is not a command"),
        ("{{ .Value 1 }}", "can't give argument to non-function"),
        ("{{ humanize \"x\" }}", "error calling humanize: strconv.ParseFloat: parsing \"x\": invalid syntax"),
        (
            "{{ define \"t\" }}{{ template \"t\" }}{{ end }}{{ template \"t\" }}",
            "exceeded maximum template depth (100)",
        ),
        ("{{ range 2000000 }}{{ end }}", "more than 1000000 turns of loops"),
        (
            "{{ match \"(\" \"a\" }}",
            "error calling match: error parsing regexp: regex parse error:\n    (\n    ^\nerror: unclosed group",
        ),
    ] {
        assert_eq!(expand(text), Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn what_is_no_template_is_refused() {
    for (text, expected) in [
        ("{{ if true }}x", "unexpected EOF"),
        ("{{ nofunc 1 }}", "function \"nofunc\" not defined"),
        ("{{ tmpl \"a\" . }}", "function \"tmpl\" not defined"),
        ("{{ $x }}", "undefined variable \"$x\""),
        ("{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", "undefined variable \"$x\""),
        ("a\n{{ end }}", "line 2: unexpected {{end}}"),
        ("{{ else }}", "unexpected {{else}}"),
        ("{{ range $a, $b, $c := .Labels }}{{ end }}", "too many declarations in range"),
        ("{{ $a, $b := 3 }}", "too many declarations in command"),
        ("{{ \"abc }}", "unterminated quoted string"),
        ("{{ 1 | 2 }}", "non executable command in pipeline stage 2"),
        ("{{ break }}", "{{break}} outside {{range}}"),
        ("{{ }}", "missing value for command"),
        ("{{ (1 }}", "unclosed left paren"),
        ("{{ 1) }}", "unexpected right paren"),
        ("{{ true.x }}", "unexpected . after term"),
        ("{{ \"a\"\"b\" }}", "unexpected \"b\" in operand"),
        ("{{ 1a }}", "bad number syntax: \"1a\""),
        ("{{ - 3 }}", "bad number syntax: \"-\""),
        ("{{ unclosed", "unclosed action"),
        ("{{/* never", "unclosed comment"),
        ("{{ a.b }}", "function \"a\" not defined"),
        ("{{ with 1 }}{{ else }}{{ else }}{{ end }}", "expected end; found {{else}}"),
    ] {
        assert_eq!(Template::parse(text).map_err(|error| error.to_string()).err(), Some(expected.to_owned()), "{text}");
    }
}
