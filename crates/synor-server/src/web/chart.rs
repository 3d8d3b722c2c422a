//! Charts as SVG, drawn here so that they need no script: values show on hover and on focus, and the
//! colours come from the stylesheet.

use std::fmt::{self, Write};

use askama::filters::HtmlSafe;

use super::format::escaped;

const WIDTH: f64 = 1_040.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 168.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 28.0;
const TIP_LINE: f64 = 18.0;

/// One part of a bar, from the bottom up.
#[derive(Debug, Clone)]
pub struct Part {
    /// The class that colours it.
    pub class: String,
    /// How high it is, in the chart's unit.
    pub value: f64,
}

/// A bar with its parts.
#[derive(Debug, Clone)]
pub struct Bar {
    /// What stands below it; empty for none.
    pub tick: String,
    /// Its parts.
    pub parts: Vec<Part>,
    /// What it shows when it is pointed at: its name, then its values.
    pub says: Vec<String>,
    /// Whether its time has not ended.
    pub is_incomplete: bool,
}

/// What is expected of a bar that has not come yet.
#[derive(Debug, Clone)]
pub struct Ahead {
    /// The lower end of the band.
    pub low: f64,
    /// What is expected.
    pub expected: f64,
    /// The upper end of the band.
    pub high: f64,
}

/// A name beside the chart with its colour.
#[derive(Debug, Clone)]
pub struct Label {
    /// The class that colours it.
    pub class: String,
    /// What it says.
    pub text: String,
}

/// Stacked bars over time.
#[derive(Debug, Clone, Default)]
pub struct Bars {
    /// What the chart is, for those who do not see it.
    pub title: String,
    /// The bars.
    pub bars: Vec<Bar>,
    /// What follows them.
    pub ahead: Vec<Ahead>,
    /// A dashed line over the bars, of an earlier period.
    pub before: Vec<f64>,
    /// Names beside the bars, from the top of the stack.
    pub labels: Vec<Label>,
}

impl HtmlSafe for Bars {}

impl fmt::Display for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.bars.len().saturating_add(self.ahead.len()).max(1);
        let step = (WIDTH - LEFT - RIGHT) / count(places);
        let top = scale_top(self.highest());
        let y = |value: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value / top);
        write!(
            f,
            "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"group\" aria-label=\"{}\">",
            escaped(&self.title)
        )?;
        f.write_str(
            "<defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><line class=\"hatch\" x1=\"0\" y1=\"0\" x2=\"0\" \
             y2=\"6\"/></pattern></defs>",
        )?;
        self.grid(f, top, &y)?;
        for (at, ahead) in self.ahead.iter().enumerate() {
            let x = LEFT + step * count(at.saturating_add(self.bars.len()));
            self.ahead_mark(f, ahead, x, step, &y)?;
        }
        self.before_line(f, step, &y)?;
        self.names(f)?;
        // Last of all, so that what a bar says lies over its neighbours.
        for (at, bar) in self.bars.iter().enumerate() {
            bar.draw(f, LEFT + step * count(at), step, &y)?;
        }
        f.write_str("</svg>")
    }
}

impl Bars {
    fn highest(&self) -> f64 {
        let bars = self.bars.iter().map(Bar::height);
        let ahead = self.ahead.iter().map(|ahead| ahead.high);
        bars.chain(ahead)
            .chain(self.before.iter().copied())
            .fold(0.0, f64::max)
    }

    fn grid(&self, f: &mut fmt::Formatter<'_>, top: f64, y: &impl Fn(f64) -> f64) -> fmt::Result {
        let right = WIDTH - RIGHT;
        for part in 0..=4 {
            let value = top * f64::from(part) / 4.0;
            let at = y(value);
            let class = if part == 0 { "base" } else { "grid" };
            write!(
                f,
                "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{right:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                at + 4.0,
                figure(value)
            )?;
        }
        Ok(())
    }

    fn ahead_mark(
        &self,
        f: &mut fmt::Formatter<'_>,
        ahead: &Ahead,
        x: f64,
        step: f64,
        y: &impl Fn(f64) -> f64,
    ) -> fmt::Result {
        let (wide, middle) = ((step * 0.72).max(1.0), x + step / 2.0);
        let at = y(ahead.expected);
        write!(
            f,
            "<rect class=\"ahead\" x=\"{:.1}\" y=\"{at:.1}\" width=\"{wide:.1}\" height=\"{:.1}\"/>\
             <line class=\"ahead\" x1=\"{middle:.1}\" x2=\"{middle:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
            middle - wide / 2.0,
            (y(0.0) - at).max(0.0),
            y(ahead.high),
            y(ahead.low)
        )
    }

    fn before_line(
        &self,
        f: &mut fmt::Formatter<'_>,
        step: f64,
        y: &impl Fn(f64) -> f64,
    ) -> fmt::Result {
        if self.before.is_empty() {
            return Ok(());
        }
        let mut points = String::new();
        for (at, value) in self.before.iter().enumerate() {
            write!(
                points,
                "{:.1},{:.1} ",
                LEFT + step * (count(at) + 0.5),
                y(*value)
            )?;
        }
        write!(
            f,
            "<polyline class=\"line before\" points=\"{}\"/>",
            points.trim_end()
        )
    }

    fn names(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, label) in self.labels.iter().enumerate() {
            let (x, y) = (WIDTH - RIGHT + 16.0, TOP + 10.0 + 24.0 * count(at));
            write!(
                f,
                "<rect class=\"{}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"10\" height=\"10\"/>\
                 <text class=\"label\" x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
                label.class,
                y - 9.0,
                x + 16.0,
                escaped(&label.text)
            )?;
        }
        Ok(())
    }
}

