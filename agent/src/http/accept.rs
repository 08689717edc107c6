//! Which form of the page of metrics a client wants: `Accept` and `Accept-Encoding` (RFC 9110,
//! 12.5.1 and 12.5.3).
//!
//! Used by `routes`. Guarantees: whatever the headers say, the answer is a form. What cannot be
//! read in them names nothing. Who names nothing gets the text format, not compressed; so does who
//! wants neither format, because a page helps more than a refusal.

use axum::http::{HeaderMap, HeaderName, header};

use crate::metrics::Form;

/// The type of the text format and of OpenMetrics, with the version of each.
const TEXT: [&str; 3] = ["text", "plain", "0.0.4"];
const OPEN_METRICS: [&str; 3] = ["application", "openmetrics-text", "1.0.0"];

/// Something that a header names.
struct Named<'a> {
    what: &'a str,
    version: Option<&'a str>,
    /// How much it is wanted, thousandths; 0 is not at all.
    weight: u16,
}

/// Returns the form that a client wants.
pub(super) fn form(request: &HeaderMap) -> Form {
    Form { open_metrics: wants_open_metrics(request), gzip: wants_gzip(request) }
}

/// Returns whether a client wants OpenMetrics more than the text format.
fn wants_open_metrics(request: &HeaderMap) -> bool {
    let ranges = named(request, header::ACCEPT);
    let weight = |[kind, subtype, version]: [&str; 3]| {
        let exact = |range: &Named<'_>| {
            let (its_kind, its_subtype) = range.what.split_once('/')?;
            let is = |its: &str, name| its.eq_ignore_ascii_case(name);
            match range.version {
                _ if (its_kind, its_subtype) == ("*", "*") => Some(0),
                _ if is(its_kind, kind) && its_subtype == "*" => Some(1),
                _ if !is(its_kind, kind) || !is(its_subtype, subtype) => None,
                None => Some(2),
                Some(its) => (its == version).then_some(3),
            }
        };
        // The most exact one counts, of several the first.
        let fitting = ranges.iter().rev().filter_map(|range| Some((exact(range)?, range.weight)));
        fitting.max_by_key(|(exact, _)| *exact).map_or(0, |(_, weight)| weight)
    };
    weight(OPEN_METRICS) > weight(TEXT)
}

/// Returns whether a client takes gzip, and as gladly as no compression.
fn wants_gzip(request: &HeaderMap) -> bool {
    let codings = named(request, header::ACCEPT_ENCODING);
    let weight = |names: &[&str]| {
        let mut weights = codings
            .iter()
            .filter(|coding| names.iter().any(|name| coding.what.eq_ignore_ascii_case(name)));
        weights.next().map(|coding| coding.weight)
    };
    let of = |names| weight(names).or_else(|| weight(&["*"])).unwrap_or(0);
    let gzip = of(&["gzip", "x-gzip"]);
    gzip > 0 && gzip >= of(&["identity"])
}

/// Returns what all headers of a name name.
fn named(request: &HeaderMap, name: HeaderName) -> Vec<Named<'_>> {
    let values = request.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|text| split(text, ',')).filter_map(read).collect()
}

/// Reads one thing that is named; `None` if its weight cannot be read.
fn read(text: &str) -> Option<Named<'_>> {
    let mut parts = split(text, ';');
    let mut named = Named { what: parts.next()?, version: None, weight: 1000 };
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        match name.trim() {
            name if name.eq_ignore_ascii_case("q") => named.weight = weight(value.trim())?,
            name if name.eq_ignore_ascii_case("version") => named.version = Some(unquoted(value)),
            _ => {}
        }
    }
    Some(named)
}

