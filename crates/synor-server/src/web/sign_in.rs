//! Where people sign in with their key.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use super::page::{Failure, Frame, page};
use crate::request::Params;

/// What the page is told.
#[derive(Deserialize)]
pub struct SignInParams {
    /// Where to go on.
    next: Option<String>,
    /// Whether a key was refused just now.
    refused: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    frame: Frame,
    next: String,
    is_refused: bool,
}

/// `GET /signin`
pub async fn show(Params(params): Params<SignInParams>) -> Result<Response, Failure> {
    page(&SignIn {
        frame: Frame::new("Sign in", "/signin", None),
        next: params.next.unwrap_or_else(|| "/".to_owned()),
        is_refused: params.refused.is_some(),
    })
}
