//! Where everything stands: the head, the table over as many pages as it takes, the sums with at
//! least the last row beside them, how to pay, and the foot of each page.

use qrcode::{Color, EcLevel, QrCode};
use synor_economics::billing::PaymentRequest;

use super::rows::{Row, rows};
use super::sheet::{Ink, Mark, Role};
use super::type_face::{Faces, Weight};
use super::{InvoiceFacts, PdfError};
use crate::operator::Operator;
use crate::words;

const MARGIN: f32 = 50.0;
/// What the foot of a page takes.
const FOOT: f32 = 44.0;
const TEXT: f32 = 9.0;
const SMALL: f32 = 7.5;
const LEADING: f32 = 13.0;
const SMALL_LEADING: f32 = 10.0;
const CODE_SIDE: f32 = 92.0;

const BLACK: Ink = (22, 24, 29);
const GREY: Ink = (96, 103, 115);
const LINE: Ink = (214, 218, 224);
const ACCENT: Ink = (31, 84, 196);
const WASH: Ink = (243, 246, 251);

/// Right ends of the columns with numbers, as parts of the width.
const QUANTITY_END: f32 = 0.60;
const PRICE_END: f32 = 0.82;

/// The pages of an invoice.
pub(super) fn place(
    facts: &InvoiceFacts,
    operator: &Operator,
    faces: &Faces,
) -> Result<Vec<Vec<Mark>>, PdfError> {
    let (width, height) = operator.paper.size();
    let mut pen = Pen {
        faces,
        left: MARGIN,
        right: width - MARGIN,
        bottom: height - MARGIN - FOOT,
        y: MARGIN,
        pages: vec![Vec::new()],
        row: 0,
    };
    head(&mut pen, facts, operator)?;
    table(&mut pen, facts)?;
    pay(&mut pen, facts)?;
    let mut pages = pen.pages;
    let count = pages.len();
    for (at, page) in pages.iter_mut().enumerate() {
        let number = format!("Page {} of {count}", at + 1);
        foot(page, facts, operator, &number, (width, height));
    }
    Ok(pages)
}

/// Where the next thing goes.
struct Pen<'f> {
    faces: &'f Faces,
    left: f32,
    right: f32,
    bottom: f32,
    /// The top of what comes next.
    y: f32,
    pages: Vec<Vec<Mark>>,
    /// The row of the table that is being written.
    row: usize,
}

impl Pen<'_> {
    fn mark(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    fn text(&mut self, x: f32, y: f32, style: (f32, Weight, Ink), text: &str, role: Role) {
        self.write(x, y, false, style, text, role);
    }

    fn right(&mut self, x: f32, y: f32, style: (f32, Weight, Ink), text: &str, role: Role) {
        self.write(x, y, true, style, text, role);
    }

    fn write(
        &mut self,
        x: f32,
        y: f32,
        is_right: bool,
        (size, weight, ink): (f32, Weight, Ink),
        text: &str,
        role: Role,
    ) {
        if !text.is_empty() {
            self.mark(Mark::Text {
                x,
                y,
                is_right,
                size,
                weight,
                ink,
                text: text.to_owned(),
                role,
            });
        }
    }

    fn rule(&mut self, y: f32, from: f32, height: f32, ink: Ink) {
        let area = [from, y, self.right - from, height];
        self.mark(Mark::Area { area, ink });
    }

    const fn fits(&self, height: f32) -> bool {
        self.y + height <= self.bottom
    }

    fn new_page(&mut self) {
        self.pages.push(Vec::new());
        self.y = MARGIN;
    }

    fn width(&self) -> f32 {
        self.right - self.left
    }
}

const fn regular(size: f32, ink: Ink) -> (f32, Weight, Ink) {
    (size, Weight::Regular, ink)
}

const fn medium(size: f32, ink: Ink) -> (f32, Weight, Ink) {
    (size, Weight::Medium, ink)
}