/// Reads a weight: 0 or 1 with at most three digits behind the point, as thousandths.
fn weight(text: &str) -> Option<u16> {
    let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
    if digits.len() > 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{digits:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

fn unquoted(value: &str) -> &str {
    let value = value.trim();
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// Splits a text where a character stands outside of quotes.
fn split(text: &str, at: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(move |character| {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => return !is_quoted && character == at,
        }
        false
    });
    parts.map(str::trim)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn asks(name: &HeaderName, values: &[&str]) -> HeaderMap {
        let value = |value: &&str| (name.clone(), HeaderValue::from_str(value).unwrap());
        values.iter().map(value).collect()
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        for wants in [
            &["gzip"][..],
            &["deflate, gzip;q=0.5"],
            &["br", "GZIP"],
            &["*"],
            &["x-gzip"],
            &["gzip;q=1.000 , identity;q=0"],
            // curl, Go's client, a browser.
            &["deflate, gzip, br, zstd"],
            &["gzip, deflate, br, zstd"],
            &["zstd;q=\"1,gzip;q=0\", gzip ; Q=0.001"],
        ] {
            assert!(wants_gzip(&asks(&header::ACCEPT_ENCODING, wants)), "{wants:?}");
        }
        for refuses in [
            &[][..],
            &[""],
            &["identity"],
            &["gzip;q=0"],
            &["gzip; q=0.000"],
            &["*;q=0"],
            &["*;q=0", "br"],
            &["*", "gzip;q=0"],
            &["gzip;q=0, gzip"],
            &["identity, gzip;q=0.5"],
            &["gzip;q=0.5, *"],
            &["gzip;q=x", "gzip;q=-1", "gzip;q=2", "gzip;q=1.001", "gzip;q=0.0001", "gzip;q=inf"],
            &["gzipped", "x-gzip2", ",,;;=,\"gzip", "\"gzip\"", "gzip;q=", "gzip;q=1e0"],
        ] {
            assert!(!wants_gzip(&asks(&header::ACCEPT_ENCODING, refuses)), "{refuses:?}");
        }
    }

    /// What Prometheus sends: 2.42; 2.53; 3.x; 3.x with native histograms.
    const PROMETHEUS: [&str; 4] = [
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;\
         q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;\
         version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/\
         openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
         text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=\
         delimited;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,application/\
         openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    ];

    #[test]
    fn openmetrics_is_for_those_who_want_it_more_than_text() {
        for wants in PROMETHEUS.map(|header| vec![header]).into_iter().chain([
            vec!["application/openmetrics-text"],
            vec!["application/openmetrics-text; version=1.0.0; charset=utf-8"],
            vec!["Application/OpenMetrics-Text; Version=\"1.0.0\""],
            vec!["text/plain;q=0.9", "application/openmetrics-text"],
            vec!["application/*"],
            vec!["*/*;q=0.1, application/openmetrics-text;version=1.0.0;q=0.2"],
            vec!["text/plain;x=\",\\\",\";q=0.2, application/openmetrics-text;q=0.3"],
        ]) {
            assert!(wants_open_metrics(&asks(&header::ACCEPT, &wants)), "{wants:?}");
        }
    }

    #[test]
    fn text_is_for_all_others() {
        for wants in [
            &[][..],
            &[""],
            &["*/*"],
            &["text/plain"],
            // Prometheus before 2.35, which knows the draft alone; VictoriaMetrics; a browser.
            &["application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,\
                 */*;q=0.1"],
            &["text/plain;version=0.0.4;q=1,*/*;q=0.1"],
            &["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
            &["application/openmetrics-text;version=1.0.0, text/plain;version=0.0.4"],
            &["application/openmetrics-text;version=2.0.0"],
            &["application/openmetrics-text;q=0"],
            &["application/openmetrics-text;q=0, */*"],
            &["application/openmetrics-text;q=x", "application/openmetrics-text;q=1.5"],
            &["application/openmetrics-text;version=1.0.0;q=0, application/*"],
            &["image/png", "openmetrics-text", "application", "/", "*", ";version=1.0.0"],
        ] {
            assert!(!wants_open_metrics(&asks(&header::ACCEPT, wants)), "{wants:?}");
        }
    }

    #[test]
    fn what_is_no_text_names_nothing() {
        let mut request = HeaderMap::new();
        let value = |bytes: &[u8]| HeaderValue::from_bytes(bytes).unwrap();
        request.append(header::ACCEPT_ENCODING, value(b"gzip\xff"));
        request.append(header::ACCEPT, value(b"application/openmetrics-text;\xc3\x28"));
        assert_eq!(form(&request), Form::default());
        request.append(header::ACCEPT_ENCODING, value(b"gzip"));
        assert_eq!(form(&request), Form { open_metrics: false, gzip: true });
    }

    proptest! {
        #[test]
        fn a_weight_is_what_it_says(thousandths in 0_u16..=1000, digits in 0_usize..=3) {
            let text = format!("{:.digits$}", f64::from(thousandths) / 1000.0);
            let read = weight(&text).unwrap();
            let said = text.parse::<f64>().unwrap() * 1000.0;
            prop_assert!((f64::from(read) - said).abs() < 0.01, "{} is {}", text, read);
        }
    }
}
