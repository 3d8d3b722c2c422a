//! An invoice as rows of FOCUS 1.2, the FinOps Open Cost and Usage Specification, so that tools which
//! read cloud bills read ours.
//!
//! The rows of an invoice sum to what it comes to before prepaid credit: subtotal − discounts + taxes
//! that prices do not include − granted credits − credit notes, besides what these give back as granted
//! credit. Paying out of a prepaid balance is a payment, and payments are no costs.

use super::credit_note::CreditNote;
use super::invoice::Invoice;
use super::line_item::LineItem;
use crate::metering::ServiceType;
use crate::money::{Exact, MICRO_PER_SYNOR, MicroSynor, MoneyError};
use crate::period::{Period, PeriodError, Timestamp};

/// Whose bill it is; FOCUS wants a name for who provides, who publishes and who invoices.
const ISSUER: &str = "Synor";
/// ISO 4217 for what is in no national currency.
const NO_CURRENCY: &str = "XXX";
/// What prices are in.
const PRICING_CURRENCY: &str = "SYNOR";
/// Decimals of amounts and prices.
const DECIMALS: u32 = 12;

/// The columns of FOCUS 1.2, all of them, in the order of their names.
pub const FOCUS_COLUMNS: [&str; 57] = [
    "AvailabilityZone",
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "CapacityReservationId",
    "CapacityReservationStatus",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "CommitmentDiscountUnit",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "SubAccountType",
    "Tags",
];

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeCategory {
    /// What was used.
    Usage,
    /// A fee.
    Purchase,
    /// A tax.
    Tax,
    /// What is taken off: discounts, granted credits, credit notes.
    Credit,
}

impl ChargeCategory {
    const fn name(self) -> &'static str {
        match self {
            Self::Usage => "Usage",
            Self::Purchase => "Purchase",
            Self::Tax => "Tax",
            Self::Credit => "Credit",
        }
    }

    const fn frequency(self) -> &'static str {
        match self {
            Self::Usage => "Usage-Based",
            Self::Purchase => "Recurring",
            Self::Tax | Self::Credit => "One-Time",
        }
    }
}

/// Where the rows of an invoice go.
#[derive(Debug, Clone, Copy)]
pub struct FocusBill<'a> {
    /// The invoice.
    pub invoice: &'a Invoice,
    /// What people call the account.
    pub account_name: &'a str,
    /// The credit notes on it.
    pub credit_notes: &'a [CreditNote],
    /// What one SYNOR is in USD, for a bill in USD; none leaves amounts in SYNOR, under the code XXX.
    pub usd_per_synor: Option<Exact>,
}

/// A row, by the columns that differ between rows.
#[derive(Debug, Clone, PartialEq)]
pub struct FocusRow {
    /// What it is about.
    pub category: ChargeCategory,
    /// Whether it corrects what an earlier invoice said.
    pub is_correction: bool,
    /// What people read.
    pub description: String,
    /// What it costs; below zero for what is given back.
    pub cost: MicroSynor,
    /// The charged time.
    pub period: Period,
    /// The usage behind it.
    pub usage: Option<LineItem>,
}

