//! The spot market against small books that a reader can clear by hand, and against brute force.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use synor_economics::id::{AskId, BidId};
use synor_economics::metering::{Dimensions, ResourceType};
use synor_economics::money::MicroSynor;
use synor_economics::period::{Period, Timestamp};
use synor_economics::pricing::spot::{
    Ask, Bid, Clearing, Filled, INTERVAL_SECS, Market, Round, clear, displaced,
    interval_containing, last, mean,
};
use synor_economics::quantity::Quantity;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn market() -> Market {
    let resource = ResourceType::ComputeCpu;
    let dimensions = Dimensions::new();
    Market {
        resource,
        dimensions,
    }
}

/// The `n`-th hour of 1970, with prices in µSYNOR per core-millisecond.
fn round(hour: i64, reserve: i64) -> Round {
    let interval = interval_containing(at(hour * INTERVAL_SECS), INTERVAL_SECS).unwrap();
    let per = "core-milliseconds".parse().unwrap();
    Round::new(market(), per, interval, MicroSynor::new(reserve)).unwrap()
}

fn always() -> Period {
    Period::new(at(i64::MIN), at(i64::MAX)).unwrap()
}

fn ask(name: &str, quantity: i128, price: i64, placed_at: i64, sequence: u64) -> Ask {
    Ask {
        ask_id: AskId::derived(&[name]),
        provider: name.parse().unwrap(),
        market: market(),
        quantity: Quantity::new(quantity),
        price_micro_synor: MicroSynor::new(price),
        per: "core-milliseconds".parse().unwrap(),
        placed_at: at(placed_at),
        sequence,
        valid: always(),
    }
}

fn bid(name: &str, quantity: i128, limit: i64, placed_at: i64, sequence: u64) -> Bid {
    Bid {
        bid_id: BidId::derived(&[name]),
        account: name.parse().unwrap(),
        market: market(),
        quantity: Quantity::new(quantity),
        limit_micro_synor: MicroSynor::new(limit),
        per: "core-milliseconds".parse().unwrap(),
        placed_at: at(placed_at),
        sequence,
        valid: always(),
    }
}

/// `ask node 4 at 7, second -3`: the second is optional; the line number is the sequence.
fn read(book: &str) -> (i64, Vec<Ask>, Vec<Bid>) {
    let (mut reserve, mut asks, mut bids) = (0, vec![], vec![]);
    for (line, sequence) in book
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .zip(1..)
    {
        let words: Vec<_> = line.split([' ', ',']).filter(|w| !w.is_empty()).collect();
        let number = |i: usize| words.get(i).map_or(-60, |w| w.parse().unwrap());
        match words[0] {
            "reserve" => reserve = number(1),
            "ask" => asks.push(ask(
                words[1],
                number(2).into(),
                number(4),
                number(6),
                sequence,
            )),
            "bid" => bids.push(bid(
                words[1],
                number(2).into(),
                number(4),
                number(6),
                sequence,
            )),
            other => panic!("{other}"),
        }
    }
    (reserve, asks, bids)
}

fn show(clearing: &Clearing) -> String {
    let price = match clearing.price_micro_synor {
        Some(price) => format!("{} traded at {}", clearing.traded, price.micro()),
        None => "no trade".to_owned(),
    };
    let mut text = format!("{price}\n");
    let sellers: HashMap<_, _> = clearing.asks.iter().map(|a| (a.ask, &a.provider)).collect();
    for bid in &clearing.bids {
        let from: Vec<_> = (clearing.fills.iter().filter(|f| f.bid == bid.bid))
            .map(|f| format!(" {} from {}", f.quantity, sellers[&f.ask]))
            .collect();
        let (account, held, wanted) = (&bid.account, bid.held, bid.wanted);
        writeln!(
            text,
            "{account} holds {held} of {wanted}{}{}",
            if from.is_empty() { "" } else { ":" },
            from.join(",")
        )
        .unwrap();
    }
    for ask in &clearing.asks {
        writeln!(
            text,
            "{} sells {} of {}",
            ask.provider, ask.sold, ask.offered
        )
        .unwrap();
    }
    text
}

