use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Any event that validation lets through, and some that it would not.
pub(crate) fn any_event() -> impl Strategy<Value = UsageEvent> {
    let resources: Vec<_> = ResourceType::all().map(|spec| spec.resource).collect();
    let quantity = prop_oneof![
        any::<i64>().prop_map(i128::from),
        -(10_i128.pow(38) - 1)..10_i128.pow(38),
        0..1_000_i128,
    ];
    (
        ("[a-z0-9][a-z0-9._:-]{0,12}", "\\PC{0,12}", "\\PC{0,40}"),
        (prop::sample::select(resources), any::<bool>(), quantity),
        (
            -5_000_000_000..5_000_000_000_i64,
            prop::option::of("[a-z0-9]{1,9}"),
        ),
        prop::collection::btree_map("[a-z_]{1,6}", "\\PC{0,9}", 0..4),
        any::<bool>(),
    )
        .prop_map(
            |(names, (resource, is_sample, quantity), (secs, provider), dimensions, correction)| {
                UsageEvent {
                    identity: EventId {
                        account: names.0.parse().unwrap(),
                        source: names.1,
                        id: names.2,
                    },
                    resource,
                    quantity: Quantity::new(quantity),
                    is_sample,
                    time: Timestamp::from_secs(secs),
                    provider: provider.map(|name| name.parse().unwrap()),
                    dimensions,
                    correction,
                }
            },
        )
}

fn packed(event: &UsageEvent) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(event, &mut bytes);
    bytes
}

fn small() -> UsageEvent {
    UsageEvent {
        identity: EventId {
            account: "acme".parse().unwrap(),
            source: "n".to_owned(),
            id: "1".to_owned(),
        },
        resource: ResourceType::NetworkEgress,
        quantity: Quantity::new(-1),
        is_sample: false,
        time: Timestamp::from_secs(64),
        provider: None,
        dimensions: BTreeMap::from([("region".to_owned(), "eu".to_owned())]),
        correction: true,
    }
}

proptest! {
    #[test]
    fn what_is_packed_is_read_back(event in any_event(), position in any::<u64>()) {
        let bytes = packed(&event);
        let row = decode(position, &bytes).unwrap();
        prop_assert_eq!(row.logged().unwrap(), LoggedEvent { position, withdrawn: None, event: event.clone() });
        let mut scratch = Vec::new();
        prop_assert_eq!(RowRef::of(position, &event, &mut scratch), row);
    }

    #[test]
    fn no_other_bytes_are_read_as_the_same_event(
        event in any_event(),
        at in any::<prop::sample::Index>(),
        flip in 1..=u8::MAX,
    ) {
        let bytes = packed(&event);
        let mut other = bytes.clone();
        other[at.index(bytes.len())] ^= flip;
        // Either refused, or an event that packs to just these bytes.
        if let Ok(event) = decode(1, &other).and_then(|row| row.event()) {
            prop_assert_eq!(packed(&event), other);
        }
        let cut = at.index(bytes.len());
        prop_assert!(decode(1, &bytes[..cut]).is_err());
    }

    #[test]
    fn noise_is_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(event) = decode(1, &bytes).and_then(|row| row.event()) {
            prop_assert_eq!(packed(&event), bytes);
        }
    }
}

/// The format on disk, byte by byte: resource 14, flags correction and dimensions, 64 s and -1 in
/// zigzag (128 and 1), the texts, one dimension.
#[test]
fn the_bytes_are_these() {
    let expected = b"\x0e\x0a\x80\x01\x01\x04acme\x01n\x011\x01\x06region\x02eu";
    assert_eq!(packed(&small()), expected);
}

#[test]
fn malformed_bytes_are_refused_with_the_reason() {
    let good = packed(&small());
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        decode(1, &bytes).unwrap_err().to_string()
    };
    type Change<'a> = &'a dyn Fn(&mut Vec<u8>);
    let cases: [(Change<'_>, &str); 7] = [
        (&|b| b[0] = 0, "no resource has this code"),
        (&|b| b[1] |= 0x10, "a flag is not known"),
        (&|b| b[3] = 0, "a number is longer than it has to be"),
        (&|b| b[6] = 0xff, "a text is not UTF-8"),
        (&|b| b.push(0), "something follows its end"),
        (&|b| b.truncate(b.len() - 1), "it ends early"),
        (
            &|b| b.splice(2..3, [0xff; 20]).for_each(drop),
            "a number is too long",
        ),
    ];
    for (change, reason) in cases {
        assert!(
            refused(change).ends_with(reason),
            "{reason}: {}",
            refused(change)
        );
    }
}

#[test]
fn the_widest_numbers_fit() {
    for quantity in [i128::MAX, i128::MIN, 0] {
        let mut event = small();
        event.quantity = Quantity::new(quantity);
        event.time = Timestamp::from_secs(i64::MIN);
        let bytes = packed(&event);
        assert_eq!(decode(1, &bytes).unwrap().event().unwrap(), event);
    }
}

#[test]
fn dimensions_out_of_order_are_refused() {
    for names in [["b", "a"], ["a", "a"]] {
        let mut bytes = Vec::new();
        pack_dimensions(2, names.into_iter().map(|name| (name, "x")), &mut bytes);
        assert!(DimensionsRef::checked(&bytes).is_err());
    }
}
