//! Who sends: what stands at the head of an invoice and at the foot of an e-mail.

use serde::Deserialize;

/// The operator as customers see it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Operator {
    /// Its name.
    pub name: String,
    /// Its postal address, a line each.
    pub address: Vec<String>,
    /// What tax authorities know it by, such as `VAT ID DE123456789`.
    pub tax_id: Option<String>,
    /// Where customers ask.
    pub contact: Option<String>,
    /// The paper of its invoices.
    pub paper: Paper,
}

impl Default for Operator {
    fn default() -> Self {
        Self {
            name: "Synor".to_owned(),
            address: Vec::new(),
            tax_id: None,
            contact: None,
            paper: Paper::A4,
        }
    }
}

/// The size of a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paper {
    /// 210 × 297 mm.
    #[default]
    A4,
    /// 8.5 × 11 inches.
    Letter,
}

impl Paper {
    /// Width and height in points.
    pub const fn size(self) -> (f32, f32) {
        match self {
            Self::A4 => (595.28, 841.89),
            Self::Letter => (612.0, 792.0),
        }
    }
}