impl FocusBill<'_> {
    /// The rows: lines, fees, discounts, taxes, granted credits, credit notes with their taxes.
    pub fn rows(&self) -> Result<Vec<FocusRow>, FocusError> {
        let invoice = self.invoice;
        let mut rows = Vec::new();
        for line in &invoice.line_items {
            let period = match line.adjusts {
                Some(month) => month.period(&invoice.time_zone)?,
                None => invoice.period,
            };
            rows.push(FocusRow {
                category: ChargeCategory::Usage,
                is_correction: line.adjusts.is_some(),
                description: line.description.clone(),
                cost: line
                    .amount_micro_synor
                    .checked_sub(line.credit_micro_synor)?,
                period,
                usage: Some(line.clone()),
            });
        }
        for fee in &invoice.fees {
            let (what, cost) = (fee.description.clone(), fee.amount_micro_synor);
            rows.push(self.row(ChargeCategory::Purchase, what, cost));
        }
        for discount in &invoice.discounts {
            let off = discount.amount_micro_synor.checked_neg()?;
            rows.push(self.row(ChargeCategory::Credit, discount.description.clone(), off));
        }
        for line in invoice.taxes.iter().filter(|line| !line.tax.is_inclusive) {
            let (what, cost) = (line.tax.name.clone(), line.amount_micro_synor);
            rows.push(self.row(ChargeCategory::Tax, what, cost));
        }
        for used in invoice.credits.iter().filter(|used| !used.is_prepaid) {
            let what = format!("Credit {}", used.credit_id);
            let off = used.amount_micro_synor.checked_neg()?;
            rows.push(self.row(ChargeCategory::Credit, what, off));
        }
        for note in self.credit_notes {
            self.credit_note(note, &mut rows)?;
        }
        Ok(rows)
    }

    /// The taxes in a credit note are rows of their own, so that those of the invoice and these sum to
    /// the tax that is due.
    fn credit_note(&self, note: &CreditNote, rows: &mut Vec<FocusRow>) -> Result<(), FocusError> {
        let is_added = |name: &str| {
            let mut taxes = self.invoice.taxes.iter();
            taxes.any(|line| line.tax.name == name && !line.tax.is_inclusive)
        };
        let mut net = note.amount_micro_synor;
        for tax in note.taxes.iter().filter(|tax| is_added(&tax.name)) {
            net = net.checked_sub(tax.amount_micro_synor)?;
            let what = format!("{}, {}", tax.name, note.number);
            let off = tax.amount_micro_synor.checked_neg()?;
            rows.push(self.correction(ChargeCategory::Tax, what, off));
        }
        let what = format!("{}: {}", note.number, note.reason);
        rows.push(self.correction(ChargeCategory::Credit, what, net.checked_neg()?));
        // It will be taken off another invoice: here it is not given back in coins.
        if !note.credit_micro_synor.is_zero() {
            let what = format!("{}: given back as credit", note.number);
            let back = note.credit_micro_synor;
            rows.push(self.correction(ChargeCategory::Credit, what, back));
        }
        Ok(())
    }

    fn row(&self, category: ChargeCategory, description: String, cost: MicroSynor) -> FocusRow {
        FocusRow {
            category,
            is_correction: false,
            description,
            cost,
            period: self.invoice.period,
            usage: None,
        }
    }

    fn correction(&self, of: ChargeCategory, description: String, cost: MicroSynor) -> FocusRow {
        FocusRow {
            is_correction: true,
            ..self.row(of, description, cost)
        }
    }

    /// A row's values, in the order of [`FOCUS_COLUMNS`]; empty where there is none.
    pub fn fields(&self, row: &FocusRow) -> Result<[String; 57], FocusError> {
        let values = RowValues::of(self, row)?;
        Ok(FOCUS_COLUMNS.map(|column| values.value(column)))
    }
}

/// Why an invoice cannot be told as rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FocusError {
    /// An amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A month's period.
    #[error(transparent)]
    Period(#[from] PeriodError),
}

/// What a row's columns are worked out from, once.
struct RowValues<'a> {
    bill: &'a FocusBill<'a>,
    row: &'a FocusRow,
    synor: String,
    billed: String,
    unit_price: Option<(String, String)>,
}

impl<'a> RowValues<'a> {
    fn of(bill: &'a FocusBill<'a>, row: &'a FocusRow) -> Result<Self, MoneyError> {
        let micro = Exact::from_integer(i128::from(row.cost.micro()));
        let per_synor = Exact::from_integer(i128::from(MICRO_PER_SYNOR));
        let synor = micro.checked_div(per_synor)?;
        let rate = bill.usd_per_synor.unwrap_or(Exact::from_integer(1));
        let billed = synor.checked_mul(rate)?;
        let unit_price = match row.usage.as_ref().map(unit_price).transpose()?.flatten() {
            None => None,
            Some(price) => {
                let synor = price.checked_div(per_synor)?;
                let billed = synor.checked_mul(rate)?;
                Some((synor.to_decimal(DECIMALS), billed.to_decimal(DECIMALS)))
            }
        };
        Ok(Self {
            bill,
            row,
            synor: synor.to_decimal(DECIMALS),
            billed: billed.to_decimal(DECIMALS),
            unit_price,
        })
    }

