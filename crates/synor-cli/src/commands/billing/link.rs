//! Payment links: what a wallet elsewhere pays by, as text and as a code for its camera.

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde::Serialize;
use synor_chain::Chain;
use synor_economics::billing::PaymentRequest;

use crate::client::Session;
use crate::error::error_with_help;
use crate::format;
use crate::output::Answer;

/// What the names of EVM chains begin with (CAIP-2, namespace `eip155`).
const EVM_CHAINS: &str = "eip155:";

/// Whether the server's chain is paid from wallets elsewhere, by links, rather than from one here.
pub async fn is_how_the_chain_is_paid(session: &Session) -> anyhow::Result<bool> {
    let chain_id = session.chain()?.chain_id().await?;
    Ok(chain_id.starts_with(EVM_CHAINS))
}

/// The link of a request, on a chain that has links.
pub fn uri_of(request: &PaymentRequest) -> Option<&str> {
    request.payment_uri.as_deref()
}

/// The answer that shows how to pay.
pub fn shown(json: &impl Serialize, request: &PaymentRequest) -> anyhow::Result<Answer> {
    let Some(uri) = uri_of(request) else {
        return Err(error_with_help(
            "this chain has no payment links",
            "pay from the wallet of this machine: leave --link away",
        ));
    };
    let mut answer = Answer::new(json)?
        .line(format!(
            "{} to pay",
            format::money(request.amount_micro_synor)
        ))
        .line("");
    if let Some(approval) = &request.approval_uri {
        answer = answer.line(format!("approve  {approval}"));
    }
    Ok(answer
        .line(format!("pay      {uri}"))
        .line("")
        .line(code_of(uri)?))
}

/// A code in blocks of half a line, dark on light whatever the terminal's colours are.
fn code_of(uri: &str) -> anyhow::Result<String> {
    let code = QrCode::new(uri)?;
    let mut image = code.render::<Dense1x2>();
    let image = image
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark);
    Ok(image.build())
}