fn check(book: &str, expected: Expect) {
    let (reserve, asks, bids) = read(book);
    expected.assert_eq(&show(&clear(&round(0, reserve), &asks, &bids).unwrap()));
}

#[test]
fn an_empty_book() {
    check(
        "",
        expect![[r#"
        no trade
    "#]],
    );
    check(
        "ask node 4 at 0",
        expect![[r#"
        no trade
        node sells 0 of 4
    "#]],
    );
    check(
        "bid acme 4 at 9",
        expect![[r#"
        no trade
        acme holds 0 of 4
    "#]],
    );
}

#[test]
fn prices_that_do_not_cross() {
    check(
        "ask node 4 at 8
         bid acme 4 at 7",
        expect![[r#"
            no trade
            acme holds 0 of 4
            node sells 0 of 4
        "#]],
    );
}

#[test]
fn an_exact_tie_trades() {
    check(
        "ask node 4 at 7
         bid acme 4 at 7",
        expect![[r#"
            4 traded at 7
            acme holds 4 of 4: 4 from node
            node sells 4 of 4
        "#]],
    );
}

#[test]
fn nobody_is_turned_away_so_the_last_ask_is_the_price() {
    check(
        "ask cheap 4 at 3
         ask dear  4 at 5
         ask idle  4 at 6
         bid acme  5 at 9
         bid bolt  1 at 8",
        expect![[r#"
            6 traded at 5
            acme holds 5 of 5: 4 from cheap, 1 from dear
            bolt holds 1 of 1: 1 from dear
            cheap sells 4 of 4
            dear sells 2 of 4
            idle sells 0 of 4
        "#]],
    );
}

#[test]
fn the_bid_that_is_cut_short_is_the_price() {
    check(
        "ask node 4 at 3
         bid acme 3 at 9
         bid bolt 3 at 8
         bid cora 3 at 7",
        expect![[r#"
            4 traded at 8
            acme holds 3 of 3: 3 from node
            bolt holds 1 of 3: 1 from node
            cora holds 0 of 3
            node sells 4 of 4
        "#]],
    );
}

#[test]
fn a_bid_left_out_is_the_price_if_it_is_above_the_last_ask() {
    check(
        "ask node 4 at 3
         ask dear 4 at 8
         bid acme 4 at 9
         bid bolt 3 at 7",
        expect![[r#"
            4 traded at 7
            acme holds 4 of 4: 4 from node
            bolt holds 0 of 3
            node sells 4 of 4
            dear sells 0 of 4
        "#]],
    );
}

#[test]
fn the_reserve_lifts_asks_and_keeps_their_order() {
    check(
        "reserve 6
         ask late  4 at 5
         ask early 4 at 2
         ask above 4 at 7
         bid acme  5 at 6
         bid bolt  5 at 5",
        expect![[r#"
            5 traded at 6
            acme holds 5 of 5: 4 from early, 1 from late
            bolt holds 0 of 5
            early sells 4 of 4
            late sells 1 of 4
            above sells 0 of 4
        "#]],
    );
}

#[test]
fn a_reserve_above_all_sells_nothing() {
    check(
        "reserve 10
         ask node 4 at 3
         bid acme 3 at 9",
        expect![[r#"
            no trade
            acme holds 0 of 3
            node sells 0 of 4
        "#]],
    );
}

#[test]
fn among_equal_prices_the_earlier_comes_first() {
    check(
        "ask late   2 at 5, second -10
         ask early  2 at 5, second -20
         bid second 2 at 7, second -10
         bid third  2 at 7, second -10
         bid first  1 at 7, second -20",
        expect![[r#"
            4 traded at 7
            first holds 1 of 1: 1 from early
            second holds 2 of 2: 1 from early, 1 from late
            third holds 1 of 2: 1 from late
            early sells 2 of 2
            late sells 2 of 2
        "#]],
    );
}

#[test]
fn what_is_placed_later_or_elsewhere_or_ends_sooner_takes_no_part() {
    let asks = [ask("node", 4, 3, -1, 1)];
    let late = bid("late", 1, 9, 0, 1);
    let ends = Bid {
        valid: Period::new(at(-9), at(3_599)).unwrap(),
        ..bid("ends", 1, 9, -1, 2)
    };
    let starts = Bid {
        valid: Period::new(at(1), at(9_999)).unwrap(),
        ..bid("starts", 1, 9, -1, 3)
    };
    let mut elsewhere = bid("elsewhere", 1, 9, -1, 4);
    elsewhere
        .market
        .dimensions
        .insert("region".to_owned(), "eu".to_owned());
    let fits = Bid {
        valid: Period::new(at(0), at(3_600)).unwrap(),
        ..bid("fits", 1, 9, -1, 5)
    };
    let clearing = clear(&round(0, 0), &asks, &[late, ends, starts, elsewhere, fits]).unwrap();
    expect![[r#"
        1 traded at 3
        fits holds 1 of 1: 1 from node
        node sells 1 of 4
    "#]]
    .assert_eq(&show(&clearing));
}

#[test]
fn refusals_say_what_is_wrong() {
    let gpu = Market {
        resource: ResourceType::ComputeGpu,
        dimensions: Dimensions::new(),
    };
    let make = |market: &Market, per: &str, (start, end), reserve| {
        let interval = Period::new(at(start), at(end)).unwrap();
        Round::new(
            market.clone(),
            per.parse().unwrap(),
            interval,
            MicroSynor::new(reserve),
        )
    };
    let mut text = String::new();
    for round in [
        make(&gpu, "gpu-hours", (0, 3_600), 0),
        make(&market(), "GB", (0, 3_600), 0),
        make(&market(), "core-hours", (60, 3_660), 0),
        make(&market(), "core-hours", (0, 3_600), -1),
        make(&market(), "core-hours", (i64::MIN, i64::MAX), 0),
    ] {
        writeln!(text, "{}", round.unwrap_err()).unwrap();
    }
    let good = || ask("node", 1, 1, -1, 1);
    let too_much = Quantity::EVENT_MAX.get() + 1;
    for asks in [
        vec![ask("node", 0, 1, -1, 1)],
        vec![ask("node", too_much, 1, -1, 1)],
        vec![ask("node", 1, -1, -1, 1)],
        vec![Ask {
            per: "core-hours".parse().unwrap(),
            ..good()
        }],
        vec![good(), ask("node", 2, 2, -2, 2)],
    ] {
        writeln!(text, "{}", clear(&round(0, 0), &asks, &[]).unwrap_err()).unwrap();
    }
    let twice = [bid("acme", 1, 1, -1, 1), bid("acme", 1, 1, -1, 1)];
    writeln!(text, "{}", clear(&round(0, 0), &[], &twice).unwrap_err()).unwrap();
    let hour = |n| clear(&round(n, 0), &[], &[]).unwrap();
    writeln!(text, "{}", displaced(&hour(0), &hour(2)).unwrap_err()).unwrap();
    writeln!(text, "{}", hour(0).cost(Quantity::new(1), 1).unwrap_err()).unwrap();
    writeln!(text, "{}", interval_containing(at(0), 0).unwrap_err()).unwrap();
    expect![[r#"
        a market for compute.gpu needs the dimension gpu_model
        compute.cpu is billed in core-milliseconds, which GB is no multiple of
        the interval from 1970-01-01T00:01:00Z to 1970-01-01T01:01:00Z does not start at a multiple of its length
        the reserve price -0.000001 SYNOR is below zero
        the interval of 9223372036854775807 seconds around -9223372036854775808 is outside the calendar
        ask_9a33b161fa4452228c22351315f3fc2f is for 0 base units; it must be for 1 to 1000000000000000000000000000
        ask_9a33b161fa4452228c22351315f3fc2f is for 1000000000000000000000000001 base units; it must be for 1 to 1000000000000000000000000000
        ask_9a33b161fa4452228c22351315f3fc2f has a price of -0.000001 SYNOR, which is below zero
        ask_9a33b161fa4452228c22351315f3fc2f is priced per core-hours, its market per core-milliseconds
        ask_9a33b161fa4452228c22351315f3fc2f is in the book twice
        bid_bc10e95b6be759ac83422b144c230e61 is in the book twice
        the clearing of compute.cpu from 1970-01-01T02:00:00Z does not follow the one of compute.cpu to 1970-01-01T01:00:00Z
        nothing was traded in compute.cpu from 1970-01-01T00:00:00Z, so there is no price
        an interval of 0 seconds is not above zero
    "#]].assert_eq(&text);
}

#[test]
fn a_dearer_bid_displaces_and_the_rest_stays_where_it_is() {
    let (_, asks, mut bids) = read(
        "ask node-1 4 at 3
         ask node-2 4 at 4
         bid acme   4 at 9
         bid bolt   3 at 7
         bid cora   1 at 6",
    );
    let first = clear(&round(0, 0), &asks, &bids).unwrap();
    bids.push(bid("dune", 3, 12, 1_800, 6));
    bids[2].valid = Period::new(at(-100), at(3_600)).unwrap();
    let second = clear(&round(1, 0), &asks, &bids).unwrap();
    let kept = second.clone().keeping(&first).unwrap();
    let mut text = format!(
        "{}--\n{}-- keeping\n{}--\n",
        show(&first),
        show(&second),
        show(&kept)
    );
    for i in displaced(&first, &second).unwrap() {
        writeln!(
            text,
            "{} loses {} and keeps {} at {}",
            i.account, i.lost, i.kept, i.at
        )
        .unwrap();
    }
    expect![[r#"
        8 traded at 4
        acme holds 4 of 4: 4 from node-1
        bolt holds 3 of 3: 3 from node-2
        cora holds 1 of 1: 1 from node-2
        node-1 sells 4 of 4
        node-2 sells 4 of 4
        --
        8 traded at 7
        dune holds 3 of 3: 3 from node-1
        acme holds 4 of 4: 1 from node-1, 3 from node-2
        bolt holds 1 of 3: 1 from node-2
        node-1 sells 4 of 4
        node-2 sells 4 of 4
        -- keeping
        8 traded at 7
        dune holds 3 of 3: 3 from node-2
        acme holds 4 of 4: 4 from node-1
        bolt holds 1 of 3: 1 from node-2
        node-1 sells 4 of 4
        node-2 sells 4 of 4
        --
        bolt loses 2 and keeps 1 at 1970-01-01T01:00:00Z
    "#]]
    .assert_eq(&text);

    // Both run on for ten minutes. The first hour ends for bolt with its hour, and in the second
    // cora holds nothing to be charged for.
    let bolt = first.bids[1].bid;
    let ran = Period::new(at(1_000), at(4_200)).unwrap();
    assert_eq!(
        first.chargeable(bolt, ran),
        Period::new(at(1_000), at(3_600)).ok()
    );
    let cora = first.bids[2].bid;
    assert_eq!(second.chargeable(cora, ran), None);
}

#[test]
fn history_and_json() {
    let (_, asks, bids) = read(
        "ask node 4 at 3
         bid acme 4 at 9",
    );
    let clearing = clear(&round(0, 0), &asks, &bids).unwrap();
    let json = serde_json::to_string_pretty(&clearing.price_point().unwrap()).unwrap();
    expect![[r#"
        {
          "resource": "compute.cpu",
          "per": "core-milliseconds",
          "interval": {
            "start": 0,
            "end": 3600
          },
          "price_micro_synor": 3,
          "traded": 4
        }"#]]
    .assert_eq(&json);
    let text = serde_json::to_string(&(&clearing, &asks, &bids)).unwrap();
    let back: (Clearing, Vec<Ask>, Vec<Bid>) = serde_json::from_str(&text).unwrap();
    assert_eq!(back, (clearing.clone(), asks, bids));

    assert_eq!(last(&[]), None);
    assert_eq!(mean(&[], always()), Ok(None));
    let point = clearing.price_point().unwrap();
    assert_eq!(
        mean(&[point], Period::new(at(0), at(3_599)).unwrap()),
        Ok(None)
    );
}

/// Price, quantity, second and sequence of an order; few of each, so that ties are common.
type Terms = (i64, i128, i64, u64);

fn side() -> impl Strategy<Value = Vec<Terms>> {
    prop::collection::vec((0i64..8, 1i128..5, -3i64..0, 0u64..3), 0..=6)
}

fn asks_of(terms: &[Terms]) -> Vec<Ask> {
    let ask = |(i, &(p, q, t, s)): (usize, &Terms)| ask(&format!("ask{i}"), q, p, t, s);
    terms.iter().enumerate().map(ask).collect()
}

fn bids_of(terms: &[Terms]) -> Vec<Bid> {
    let bid = |(i, &(p, q, t, s)): (usize, &Terms)| bid(&format!("bid{i}"), q, p, t, s);
    terms.iter().enumerate().map(bid).collect()
}

/// What each order of a side gets when a volume is handed out from the front.
fn hand_out<K: Ord, I: Copy>(mut orders: Vec<(K, I, Quantity)>, volume: i128) -> Vec<(I, i128)> {
    orders.sort_by(|a, b| a.0.cmp(&b.0));
    let mut left = volume;
    let give = |(_, id, quantity): (K, I, Quantity)| {
        let got = quantity.get().min(left);
        left -= got;
        (id, got)
    };
    orders.into_iter().map(give).collect()
}

fn totals<K: Ord>(parts: impl Iterator<Item = (K, Quantity)>) -> BTreeMap<K, i128> {
    let mut totals = BTreeMap::new();
    for (key, quantity) in parts {
        *totals.entry(key).or_default() += quantity.get();
    }
    totals
}

/// Every fill is above zero, comes once, and adds up on both sides.
fn adds_up(clearing: &Clearing) {
    let held = clearing.bids.iter().filter(|b| !b.held.is_zero());
    let sold = clearing.asks.iter().filter(|a| !a.sold.is_zero());
    let by_bid = totals(clearing.fills.iter().map(|f| (f.bid, f.quantity)));
    let by_ask = totals(clearing.fills.iter().map(|f| (f.ask, f.quantity)));
    assert_eq!(by_bid, totals(held.map(|b| (b.bid, b.held))));
    assert_eq!(by_ask, totals(sold.map(|a| (a.ask, a.sold))));
    assert_eq!(by_bid.values().sum::<i128>(), clearing.traded.get());
    assert_eq!(by_ask.values().sum::<i128>(), clearing.traded.get());
    assert!(clearing.fills.iter().all(|f| f.quantity > Quantity::ZERO));
    let pairs = totals(clearing.fills.iter().map(|f| ((f.bid, f.ask), f.quantity)));
    assert_eq!(pairs.len(), clearing.fills.len());
    assert!(clearing.bids.iter().all(|b| b.held <= b.wanted));
    assert!(clearing.asks.iter().all(|a| a.sold <= a.offered));
    let partial = |filled: Filled| filled == Filled::Partial;
    assert!(clearing.bids.iter().filter(|b| partial(b.filled())).count() <= 1);
    assert!(clearing.asks.iter().filter(|a| partial(a.filled())).count() <= 1);
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 3_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn it_is_what_brute_force_finds(asks in side(), bids in side(), reserve in 0i64..8) {
        let (asks, bids) = (asks_of(&asks), bids_of(&bids));
        let clearing = clear(&round(0, reserve), &asks, &bids).unwrap();
        adds_up(&clearing);

        // No uniform price trades more. (Prices are whole, so no price between two of them would.)
        let sum = |it: &mut dyn Iterator<Item = Quantity>| it.map(Quantity::get).sum::<i128>();
        let lifted = |a: &Ask| a.price_micro_synor.micro().max(reserve);
        let limit = |b: &Bid| b.limit_micro_synor.micro();
        let supply = |p| sum(&mut asks.iter().filter(|a| lifted(a) <= p).map(|a| a.quantity));
        let demand = |p| sum(&mut bids.iter().filter(|b| limit(b) >= p).map(|b| b.quantity));
        let most = (0..10).map(|p| supply(p).min(demand(p))).max().unwrap();
        prop_assert_eq!(clearing.traded.get(), most);

        // The price is the (M+1)-st of all units, and the lowest at which nobody who would be
        // better off by trading more is left out.
        let mut units: Vec<i64> = vec![];
        for a in &asks { units.extend((0..a.quantity.get()).map(|_| lifted(a))); }
        let m = units.len();
        for b in &bids { units.extend((0..b.quantity.get()).map(|_| limit(b))); }
        units.sort_by(|a, b| b.cmp(a));
        let lowest = (reserve..10).find(|p| demand(p + 1) <= supply(*p) && supply(p - 1) <= demand(*p));
        let price = clearing.price_micro_synor.map(MicroSynor::micro);
        prop_assert_eq!(price, (most > 0).then(|| units[m]));
        if most > 0 {
            prop_assert_eq!(price, lowest);
        }

        // It is handed out from the front, by the stated rule.
        let rank = |a: &Ask| ((a.price_micro_synor, a.placed_at, a.sequence, a.ask_id), a.ask_id, a.quantity);
        let sold: Vec<_> = clearing.asks.iter().map(|a| (a.ask, a.sold.get())).collect();
        prop_assert_eq!(sold, hand_out(asks.iter().map(rank).collect(), most));
        let rank = |b: &Bid| ((-limit(b), b.placed_at, b.sequence, b.bid_id), b.bid_id, b.quantity);
        let held: Vec<_> = clearing.bids.iter().map(|b| (b.bid, b.held.get())).collect();
        prop_assert_eq!(held, hand_out(bids.iter().map(rank).collect(), most));
    }

    #[test]
    fn nobody_loses_and_nobody_is_passed_over(asks in side(), bids in side(), reserve in 0i64..8) {
        let clearing = clear(&round(0, reserve), &asks_of(&asks), &bids_of(&bids)).unwrap();
        let Some(price) = clearing.price_micro_synor else {
            prop_assert!(clearing.fills.is_empty());
            return Ok(());
        };
        prop_assert!(price.micro() >= reserve);
        for bid in &clearing.bids {
            prop_assert!(bid.filled() == Filled::Unfilled || bid.limit_micro_synor >= price);
            prop_assert!(bid.filled() == Filled::Full || bid.limit_micro_synor <= price);
            for other in clearing.bids.iter().filter(|b| !b.held.is_zero()) {
                prop_assert!(bid.filled() == Filled::Full || bid.limit_micro_synor <= other.limit_micro_synor);
            }
        }
        for ask in &clearing.asks {
            let lifted = ask.price_micro_synor.max(MicroSynor::new(reserve));
            prop_assert!(ask.filled() == Filled::Unfilled || lifted <= price);
            prop_assert!(ask.filled() == Filled::Full || lifted >= price);
            for other in clearing.asks.iter().filter(|a| !a.sold.is_zero()) {
                prop_assert!(ask.filled() == Filled::Full || ask.price_micro_synor >= other.price_micro_synor);
            }
        }
    }

    #[test]
    fn a_bid_for_one_unit_gains_nothing_by_bidding_less(
        asks in side(), bids in side(), worth in 0i64..10, said in 0i64..10, reserve in 0i64..8,
    ) {
        let gain = |limit: i64| {
            let mut bids = bids_of(&bids);
            bids.push(bid("self", 1, limit, -2, 1));
            let clearing = clear(&round(0, reserve), &asks_of(&asks), &bids).unwrap();
            let own = clearing.bids.iter().find(|b| b.account.as_str() == "self").unwrap();
            if own.held.is_zero() { 0 } else { worth - clearing.price_micro_synor.unwrap().micro() }
        };
        prop_assert!(gain(worth) >= gain(said));
    }

    #[test]
    fn the_order_of_the_book_makes_no_difference(
        (asks, shuffled_asks) in side().prop_flat_map(|s| { let a = asks_of(&s); (Just(a.clone()), Just(a).prop_shuffle()) }),
        (bids, shuffled_bids) in side().prop_flat_map(|s| { let b = bids_of(&s); (Just(b.clone()), Just(b).prop_shuffle()) }),
        reserve in 0i64..8,
    ) {
        let round = round(0, reserve);
        prop_assert_eq!(clear(&round, &asks, &bids), clear(&round, &shuffled_asks, &shuffled_bids));
    }

    #[test]
    fn ids_decide_only_between_equal_price_time_and_sequence(
        asks in side(),
        bids in side(),
        ids in Just((0..6).collect::<Vec<usize>>()).prop_shuffle(),
        reserve in 0i64..8,
    ) {
        let (mut asks, mut bids) = (asks_of(&asks), bids_of(&bids));
        let by_terms = |asks: &[Ask], bids: &[Bid]| {
            let clearing = clear(&round(0, reserve), asks, bids).unwrap();
            let terms: HashMap<_, _> = asks.iter().map(|a| (a.ask_id, (a.price_micro_synor, a.placed_at, a.sequence))).collect();
            let sold = totals(clearing.asks.iter().map(|a| (terms[&a.ask], a.sold)));
            let terms: HashMap<_, _> = bids.iter().map(|b| (b.bid_id, (b.limit_micro_synor, b.placed_at, b.sequence))).collect();
            let held = totals(clearing.bids.iter().map(|b| (terms[&b.bid], b.held)));
            (clearing.price_micro_synor, clearing.traded, sold, held)
        };
        let before = by_terms(&asks, &bids);
        for (ask, id) in asks.iter_mut().zip(&ids) { ask.ask_id = AskId::derived(&[&format!("ask{id}")]); }
        for (bid, id) in bids.iter_mut().zip(&ids) { bid.bid_id = BidId::derived(&[&format!("bid{id}")]); }
        prop_assert_eq!(by_terms(&asks, &bids), before);
    }

    #[test]
    fn from_one_hour_to_the_next(
        asks in side(), bids in side(), new_bids in side(), gone in prop::collection::vec(any::<bool>(), 12), reserve in 0i64..8,
    ) {
        let hour = round(0, reserve).interval();
        let (mut asks, mut bids) = (asks_of(&asks), bids_of(&bids));
        let untouched = clear(&round(1, reserve), &asks, &bids).unwrap();
        let until = Period::new(always().start(), hour.end()).unwrap();
        for (ask, _) in asks.iter_mut().zip(&gone).filter(|(_, gone)| **gone) { ask.valid = until; }
        for (bid, _) in bids.iter_mut().zip(&gone[6..]).filter(|(_, gone)| **gone) { bid.valid = until; }
        for (i, (p, q, t, s)) in new_bids.into_iter().enumerate() {
            bids.push(bid(&format!("new{i}"), q, p, hour.end().secs() + t, s));
        }
        let first = clear(&round(0, reserve), &asks, &bids).unwrap();
        let second = clear(&round(1, reserve), &asks, &bids).unwrap();

        // The same book again moves nobody.
        let again = untouched.clone().keeping(&first).unwrap();
        prop_assert_eq!(&again.fills, &first.fills);

        // Keeping decides nothing but who serves whom.
        let kept = second.clone().keeping(&first).unwrap();
        adds_up(&kept);
        prop_assert_eq!(Clearing { fills: second.fills.clone(), ..kept.clone() }, second.clone());
        // Whoever trades as much as before with a single partner who does so too stays there.
        let same = |f: &&synor_economics::pricing::spot::Fill| {
            second.bids.iter().any(|b| b.bid == f.bid && b.held == f.quantity)
                && second.asks.iter().any(|a| a.ask == f.ask && a.sold == f.quantity)
                && first.bids.iter().any(|b| b.bid == f.bid && b.held == f.quantity)
                && first.asks.iter().any(|a| a.ask == f.ask && a.sold == f.quantity)
        };
        for fill in first.fills.iter().filter(same) {
            prop_assert!(kept.fills.contains(fill));
        }

        let lost: BTreeMap<_, _> = displaced(&first, &second).unwrap().into_iter().map(|i| (i.bid, i)).collect();
        let ran = Period::new(at(-1_000), at(1_000_000)).unwrap();
        for before in &first.bids {
            let charged = first.chargeable(before.bid, ran);
            prop_assert_eq!(charged, (!before.held.is_zero()).then_some(hour));
            let after = second.bids.iter().find(|b| b.bid == before.bid);
            match lost.get(&before.bid) {
                Some(i) => {
                    let after = after.unwrap();
                    prop_assert_eq!((i.kept, i.lost.get()), (after.held, before.held.get() - after.held.get()));
                    prop_assert!(i.lost > Quantity::ZERO && i.at == hour.end());
                    prop_assert!(after.held.is_zero() == second.chargeable(i.bid, ran).is_none());
                }
                None => prop_assert!(after.is_none_or(|after| after.held >= before.held)),
            }
        }
    }

    #[test]
    fn extremes_are_an_answer_or_an_error(
        orders in prop::collection::vec((
            prop::sample::select(vec![i64::MIN, -1, 0, 1, i64::MAX - 1, i64::MAX]),
            prop::sample::select(vec![i128::MIN, -1, 0, 1, Quantity::EVENT_MAX.get(), Quantity::EVENT_MAX.get() + 1, i128::MAX]),
            prop::sample::select(vec![i64::MIN, -1]),
            prop::sample::select(vec![0, u64::MAX]),
        ), 0..6),
        cut in any::<prop::sample::Index>(),
        at_secs in prop::sample::select(vec![i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX]),
        secs in prop::sample::select(vec![i64::MIN, -1, 0, 1, 3_600, i64::MAX]),
        reserve in prop::sample::select(vec![0, i64::MAX]),
    ) {
        let (asks, bids) = orders.split_at(cut.index(orders.len() + 1));
        let cleared = clear(&round(0, reserve), &asks_of(asks), &bids_of(bids));
        let valid = orders.iter().all(|(p, q, ..)| *p >= 0 && *q >= 1 && *q <= Quantity::EVENT_MAX.get());
        prop_assert_eq!(cleared.is_ok(), valid);
        if let Ok(clearing) = cleared {
            adds_up(&clearing);
            let _ = (clearing.cost(Quantity::new(i128::MAX), i64::MAX), clearing.cost(clearing.traded, 0));
            let _ = clearing.price_point().map(|p| mean(&[p.clone(), p], always()));
        }
        if let Ok(interval) = interval_containing(at(at_secs), secs) {
            prop_assert!(interval.contains(at(at_secs)));
            prop_assert_eq!(interval.start().secs() % secs, 0);
        }
    }
}

/// `cargo test --release -p synor-economics --test spot_market -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn ten_thousand_orders_clear_in_a_blink() {
    for count in [5_000u64, 50_000, 500_000] {
        // A linear congruential generator: the same book every time.
        let mut state = 1u64;
        let mut next = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            i64::try_from((state >> 33) % below).unwrap()
        };
        let asks: Vec<_> = (0..count)
            .map(|i| {
                ask(
                    &format!("ask{i}"),
                    next(1_000_000).into(),
                    next(10_000),
                    -1 - next(60),
                    i,
                )
            })
            .map(|a| Ask {
                quantity: a.quantity.checked_add(Quantity::new(1)).unwrap(),
                ..a
            })
            .collect();
        let bids: Vec<_> = (0..count)
            .map(|i| {
                bid(
                    &format!("bid{i}"),
                    next(1_000_000).into(),
                    next(10_000),
                    -1 - next(60),
                    i,
                )
            })
            .map(|b| Bid {
                quantity: b.quantity.checked_add(Quantity::new(1)).unwrap(),
                ..b
            })
            .collect();
        let (first, second) = (round(0, 100), round(1, 100));
        let start = std::time::Instant::now();
        let clearing = clear(&first, &asks, &bids).unwrap();
        let cleared = start.elapsed();
        let following = clear(&second, &asks, &bids[1..])
            .unwrap()
            .keeping(&clearing)
            .unwrap();
        let lost = displaced(&clearing, &following).unwrap();
        println!(
            "{} orders: cleared in {cleared:?} ({} fills at {}); next interval with pairs kept and {} displaced: {:?}",
            count * 2,
            clearing.fills.len(),
            clearing.price_micro_synor.unwrap().micro(),
            lost.len(),
            start.elapsed() - cleared,
        );
        assert!(cleared.as_secs() < 5);
    }
}