fn head(pen: &mut Pen<'_>, facts: &InvoiceFacts, operator: &Operator) -> Result<(), PdfError> {
    let invoice = &facts.invoice;
    let (left, right) = (pen.left, pen.right);
    let paragraph = Role::Paragraph;
    pen.text(
        left,
        MARGIN + 16.0,
        medium(17.0, BLACK),
        &operator.name,
        paragraph,
    );
    pen.right(
        right,
        MARGIN + 16.0,
        regular(20.0, ACCENT),
        "Invoice",
        Role::Title,
    );
    let mut y = MARGIN + 33.0;
    let tax_id = operator.tax_id.iter();
    for line in operator
        .address
        .iter()
        .chain(tax_id)
        .chain(operator.contact.iter())
    {
        pen.text(left, y, regular(SMALL + 0.5, GREY), line, paragraph);
        y += 11.0;
    }
    let number = invoice.number.to_string();
    pen.right(
        right,
        MARGIN + 33.0,
        medium(TEXT + 1.0, BLACK),
        &number,
        paragraph,
    );

    // Who is billed on the left, what for on the right.
    let top = y.max(MARGIN + 52.0) + 22.0;
    pen.text(left, top, regular(SMALL, GREY), "Billed to", paragraph);
    let name = &facts.account_name;
    let half = pen.width() / 2.0 - 20.0;
    let mut billed = top + 14.0;
    for line in pen.faces.lines(Weight::Medium, TEXT + 1.0, name, half) {
        pen.text(left, billed, medium(TEXT + 1.0, BLACK), &line, paragraph);
        billed += LEADING;
    }
    let account = invoice.account_id.to_string();
    if account != *name {
        pen.text(
            left,
            billed,
            regular(TEXT, GREY),
            &format!("Account {account}"),
            paragraph,
        );
        billed += LEADING;
    }
    let zone = &invoice.time_zone;
    let details = [
        ("Issued", words::date(invoice.created_at, zone)),
        ("Due", words::date(invoice.due_date, zone)),
        ("Month", format!("{} ({})", invoice.month, zone.name())),
        ("Status", invoice.status.to_string()),
    ];
    let column = left + pen.width() * 0.62;
    let mut told = top;
    for (label, value) in details {
        pen.text(column, told, regular(TEXT, GREY), label, paragraph);
        pen.right(right, told, regular(TEXT, BLACK), &value, paragraph);
        told += LEADING;
    }

    // The one thing to know.
    pen.y = billed.max(told) + 8.0;
    let area = [left, pen.y, pen.width(), 42.0];
    pen.mark(Mark::Area { area, ink: WASH });
    let area = [left, pen.y, 3.0, 42.0];
    pen.mark(Mark::Area { area, ink: ACCENT });
    let headline = words::headline(invoice)?;
    let y = pen.y + 26.5;
    pen.text(left + 16.0, y, medium(15.0, BLACK), &headline, paragraph);
    pen.y += 66.0;
    Ok(())
}

/// The heads of the columns; read out once, and only drawn on further pages.
fn column_heads(pen: &mut Pen<'_>, is_first: bool) {
    let role = if is_first {
        Role::Cell {
            row: pen.row,
            is_header: true,
        }
    } else {
        Role::Artifact
    };
    let style = regular(SMALL, GREY);
    let (left, right, width) = (pen.left, pen.right, pen.width());
    let y = pen.y + 8.0;
    pen.text(left, y, style, "Item", role);
    pen.right(left + width * QUANTITY_END, y, style, "Quantity", role);
    pen.right(left + width * PRICE_END, y, style, "Price in SYNOR", role);
    pen.right(right, y, style, "Amount in SYNOR", role);
    pen.rule(pen.y + 14.0, left, 0.8, BLACK);
    pen.y += 20.0;
    pen.row += 1;
}

