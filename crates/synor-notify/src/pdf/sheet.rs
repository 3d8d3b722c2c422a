//! Pages as lists of marks, and drawing them: first everything is placed, then the number of pages
//! is known, then it is drawn with the tags that screen readers go by.

use std::num::NonZeroU16;

use krilla::Document;
use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;
use krilla::tagging::{
    ArtifactType, ContentTag, SpanTag, TableHeaderScope, Tag, TagGroup, TagTree,
};

use super::PdfError;
use super::type_face::{Faces, Weight};

/// A colour as red, green and blue.
pub(super) type Ink = (u8, u8, u8);

/// What a mark means to who cannot see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The title.
    Title,
    /// A paragraph.
    Paragraph,
    /// A cell of a row of the table, by the row's number.
    Cell { row: usize, is_header: bool },
    /// Decoration, or a repetition.
    Artifact,
}

/// Something on a page.
#[derive(Debug, Clone)]
pub(super) enum Mark {
    /// A line of text; `x` is its left end, or its right end.
    Text {
        x: f32,
        y: f32,
        is_right: bool,
        size: f32,
        weight: Weight,
        ink: Ink,
        text: String,
        role: Role,
    },
    /// A filled rectangle: left, top, width, height.
    Area { area: [f32; 4], ink: Ink },
    /// A QR code: left, top, side; its modules, and what it says.
    Code {
        at: [f32; 3],
        modules: Vec<Vec<bool>>,
        says: String,
    },
}

/// What a document says of itself.
pub(super) struct About {
    pub(super) title: String,
    pub(super) author: String,
    pub(super) id: String,
    /// Year, month, day.
    pub(super) date: (u16, u8, u8),
}

/// Draws pages of this size. The same pages give the same bytes.
pub(super) fn draw(
    faces: &Faces,
    size: (f32, f32),
    about: About,
    pages: &[Vec<Mark>],
) -> Result<Vec<u8>, PdfError> {
    let mut document = Document::new();
    let mut tree = TagTree::new().with_lang(Some("en".to_owned()));
    let mut table = Rows::default();
    for marks in pages {
        let settings = PageSettings::from_wh(size.0, size.1).ok_or(PdfError::Page)?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        for mark in marks {
            draw_mark(&mut surface, faces, mark, &mut tree, &mut table)?;
        }
        surface.finish();
        page.finish();
    }
    table.close(&mut tree);
    document.set_tag_tree(tree);
    let (year, month, day) = about.date;
    let metadata = Metadata::new()
        .title(about.title)
        .authors(vec![about.author])
        .document_id(about.id)
        .language("en".to_owned())
        .creation_date(DateTime::new(year).month(month).day(day));
    document.set_metadata(metadata);
    document
        .finish()
        .map_err(|e| PdfError::Write(format!("{e:?}")))
}

/// The rows of the table so far; it may go over several pages.
#[derive(Default)]
struct Rows {
    rows: Vec<TagGroup>,
    last: Option<usize>,
}

impl Rows {
    fn push(&mut self, row: usize, is_header: bool, content: krilla::tagging::Identifier) {
        let cell = if is_header {
            TagGroup::with_children(Tag::TH(TableHeaderScope::Column), vec![content.into()])
        } else {
            TagGroup::with_children(Tag::TD, vec![content.into()])
        };
        if self.last != Some(row) {
            self.rows.push(TagGroup::new(Tag::TR));
            self.last = Some(row);
        }
        if let Some(row) = self.rows.last_mut() {
            row.push(cell);
        }
    }

    fn close(&mut self, tree: &mut TagTree) {
        let rows = std::mem::take(&mut self.rows);
        if !rows.is_empty() {
            let rows = rows.into_iter().map(Into::into).collect();
            tree.push(TagGroup::with_children(Tag::Table, rows));
        }
        self.last = None;
    }
}

fn draw_mark(
    surface: &mut Surface<'_>,
    faces: &Faces,
    mark: &Mark,
    tree: &mut TagTree,
    table: &mut Rows,
) -> Result<(), PdfError> {
    match mark {
        Mark::Text {
            x,
            y,
            is_right,
            size,
            weight,
            ink,
            text,
            role,
        } => {
            let tag = match role {
                Role::Artifact => ContentTag::Artifact(ArtifactType::Other),
                _ => ContentTag::Span(SpanTag::empty()),
            };
            let content = surface.start_tagged(tag);
            let shaped = faces.shape(*weight, text);
            let left = if *is_right {
                x - shaped.width * size
            } else {
                *x
            };
            surface.set_fill(Some(fill(*ink)));
            let at = Point::from_xy(left, *y);
            surface.draw_glyphs(at, &shaped.glyphs, faces.font(*weight), text, *size, false);
            surface.end_tagged();
            match role {
                Role::Artifact => {}
                Role::Cell { row, is_header } => table.push(*row, *is_header, content),
                Role::Title => {
                    table.close(tree);
                    let heading = Tag::Hn(NonZeroU16::MIN, Some(text.clone()));
                    tree.push(TagGroup::with_children(heading, vec![content.into()]));
                }
                Role::Paragraph => {
                    table.close(tree);
                    tree.push(TagGroup::with_children(Tag::P, vec![content.into()]));
                }
            }
        }
        Mark::Area { area, ink } => {
            surface.start_tagged(ContentTag::Artifact(ArtifactType::Other));
            surface.set_fill(Some(fill(*ink)));
            let [left, top, width, height] = *area;
            fill_areas(surface, [(left, top, width, height)])?;
            surface.end_tagged();
        }
        Mark::Code { at, modules, says } => {
            let content = surface.start_tagged(ContentTag::Other);
            surface.set_fill(Some(fill((0, 0, 0))));
            fill_areas(surface, dark_areas(*at, modules))?;
            surface.end_tagged();
            table.close(tree);
            let figure = Tag::Figure(Some(says.clone()));
            tree.push(TagGroup::with_children(figure, vec![content.into()]));
        }
    }
    Ok(())
}

/// The dark parts of a code, those that touch in a row as one.
#[allow(
    clippy::cast_precision_loss,
    reason = "a code has at most 177 modules a side"
)]
fn dark_areas(at: [f32; 3], modules: &[Vec<bool>]) -> Vec<(f32, f32, f32, f32)> {
    let [left, top, side] = at;
    let step = side / modules.len().max(1) as f32;
    let mut areas = Vec::new();
    for (row, line) in modules.iter().enumerate() {
        let y = top + step * row as f32;
        let mut column = 0;
        while column < line.len() {
            let run = line.iter().skip(column).take_while(|dark| **dark).count();
            if run > 0 {
                areas.push((left + step * column as f32, y, step * run as f32, step));
            }
            column += run.max(1);
        }
    }
    areas
}

fn fill_areas(
    surface: &mut Surface<'_>,
    areas: impl IntoIterator<Item = (f32, f32, f32, f32)>,
) -> Result<(), PdfError> {
    let mut path = PathBuilder::new();
    for (left, top, width, height) in areas {
        path.push_rect(Rect::from_xywh(left, top, width, height).ok_or(PdfError::Page)?);
    }
    if let Some(path) = path.finish() {
        surface.draw_path(&path);
    }
    Ok(())
}

fn fill((red, green, blue): Ink) -> Fill {
    Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::NonZero,
    }
}
