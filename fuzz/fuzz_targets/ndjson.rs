//! Any bytes as a body of events: no panic, no endless loop, no memory beyond the body's size.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synor_economics::period::Timestamp;
use synor_usage::import::EventReader;

fuzz_target!(|body: &[u8]| {
    let _ = EventReader::new(Timestamp::from_secs(1_769_904_000)).ndjson(body);
});