fn table(pen: &mut Pen<'_>, facts: &InvoiceFacts) -> Result<(), PdfError> {
    let rows = rows(&facts.invoice)?;
    let sums = Sums::of(facts)?;
    column_heads(pen, true);
    if rows.is_empty() {
        let role = Role::Cell {
            row: pen.row,
            is_header: false,
        };
        pen.text(
            pen.left,
            pen.y + 10.0,
            regular(TEXT, GREY),
            "Nothing was used.",
            role,
        );
        pen.y += 20.0;
    }
    let last = rows.len().saturating_sub(1);
    for (at, row) in rows.iter().enumerate() {
        let lines = pen
            .faces
            .lines(Weight::Regular, TEXT, &row.item, pen.width() * 0.36);
        let fitted: Vec<String> = row
            .details
            .iter()
            .flat_map(|text| {
                pen.faces
                    .lines(Weight::Regular, SMALL, text, pen.width() * 0.8)
            })
            .collect();
        let mut height = row_height(row, lines.len(), fitted.len());
        // The sums never stand alone: the last row goes with them.
        if at == last {
            height += sums.height();
        }
        if !pen.fits(height) && pen.y > MARGIN + 40.0 {
            pen.new_page();
            column_heads(pen, false);
        }
        write_row(pen, row, &lines, &fitted);
    }
    if !pen.fits(sums.height()) {
        pen.new_page();
    }
    sums.write(pen);
    Ok(())
}

/// How high a row is whose item takes so many lines, and its details so many.
#[allow(clippy::cast_precision_loss, reason = "few lines")]
fn row_height(row: &Row, lines: usize, details: usize) -> f32 {
    let service = if row.service.is_some() {
        LEADING + 5.0
    } else {
        0.0
    };
    service + lines.max(1) as f32 * LEADING + details as f32 * SMALL_LEADING + 7.0
}

fn write_row(pen: &mut Pen<'_>, row: &Row, lines: &[String], details: &[String]) {
    let (left, right, width) = (pen.left, pen.right, pen.width());
    if let Some(service) = row.service {
        let role = Role::Cell {
            row: pen.row,
            is_header: false,
        };
        pen.row += 1;
        let mut name = service.to_owned();
        if let Some(first) = name.get_mut(0..1) {
            first.make_ascii_uppercase();
        }
        pen.text(left, pen.y + 13.0, medium(TEXT, BLACK), &name, role);
        pen.y += LEADING + 5.0;
    }
    let role = Role::Cell {
        row: pen.row,
        is_header: false,
    };
    pen.row += 1;
    let y = pen.y + 10.0;
    let style = regular(TEXT, BLACK);
    for line in lines {
        pen.text(left, pen.y + 10.0, style, line, role);
        pen.y += LEADING;
    }
    pen.right(left + width * QUANTITY_END, y, style, &row.quantity, role);
    pen.right(left + width * PRICE_END, y, style, &row.price, role);
    pen.right(right, y, style, &row.amount, role);
    for detail in details {
        pen.text(left, pen.y + 7.5, regular(SMALL, GREY), detail, role);
        pen.y += SMALL_LEADING;
    }
    pen.rule(pen.y + 3.0, left, 0.4, LINE);
    pen.y += 7.0;
}

/// The sums under the table.
struct Sums {
    lines: Vec<(String, String)>,
    total: (String, String),
    notes: Vec<String>,
}

impl Sums {
    fn of(facts: &InvoiceFacts) -> Result<Self, PdfError> {
        let invoice = &facts.invoice;
        let lines = words::sums(invoice)?;
        let lines = lines
            .into_iter()
            .map(|(label, sum)| (label, words::amount(sum)));
        let owed = words::money(invoice.outstanding()?);
        Ok(Self {
            lines: lines.collect(),
            total: ("To be paid".to_owned(), owed),
            notes: words::tax_notes(invoice),
        })
    }

    #[allow(clippy::cast_precision_loss, reason = "few lines")]
    fn height(&self) -> f32 {
        let lines = (self.lines.len() + self.notes.len()) as f32 * 15.0;
        lines + 50.0
    }

