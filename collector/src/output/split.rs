//! Cuts a request in two by its records; streams of which a half has no record are left out of it.
//!
//! Source: `opentelemetry/proto/collector/logs/v1`: requests hold resources (1), these scopes (2), these records (2).

pub(super) mod series;

use super::protobuf::{Field, Wire, fields, put_message};

/// How many records a request has; `None` if it does not decode.
pub(super) fn count(request: &[u8]) -> Option<u64> {
    let mut count = 0;
    visit(request, &mut |_| count += 1)?;
    Some(count)
}

/// The first half of the records and the rest; `None` if there are fewer than two, or the request does not decode.
pub(super) fn halves(request: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let middle = count(request)?.div_ceil(2);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let mut at = 0;
    for resource in fields(request) {
        let (one, other) = cut(resource?, &mut at, middle, 2)?;
        for (half, out) in [(one, &mut first), (other, &mut second)] {
            if let Some(message) = half {
                put_message(out, 1, &message);
            }
        }
    }
    (!second.is_empty()).then_some((first, second))
}

type Halves = (Option<Vec<u8>>, Option<Vec<u8>>);

/// Cuts a resource (`depth` 2) or a scope (1); a half without records is `None`. `at` counts the records passed.
fn cut(field: Field<'_>, at: &mut u64, middle: u64, depth: u8) -> Option<Halves> {
    let Wire::Bytes(message) = field.value else { return None };
    let mut halves = [Vec::new(), Vec::new()];
    let mut has_records = [false; 2];
    for inner in fields(message) {
        let inner = inner?;
        if inner.number != 2 {
            halves.iter_mut().for_each(|half| half.extend_from_slice(inner.whole));
        } else if depth == 1 {
            let side = usize::from(*at >= middle);
            *at += 1;
            has_records[side] = true;
            halves[side].extend_from_slice(inner.whole);
        } else {
            let (one, other) = cut(inner, at, middle, depth - 1)?;
            for (side, part) in [one, other].into_iter().enumerate() {
                if let Some(part) = part {
                    has_records[side] = true;
                    put_message(&mut halves[side], 2, &part);
                }
            }
        }
    }
    let [one, other] = halves;
    Some((has_records[0].then_some(one), has_records[1].then_some(other)))
}

fn visit(request: &[u8], record: &mut dyn FnMut(&[u8])) -> Option<()> {
    for resource in fields(request) {
        let Wire::Bytes(resource) = resource?.value else { return None };
        for scope in fields(resource) {
            let Field { number: 2, value: Wire::Bytes(scope), .. } = scope? else { continue };
            for inner in fields(scope) {
                if let Field { number: 2, value: Wire::Bytes(message), .. } = inner? {
                    record(message);
                }
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
    use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    /// A request with this many records in each scope of each resource; each record has its own time.
    fn request(shape: &[Vec<u8>]) -> Vec<u8> {
        let mut time = 0;
        let mut record = || {
            time += 1;
            LogRecord { time_unix_nano: time, ..LogRecord::default() }
        };
        let mut scope = |records: &u8| ScopeLogs {
            scope: Some(InstrumentationScope { name: "s".into(), ..InstrumentationScope::default() }),
            log_records: (0..*records).map(|_| record()).collect(),
            schema_url: "u".into(),
        };
        let resource_logs = shape.iter().enumerate().map(|(at, scopes)| ResourceLogs {
            resource: Some(Resource { dropped_attributes_count: at as u32 + 1, ..Resource::default() }),
            scope_logs: scopes.iter().map(&mut scope).collect(),
            schema_url: "v".into(),
        });
        ExportLogsServiceRequest { resource_logs: resource_logs.collect() }.encode_to_vec()
    }

    type Inherited = (Option<Resource>, Option<InstrumentationScope>, String);

    /// Each record with all that it inherits.
    fn records(request: &[u8]) -> Vec<(Inherited, LogRecord)> {
        let request = ExportLogsServiceRequest::decode(request).expect("decodes");
        let mut all = Vec::new();
        for resource in request.resource_logs {
            for scope in resource.scope_logs {
                for record in scope.log_records {
                    let urls = format!("{}{}", resource.schema_url, scope.schema_url);
                    all.push(((resource.resource.clone(), scope.scope.clone(), urls), record));
                }
            }
        }
        all
    }

    proptest! {
        #[test]
        fn the_halves_are_the_whole(shape in prop::collection::vec(prop::collection::vec(0u8..5, 0..4), 0..5)) {
            let whole = request(&shape);
            let expected = records(&whole);
            prop_assert_eq!(count(&whole), Some(expected.len() as u64));
            match halves(&whole) {
                Some((first, second)) => {
                    let (first, second) = (records(&first), records(&second));
                    prop_assert_eq!(first.len(), expected.len().div_ceil(2));
                    prop_assert_eq!([first, second].concat(), expected);
                }
                None => prop_assert!(expected.len() < 2),
            }
        }

        #[test]
        fn noise_is_refused_without_panic(noise in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Some((first, second)) = halves(&noise) {
                prop_assert_eq!(count(&first).zip(count(&second)).map(|(a, b)| a + b), count(&noise));
            }
        }
    }

    #[test]
    fn what_does_not_decode_has_no_halves() {
        let whole = request(&[vec![2]]);
        assert!(halves(&whole).is_some());
        assert_eq!(halves(&whole[..whole.len() - 1]), None);
        assert_eq!((halves(&[]), count(&[])), (None, Some(0)));
    }
}