impl Bar {
    fn height(&self) -> f64 {
        self.parts.iter().map(|part| part.value).sum()
    }

    fn draw(
        &self,
        f: &mut fmt::Formatter<'_>,
        x: f64,
        step: f64,
        y: &impl Fn(f64) -> f64,
    ) -> fmt::Result {
        let wide = (step * 0.72).max(1.0);
        let left = x + (step - wide) / 2.0;
        let said = escaped(&self.says.join(", "));
        write!(
            f,
            "<g class=\"mark\" tabindex=\"0\" role=\"img\" aria-label=\"{said}\">\
             <rect class=\"hit\" x=\"{x:.1}\" y=\"{TOP}\" width=\"{step:.1}\" height=\"{:.1}\"/>",
            HEIGHT - TOP - BOTTOM
        )?;
        let mut below = 0.0;
        for part in self.parts.iter().filter(|part| part.value > 0.0) {
            let (low, high) = (y(below), y(below + part.value));
            below += part.value;
            write!(
                f,
                "<rect class=\"{}\" x=\"{left:.1}\" y=\"{high:.1}\" width=\"{wide:.1}\" height=\"{:.1}\"/>",
                part.class,
                (low - high).max(0.0)
            )?;
        }
        if self.is_incomplete {
            let at = y(below);
            write!(
                f,
                "<rect fill=\"url(#hatch)\" x=\"{left:.1}\" y=\"{at:.1}\" width=\"{wide:.1}\" height=\"{:.1}\"/>",
                (y(0.0) - at).max(0.0)
            )?;
        }
        if !self.tick.is_empty() {
            write!(
                f,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                x + step / 2.0,
                HEIGHT - 8.0,
                escaped(&self.tick)
            )?;
        }
        self.tip(f, x + step / 2.0)?;
        f.write_str("</g>")
    }

    fn tip(&self, f: &mut fmt::Formatter<'_>, middle: f64) -> fmt::Result {
        let longest = self.says.iter().map(|line| line.chars().count()).max();
        let wide = 16.0 + 7.2 * count(longest.unwrap_or_default());
        let high = 10.0 + TIP_LINE * count(self.says.len());
        let left = (middle + 12.0).min(WIDTH - wide);
        write!(
            f,
            "<g class=\"tip\" aria-hidden=\"true\"><rect x=\"{left:.1}\" y=\"{TOP}\" width=\"{wide:.1}\" \
             height=\"{high:.1}\" rx=\"4\"/>"
        )?;
        for (at, line) in self.says.iter().enumerate() {
            write!(
                f,
                "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                left + 8.0,
                TOP + TIP_LINE * (count(at) + 1.0) - 2.0,
                escaped(line)
            )?;
        }
        f.write_str("</g>")
    }
}

/// A part of a whole as a thin bar.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    /// How much, in per cent; what is above 100 is drawn full.
    pub percent: f64,
    /// `over`, `near`, or nothing: how it is coloured.
    pub class: &'static str,
}

impl HtmlSafe for Share {}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wide = self.percent.clamp(0.0, 100.0);
        write!(
            f,
            "<svg class=\"share\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
             <rect class=\"whole\" width=\"100\" height=\"8\"/>\
             <rect class=\"part {}\" width=\"{wide:.2}\" height=\"8\"/></svg>",
            self.class
        )
    }
}

/// A count as a coordinate; charts have few things.
fn count(things: usize) -> f64 {
    f64::from(u32::try_from(things).unwrap_or(u32::MAX))
}

/// The least of 1, 2, 4, 5 and 8 times a power of ten that is not below the highest value.
fn scale_top(highest: f64) -> f64 {
    if !(highest.is_finite() && highest > 0.0) {
        return 1.0;
    }
    let power = 10f64.powf(highest.log10().floor());
    let fits = [1.0, 2.0, 4.0, 5.0, 8.0, 10.0].map(|factor| factor * power);
    // A hair of room for the rounding of the power.
    let fit = fits.into_iter().find(|top| *top >= highest * 0.999_999);
    fit.unwrap_or(10.0 * power)
}

/// A value of the scale as people read it: few digits, large ones shortened.
fn figure(value: f64) -> String {
    let (value, mark) = match value {
        v if v >= 1e12 => (v / 1e12, "T"),
        v if v >= 1e9 => (v / 1e9, "G"),
        v if v >= 1e6 => (v / 1e6, "M"),
        v if v >= 1e4 => (v / 1e3, "k"),
        v => (v, ""),
    };
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}{mark}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_on_round_figures() {
        let tops = [0.0, 0.07, 1.0, 3.2, 4.5, 61.0, 100.0, 1_234.0].map(scale_top);
        let shown = tops.map(figure).join(" ");
        assert_eq!(shown, "1 0.08 1 4 5 80 100 2000");
        assert_eq!(figure(2_500_000.0), "2.5M");
    }

    #[test]
    fn what_people_typed_is_text_in_a_chart() {
        let bar = Bar {
            tick: "1".to_owned(),
            parts: vec![Part {
                class: "storage".to_owned(),
                value: 2.0,
            }],
            says: vec!["<script>".to_owned()],
            is_incomplete: true,
        };
        let chart = Bars {
            bars: vec![bar],
            ..Bars::default()
        }
        .to_string();
        assert!(chart.contains("&lt;script&gt;") && !chart.contains("<script>"));
        assert!(chart.contains("url(#hatch)"));
    }
}
