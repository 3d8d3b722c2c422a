//! One line of a bill: the columns that matter here, read and checked.

use csv::StringRecord;
use synor_economics::id::AccountId;
use synor_economics::metering::EventError;
use synor_economics::metering::event::TEXT_MAX_BYTES;
use synor_economics::money::Exact;
use synor_economics::period::Timestamp;

use super::super::table::Table;
use super::super::{ImportOptions, excerpt};
use super::account_of;
use super::number;

/// Columns without which a bill cannot be read.
pub(super) const REQUIRED: [&str; 9] = [
    "ProviderName",
    "ServiceName",
    "ChargeCategory",
    "ChargeDescription",
    "ChargePeriodStart",
    "PricingQuantity",
    "PricingUnit",
    "BillingAccountId",
    "BilledCost",
];

/// The columns that are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    ProviderName,
    ServiceName,
    ServiceCategory,
    ChargeCategory,
    ChargeDescription,
    ChargePeriodStart,
    PricingQuantity,
    PricingUnit,
    ConsumedQuantity,
    ConsumedUnit,
    SubAccountId,
    BillingAccountId,
    BilledCost,
    ListCost,
    BillingCurrency,
    RegionId,
    CommitmentDiscountStatus,
}

use Column as C;

/// Each column with its name.
const COLUMNS: [(Column, &str); 17] = [
    (C::ProviderName, "ProviderName"),
    (C::ServiceName, "ServiceName"),
    (C::ServiceCategory, "ServiceCategory"),
    (C::ChargeCategory, "ChargeCategory"),
    (C::ChargeDescription, "ChargeDescription"),
    (C::ChargePeriodStart, "ChargePeriodStart"),
    (C::PricingQuantity, "PricingQuantity"),
    (C::PricingUnit, "PricingUnit"),
    (C::ConsumedQuantity, "ConsumedQuantity"),
    (C::ConsumedUnit, "ConsumedUnit"),
    (C::SubAccountId, "SubAccountId"),
    (C::BillingAccountId, "BillingAccountId"),
    (C::BilledCost, "BilledCost"),
    (C::ListCost, "ListCost"),
    (C::BillingCurrency, "BillingCurrency"),
    (C::RegionId, "RegionId"),
    (C::CommitmentDiscountStatus, "CommitmentDiscountStatus"),
];

/// Where the columns are in one file.
pub(super) struct Columns(Vec<Option<usize>>);

impl Columns {
    /// Looks the columns up in the header; those that are not there read as null.
    pub(super) fn find(table: &Table<'_>) -> Self {
        Self(COLUMNS.iter().map(|(_, name)| table.column(name)).collect())
    }

    /// A field, unless it is null: empty or `NULL`.
    fn get<'r>(&self, record: &'r StringRecord, column: Column) -> Option<&'r str> {
        let at = COLUMNS
            .iter()
            .zip(&self.0)
            .find(|((known, _), _)| *known == column)
            .and_then(|(_, at)| *at)?;
        let field = record.get(at)?.trim();
        (!field.is_empty() && !field.eq_ignore_ascii_case("null")).then_some(field)
    }
}

/// What a line of a bill charges for.
pub(super) struct Charge<'r> {
    pub(super) account: AccountId,
    /// The cloud's name, lower-case and without spaces.
    pub(super) provider: String,
    pub(super) service: &'r str,
    pub(super) service_category: &'r str,
    pub(super) category: &'r str,
    pub(super) description: &'r str,
    pub(super) time: Timestamp,
    pub(super) pricing_quantity: Option<&'r str>,
    pub(super) pricing_unit: Option<&'r str>,
    pub(super) consumed_quantity: Option<&'r str>,
    pub(super) consumed_unit: Option<&'r str>,
    /// What was billed, or the list cost where that is null.
    pub(super) cost: Option<Exact>,
    pub(super) currency: &'r str,
    /// A region that may be a dimension.
    pub(super) region: Option<&'r str>,
    pub(super) commitment_unused: bool,
}

impl<'r> Charge<'r> {
    pub(super) fn read(
        columns: &Columns,
        record: &'r StringRecord,
        options: &ImportOptions,
    ) -> Result<Self, EventError> {
        let get = |column| columns.get(record, column);
        let text = |column| get(column).unwrap_or("");
        let account = match (&options.account, get(C::SubAccountId)) {
            (Some(account), _) => account.clone(),
            (None, Some(sub)) => account_of("SubAccountId", sub)?,
            (None, None) => account_of("BillingAccountId", text(C::BillingAccountId))?,
        };
        let name = text(C::ProviderName);
        let provider = provider_name(name);
        if provider.is_empty() {
            let reason = "does not name the cloud";
            return Err(EventError::new("ProviderName", excerpt(name), reason));
        }
        let cost = match get(C::BilledCost) {
            Some(billed) => Some(number::parse("BilledCost", billed)?),
            None => get(C::ListCost)
                .map(|list| number::parse("ListCost", list))
                .transpose()?,
        };
        Ok(Self {
            account,
            provider,
            service: text(C::ServiceName),
            service_category: text(C::ServiceCategory),
            category: text(C::ChargeCategory),
            description: text(C::ChargeDescription),
            time: time(text(C::ChargePeriodStart))?,
            pricing_quantity: get(C::PricingQuantity),
            pricing_unit: get(C::PricingUnit),
            consumed_quantity: get(C::ConsumedQuantity),
            consumed_unit: get(C::ConsumedUnit),
            cost,
            currency: text(C::BillingCurrency),
            region: get(C::RegionId)
                .filter(|r| r.len() <= TEXT_MAX_BYTES && !r.chars().any(char::is_control)),
            commitment_unused: get(C::CommitmentDiscountStatus) == Some("Unused"),
        })
    }

    /// The quantity that was priced, or consumed where that is null, with its unit.
    pub(super) fn quantity(&self) -> Result<Option<(Exact, &'r str)>, EventError> {
        if let Some(text) = self.pricing_quantity {
            let quantity = number::parse("PricingQuantity", text)?;
            return Ok(Some((quantity, self.pricing_unit.unwrap_or(""))));
        }
        let consumed = self.consumed()?;
        Ok(consumed.map(|quantity| (quantity, self.consumed_unit.unwrap_or(""))))
    }

    /// The quantity that was consumed.
    pub(super) fn consumed(&self) -> Result<Option<Exact>, EventError> {
        self.consumed_quantity
            .map(|text| number::parse("ConsumedQuantity", text))
            .transpose()
    }

    /// The unit to show to people.
    pub(super) fn shown_unit(&self) -> &'r str {
        self.pricing_unit.or(self.consumed_unit).unwrap_or("")
    }
}

/// `Google Cloud` as `google-cloud`: what may stand in a provider's id.
fn provider_name(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '_'));
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join("-").to_ascii_lowercase()
}

/// `2024-09-01 00:00:00` and `2024-09-01T00:00:00Z`; without an offset, FOCUS means UTC.
fn time(text: &str) -> Result<Timestamp, EventError> {
    let mut iso = text.replacen(' ', "T", 1);
    let clock = iso.split_once('T').map_or("", |(_, clock)| clock);
    if !clock.is_empty() && !clock.contains(['Z', 'z', '+', '-']) {
        iso.push('Z');
    }
    Timestamp::parse(&iso).map_err(|_| {
        let reason = "is not a time; FOCUS writes 2024-09-01T00:00:00Z or 2024-09-01 00:00:00";
        EventError::new("ChargePeriodStart", excerpt(text), reason)
    })
}
