//! The conformance suite over the development chain itself, and over its RPC.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

mod development_chain {
    use super::common::Place;
    use synor_chain::conformance;

    macro_rules! case {
        ($name:ident) => {
            #[tokio::test]
            async fn $name() {
                let place = Place::new();
                let chain = place.running();
                conformance::$name(&chain).await;
                chain.verify().await.unwrap();
            }
        };
    }
    synor_chain::for_each_case!(case);
}

mod over_rpc {
    use super::common::{Place, serve};
    use std::sync::Arc;
    use synor_chain::{RpcChain, conformance};

    macro_rules! case {
        ($name:ident) => {
            #[tokio::test]
            async fn $name() {
                let place = Place::new();
                let url = serve(Arc::new(place.running())).await;
                conformance::$name(&RpcChain::new(url).unwrap()).await;
            }
        };
    }
    synor_chain::for_each_case!(case);
}