    fn write(&self, pen: &mut Pen<'_>) {
        let start = pen.left + pen.width() * 0.46;
        pen.y += 6.0;
        for (label, sum) in &self.lines {
            let role = Role::Cell {
                row: pen.row,
                is_header: false,
            };
            pen.row += 1;
            let y = pen.y + 10.0;
            let label = pen
                .faces
                .lines(Weight::Regular, TEXT, label, pen.width() * 0.36);
            let label = label.first().cloned().unwrap_or_default();
            pen.text(start, y, regular(TEXT, GREY), &label, role);
            pen.right(pen.right, y, regular(TEXT, BLACK), sum, role);
            pen.y += 15.0;
        }
        let role = Role::Cell {
            row: pen.row,
            is_header: false,
        };
        pen.row += 1;
        pen.rule(pen.y + 2.0, start, 0.8, BLACK);
        let y = pen.y + 20.0;
        pen.text(start, y, medium(11.5, BLACK), &self.total.0, role);
        pen.right(pen.right, y, medium(11.5, BLACK), &self.total.1, role);
        pen.y += 36.0;
        for note in &self.notes {
            pen.text(
                pen.left,
                pen.y + 8.0,
                regular(SMALL, GREY),
                note,
                Role::Paragraph,
            );
            pen.y += 15.0;
        }
    }
}

fn pay(pen: &mut Pen<'_>, facts: &InvoiceFacts) -> Result<(), PdfError> {
    let Some(request) = &facts.payment else {
        return Ok(());
    };
    if !pen.fits(CODE_SIDE + 34.0) {
        pen.new_page();
    }
    pen.y += 14.0;
    let (left, top) = (pen.left, pen.y);
    let uri = words::payment_uri(request);
    let code = QrCode::with_error_correction_level(&uri, EcLevel::M).map_err(|_| PdfError::Code)?;
    let colors = code.to_colors();
    let modules = colors.chunks(code.width());
    let modules = modules.map(|row| row.iter().map(|c| *c == Color::Dark).collect());
    pen.mark(Mark::Code {
        at: [left, top, CODE_SIDE],
        modules: modules.collect(),
        says: format!("QR code: {uri}"),
    });
    write_how(pen, request, left + CODE_SIDE + 20.0, top);
    pen.y = top + CODE_SIDE + 10.0;
    Ok(())
}

/// How to pay, beside the code.
fn write_how(pen: &mut Pen<'_>, request: &PaymentRequest, x: f32, top: f32) {
    let paragraph = Role::Paragraph;
    pen.text(
        x,
        top + 9.0,
        medium(TEXT + 1.0, BLACK),
        "How to pay",
        paragraph,
    );
    let facts = [
        ("Transfer", words::money(request.amount_micro_synor)),
        ("To", request.pay_to.to_string()),
        ("Memo", request.reference.clone()),
    ];
    let mut y = top + 26.0;
    for (label, value) in facts {
        pen.text(x, y, regular(TEXT, GREY), label, paragraph);
        let width = pen.right - x - 48.0;
        for line in pen.faces.lines(Weight::Regular, TEXT, &value, width) {
            pen.text(x + 48.0, y, regular(TEXT, BLACK), &line, paragraph);
            y += LEADING;
        }
    }
    let count = request.confirmations_required;
    let how =
        format!("It counts after {count} confirmations. The memo says which invoice it is for.");
    pen.text(x, y + 4.0, regular(SMALL, GREY), &how, paragraph);
}

fn foot(
    page: &mut Vec<Mark>,
    facts: &InvoiceFacts,
    operator: &Operator,
    number: &str,
    (width, height): (f32, f32),
) {
    let y = height - MARGIN;
    let area = [MARGIN, y - 14.0, width - MARGIN * 2.0, 0.4];
    page.push(Mark::Area { area, ink: LINE });
    let mut write = |x: f32, is_right: bool, text: String| {
        page.push(Mark::Text {
            x,
            y,
            is_right,
            size: SMALL,
            weight: Weight::Regular,
            ink: GREY,
            text,
            role: Role::Artifact,
        });
    };
    let invoice = &facts.invoice;
    write(
        MARGIN,
        false,
        format!("{} · Invoice {}", operator.name, invoice.number),
    );
    write(width - MARGIN, true, number.to_owned());
}