    fn value(&self, column: &str) -> String {
        let (row, invoice) = (self.row, self.bill.invoice);
        match column {
            "BilledCost" | "ContractedCost" | "EffectiveCost" | "ListCost" => self.billed.clone(),
            "PricingCurrencyEffectiveCost" => self.synor.clone(),
            "BillingAccountId" => invoice.account_id.to_string(),
            "BillingAccountName" => self.bill.account_name.to_owned(),
            "BillingAccountType" => "Account".to_owned(),
            "BillingCurrency" => match self.bill.usd_per_synor {
                Some(_) => "USD".to_owned(),
                None => NO_CURRENCY.to_owned(),
            },
            "PricingCurrency" => PRICING_CURRENCY.to_owned(),
            "BillingPeriodStart" => time(invoice.period.start()),
            "BillingPeriodEnd" => time(invoice.period.end()),
            "ChargePeriodStart" => time(row.period.start()),
            "ChargePeriodEnd" => time(row.period.end()),
            "ChargeCategory" => row.category.name().to_owned(),
            "ChargeClass" if row.is_correction => "Correction".to_owned(),
            "ChargeDescription" => row.description.clone(),
            "ChargeFrequency" => row.category.frequency().to_owned(),
            "InvoiceId" => invoice.number.to_string(),
            "InvoiceIssuerName" | "ProviderName" | "PublisherName" => ISSUER.to_owned(),
            "ServiceCategory" => category_of(row).to_owned(),
            "ServiceSubcategory" => format!("Other ({})", category_of(row)),
            _ => self.of_usage(column),
        }
    }

    /// What only usage has.
    fn of_usage(&self, column: &str) -> String {
        let Some(line) = &self.row.usage else {
            let is_service = column == "ServiceName";
            return if is_service {
                ISSUER.to_owned()
            } else {
                String::new()
            };
        };
        let price = || self.unit_price.clone().unwrap_or_default();
        match column {
            "ServiceName" => line.service.to_string(),
            "ConsumedQuantity" => line.quantity.get().to_string(),
            "ConsumedUnit" => line.unit.name().to_owned(),
            "PricingQuantity" => line.priced_quantity.clone(),
            "PricingUnit" => line.price_unit.to_string(),
            "PricingCategory" => "Standard".to_owned(),
            "ListUnitPrice" | "ContractedUnitPrice" => price().1,
            "PricingCurrencyListUnitPrice" | "PricingCurrencyContractedUnitPrice" => price().0,
            "RegionId" | "RegionName" => line.dimensions.get("region").cloned().unwrap_or_default(),
            "ResourceType" | "SkuId" => line.resource.to_string(),
            "SkuMeter" => line.resource.spec().title.to_owned(),
            "SkuPriceId" => sku_price(line),
            "SkuPriceDetails" if !line.dimensions.is_empty() => details(line),
            _ => String::new(),
        }
    }
}

/// µSYNOR per price unit: the price, or the average where it depends on the quantity.
fn unit_price(line: &LineItem) -> Result<Option<Exact>, MoneyError> {
    if let Some(price) = line.unit_price_micro_synor {
        return Ok(Some(price));
    }
    let quantity = Exact::parse_decimal(&line.priced_quantity)?;
    match quantity.is_zero() {
        true => Ok(None),
        false => line.exact_micro_synor.checked_div(quantity).map(Some),
    }
}

fn time(at: Timestamp) -> String {
    at.to_string()
}

const fn category_of(row: &FocusRow) -> &'static str {
    let Some(line) = &row.usage else {
        return "Other";
    };
    match line.service {
        ServiceType::Storage => "Storage",
        ServiceType::Hosting => "Web",
        ServiceType::Database => "Databases",
        ServiceType::Compute => "Compute",
        ServiceType::Network => "Networking",
    }
}

/// The price: its list, resource and dimensions.
fn sku_price(line: &LineItem) -> String {
    let mut id = format!("{}/{}", line.price_list_version, line.resource);
    for (name, value) in &line.dimensions {
        id.push_str(&format!(";{name}={value}"));
    }
    id
}

/// The dimensions as a JSON object. Names that FOCUS does not define begin with `x_`.
fn details(line: &LineItem) -> String {
    let named = line.dimensions.iter();
    let named = named.map(|(name, value)| (format!("x_{name}"), value.clone().into()));
    serde_json::Value::Object(named.collect()).to_string()
}
