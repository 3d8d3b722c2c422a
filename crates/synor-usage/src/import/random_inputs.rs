//! A million byte strings at the readers of events: random ones, good bodies with bytes altered,
//! left out, doubled and cut short. No reader panics, and what is read quickly is what is read
//! slowly.

use synor_economics::period::Timestamp;

use super::json::Fields;
use super::meters::Meters;
use super::plain::Notation;
use super::reader::EventReader;

const NOW: Timestamp = Timestamp::from_secs(1_769_904_000);
/// How many byte strings, unless `SYNOR_RANDOM_INPUTS` says otherwise, as `.ci/run` does.
const INPUTS: u64 = 200_000;

const SEEDS: [&str; 8] = [
    r#"{"specversion":"1.0","type":"network.egress","source":"n","id":"1","subject":"acme","time":"2026-01-01T00:00:00Z","data":{"quantity":"1.5","unit":"GB"}}"#,
    r#"{"specversion":"1.0","type":"compute.gpu","source":"n","id":"1","subject":"acme","time":"2026-01-01T00:00:00.5Z","datacontenttype":"application/json","traceparent":"00-ab","data":{"quantity":12,"unit":"gpu-hours","provider":"op","dimensions":{"gpu_model":"rtx4090","spot":"true"},"correction":false}}"#,
    r#"[{"specversion":"1.0","type":"storage.stored_data","source":"n","id":"1","subject":"a","time":"2026-01-01T00:00:00+01:00","data":{"quantity":0}},{"id":"2"}]"#,
    r#"{"account":"acme","service":"network","resource":"egress","quantity":-5,"unit":null,"time":"2026-01-05T00:00:00Z","source":"s","id":"1","correction":true}"#,
    "{\"account\":\"acme\"}\n\n{\"specversion\":\"1.0\",\"id\":\"\\u00e9\\n\"}\r\n[1,2]\n",
    r#"{"specversion":"1.0","type":"tokens","source":"app","id":"1","subject":"acme","data":{"usage":{"n":1.25e3,"deep":[[[{}]]]},"model":"m"}}"#,
    r#"[[[[[[[[[[{"a":[{"b":[]}]}]]]]]]]]]]"#,
    r#"{"quantity":18446744073709551616,"quantity":-0,"x":1e999,"y":"\ud800","z":tru}"#,
];

/// Pieces that mean something where they land.
const PIECES: [&[u8]; 14] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"-0",
    b"\\u0000",
    b"\xff",
    b"\n",
    b"\"id\":\"1\",",
];

/// SplitMix64: the same inputs each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    fn input(&mut self) -> Vec<u8> {
        if self.below(5) == 0 {
            let length = self.below(64);
            return (0..length).map(|_| self.next().to_le_bytes()[0]).collect();
        }
        let mut text = SEEDS[self.below(SEEDS.len())].as_bytes().to_vec();
        for _ in 0..self.below(4) {
            let at = self.below(text.len());
            let to = at + self.below((text.len() - at).min(24));
            match self.below(5) {
                0 => drop(text.drain(at..to)),
                1 => text.extend_from_within(at..to),
                2 => text.truncate(at),
                3 => drop(text.splice(at..at, PIECES[self.below(PIECES.len())].to_vec())),
                _ => {
                    let byte = self.next().to_le_bytes()[0];
                    text.get_mut(at..)
                        .into_iter()
                        .flatten()
                        .take(1)
                        .for_each(|b| *b = byte);
                }
            }
        }
        text
    }
}

fn meters() -> Meters {
    let meter = "[tokens]\ntype = 'tokens'\nresource = 'compute.invocations'\nvalue = '$.usage.n'\n\
                 dimensions = {model = '$.model'}";
    Meters::new(toml::from_str(meter).expect("TOML")).expect("meters")
}

/// Reads it all ways, and compares the quick one with the slow one; whether it was plain.
fn check(reader: EventReader<'_>, input: &[u8]) -> bool {
    let _ = reader.cloudevents(input);
    let _ = reader.ndjson(input);
    let Ok(text) = std::str::from_utf8(input) else {
        return false;
    };
    let mut is_plain = false;
    for notation in [Notation::CloudEvents, Notation::Either] {
        let Some(quick) = reader.plain(notation).event(text) else {
            continue;
        };
        is_plain = true;
        let fields = Fields::parse("event", text);
        let fields = fields.unwrap_or_else(|e| panic!("{text} was read quickly, but: {e}"));
        assert_eq!(quick, reader.checked(fields, notation), "{text}");
    }
    is_plain
}

#[test]
fn no_byte_string_makes_a_reader_panic() {
    let inputs = std::env::var("SYNOR_RANDOM_INPUTS").ok();
    let inputs: u64 = inputs.map_or(INPUTS, |n| n.parse().expect("a number"));
    let meters = meters();
    let reader = EventReader::with_meters(NOW, &meters);
    for seed in SEEDS {
        check(reader, seed.as_bytes());
    }
    let mut random = Random(1);
    let plain = (0..inputs)
        .filter(|_| check(reader, &random.input()))
        .count();
    // Else the comparison would compare nothing.
    assert!(plain > 0, "none of {inputs} was plain");
}

/// Deep nesting is refused, or skipped; it does not use up the stack.
#[test]
fn depth_is_bounded() {
    let meters = meters();
    let reader = EventReader::with_meters(NOW, &meters);
    for open in [
        "[",
        "{\"a\":",
        "{\"data\":",
        "{\"specversion\":\"1.0\",\"x\":[",
    ] {
        let deep = open.repeat(200_000);
        check(reader, deep.as_bytes());
        check(reader, format!("[{deep}").as_bytes());
    }
    let value = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    check(
        reader,
        format!("{{\"specversion\":\"1.0\",\"x\":{value}}}").as_bytes(),
    );
}
