//! Documents of the price oracle come back as they were put.

use synor_economics::money::MicroSynor;
use synor_economics::oracle::{Confidence, HistoryPoint, Price, RateOrigin, UsdRate};

use super::documents::round_trip;
use super::sample::NOW;
use crate::oracle::{OracleHour, OracleState, PeriodRate};
use crate::store::Store;

/// One of each kind, in its forms.
pub(super) async fn oracle_documents(store: &dyn Store) {
    let fresh = OracleState::default();
    let reset = OracleState {
        reset_reason: Some("the pools were looked at".to_owned()),
        ..OracleState::default()
    };
    round_trip(store, &[fresh, reset]).await;
    let price = Price::from_scaled(12_345_678, -7).expect("a price");
    let point = HistoryPoint {
        at: NOW,
        price,
        confidence: Confidence(97),
        volume_24h: Some(MicroSynor::new(1 << 60)),
        sources: vec!["pool".to_owned(), "exchange".to_owned()],
    };
    let empty = OracleHour::containing(NOW);
    let full = OracleHour {
        points: vec![point],
        ..empty.clone()
    };
    round_trip(store, &[empty, full]).await;
    let month = "2026-01".parse().expect("a month");
    let set = PeriodRate {
        month,
        period_end: None,
        rate: UsdRate {
            usd_per_synor: price.as_rate(),
            decided_at: NOW,
            origin: RateOrigin::Manual {
                reason: "the exchange was down".to_owned(),
            },
        },
    };
    round_trip(store, &[set]).await;
}
