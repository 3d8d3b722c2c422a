//! The two faces that invoices are set in: shaping, measuring, and breaking lines.

use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Face, UnicodeBuffer};

use super::PdfError;

const REGULAR: &[u8] = include_bytes!("../../fonts/Roboto-Regular.ttf");
const MEDIUM: &[u8] = include_bytes!("../../fonts/Roboto-Medium.ttf");

/// How heavy a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Medium,
}

/// A text as glyphs, for a size of 1.
pub(super) struct Shaped {
    pub(super) glyphs: Vec<KrillaGlyph>,
    pub(super) width: f32,
}

/// Both faces, read once for a document.
pub(super) struct Faces {
    regular: (Font, Face<'static>),
    medium: (Font, Face<'static>),
}

impl Faces {
    pub(super) fn load() -> Result<Self, PdfError> {
        Ok(Self {
            regular: read(REGULAR)?,
            medium: read(MEDIUM)?,
        })
    }

    /// The font to draw with.
    pub(super) fn font(&self, weight: Weight) -> Font {
        self.of(weight).0.clone()
    }

    /// The glyphs of a text. What the face does not have is drawn as an empty box.
    pub(super) fn shape(&self, weight: Weight, text: &str) -> Shaped {
        let (_, face) = self.of(weight);
        let em = units(face.units_per_em());
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.set_direction(rustybuzz::Direction::LeftToRight);
        buffer.guess_segment_properties();
        let shaped = rustybuzz::shape(face, &[], buffer);
        let starts: Vec<usize> = shaped
            .glyph_infos()
            .iter()
            .map(|i| place(i.cluster))
            .collect();
        let mut width = 0.0;
        let mut glyphs = Vec::with_capacity(starts.len());
        let infos = shaped.glyph_infos().iter().zip(shaped.glyph_positions());
        for (at, (info, position)) in infos.enumerate() {
            let start = place(info.cluster);
            let later = starts.iter().skip(at).find(|next| **next > start);
            let end = later.copied().unwrap_or(text.len());
            let advance = units(position.x_advance) / em;
            width += advance;
            glyphs.push(KrillaGlyph::new(
                GlyphId::new(info.glyph_id),
                advance,
                units(position.x_offset) / em,
                units(position.y_offset) / em,
                0.0,
                start..end,
                None,
            ));
        }
        Shaped { glyphs, width }
    }

    /// How wide a text is at a size, in points.
    pub(super) fn width(&self, weight: Weight, size: f32, text: &str) -> f32 {
        self.shape(weight, text).width * size
    }

    /// A text in lines that are no wider than this, broken at spaces; a word that is wider by
    /// itself is broken anywhere.
    pub(super) fn lines(&self, weight: Weight, size: f32, text: &str, width: f32) -> Vec<String> {
        let fits = |line: &str| self.width(weight, size, line) <= width;
        let mut lines = Vec::new();
        let mut line = String::new();
        for word in text.split_whitespace() {
            let longer = if line.is_empty() {
                word.to_owned()
            } else {
                format!("{line} {word}")
            };
            if fits(&longer) {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for letter in word.chars() {
                line.push(letter);
                if !fits(&line) && line.chars().count() > 1 {
                    line.pop();
                    lines.push(std::mem::replace(&mut line, letter.to_string()));
                }
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
        lines
    }

    const fn of(&self, weight: Weight) -> &(Font, Face<'static>) {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Medium => &self.medium,
        }
    }
}

fn read(data: &'static [u8]) -> Result<(Font, Face<'static>), PdfError> {
    let font = Font::new(data.to_vec().into(), 0).ok_or(PdfError::Font)?;
    let face = Face::from_slice(data, 0).ok_or(PdfError::Font)?;
    Ok((font, face))
}

/// Units of a font, which are far below what a float holds exactly.
#[allow(clippy::cast_precision_loss, reason = "a font's units are small")]
fn units(units: i32) -> f32 {
    units as f32
}

fn place(cluster: u32) -> usize {
    usize::try_from(cluster).unwrap_or(usize::MAX)
}
