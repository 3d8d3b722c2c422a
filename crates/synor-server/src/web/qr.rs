//! A text as a QR code, drawn as SVG.

use std::fmt::{self, Write};

use askama::filters::HtmlSafe;
use qrcode::{Color, EcLevel, QrCode};

/// Free modules around the code, as its standard asks for.
const QUIET: usize = 4;

/// A QR code. It is dark on white whatever the page's colours are, so that every camera reads it.
#[derive(Debug, Clone)]
pub struct Qr {
    width: usize,
    path: String,
}

impl Qr {
    /// The code of a text; none if it is too long for one.
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let width = code.width();
        let mut path = String::new();
        for (at, color) in code.to_colors().into_iter().enumerate() {
            if color == Color::Dark {
                let x = at.checked_rem(width)?.checked_add(QUIET)?;
                let y = at.checked_div(width)?.checked_add(QUIET)?;
                write!(path, "M{x} {y}h1v1h-1z").ok()?;
            }
        }
        Some(Self {
            width: width.checked_add(QUIET * 2)?,
            path,
        })
    }
}

impl fmt::Display for Qr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, path) = (self.width, &self.path);
        write!(
            f,
            "<svg class=\"qr\" viewBox=\"0 0 {width} {width}\" role=\"img\" \
             aria-label=\"QR code of the payment\" shape-rendering=\"crispEdges\">\
             <path fill=\"#000\" d=\"{path}\"/></svg>"
        )
    }
}

// Only numbers and our own markup.
impl HtmlSafe for Qr {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_three_finders() {
        let code = Qr::of("synor:abc?amount=1").expect("it fits").to_string();
        // The corner of the first finder, and the quiet zone before it.
        assert!(code.contains("M4 4h1v1h-1z") && !code.contains("M3 4h"));
        assert!(Qr::of(&"x".repeat(5_000)).is_none());
    }
}
