//! A drawing as a list of marks, and marks as SVG or PNG.
//!
//! Charts say *what* to draw in pixels of a plain page; this file is the only one that talks to plotters. One list of
//! marks gives both formats, so they cannot drift apart, and a test can look at the marks. Both are drawn four times as
//! large: SVG then shows quarter pixels (plotters knows whole ones only), PNG is averaged down to twice the page, which
//! smooths every edge. The font is carried along, so that no machine needs one; SVG names Verdana and sans-serif as
//! stand-ins, whose letters are no wider. Same marks, same bytes.

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, ShapeStyle, TextStyle};

/// A colour.
pub type Ink = RGBColor;

/// Pixels of the page drawn per pixel of the chart.
const SCALE: i32 = 4;
/// Pixels of PNG per pixel of the chart.
const PNG_SCALE: i32 = 2;
/// Name of the font; what follows the first comma is for viewers that lack it.
const FONT: &str = "DejaVu Sans, Verdana, sans-serif";
/// Half the height of a capital of the font over its size: how far a centred text's baseline lies under its point.
const HALF_CAPITAL: f64 = 0.365;

/// How a backend of plotters turns a font's height into the size of a letter, and where it puts the baseline of a text
/// that is centred in height, in sizes under the point; measured, since the two differ.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Typesetting {
    height: f64,
    baseline: f64,
}

/// SVG divides by 1.24 and moves by half an x-height.
const SVG: Typesetting = Typesetting { height: 1.24, baseline: 0.27 };
/// PNG scales to ascent + descent, 1.164 sizes in this font, and centres a box of 1/1.24 of that.
const PNG: Typesetting = Typesetting { height: 1.164, baseline: 1.164 * (0.5 - 0.5 / 1.24) };

/// Black for figures and titles.
pub const BLACK: Ink = RGBColor(0x22, 0x22, 0x22);
/// Grey for axes and their labels.
pub const GREY: Ink = RGBColor(0x5a, 0x5a, 0x5a);
/// Pale grey for grid lines.
pub const PALE: Ink = RGBColor(0xe4, 0xe4, 0xe4);
/// White for text on dark fills and for the page.
pub const WHITE: Ink = RGBColor(0xff, 0xff, 0xff);
/// Colours that differ for every kind of sight (Okabe and Ito 2008, "Color universal design"), yellow last since it is
/// hard to see as a line.
pub const PALETTE: [Ink; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0xf0, 0xe4, 0x42),
];

/// An eighth colour of the palette, for what is seldom there.
pub const ASH: Ink = RGBColor(0x99, 0x99, 0x99);

/// A ninth.
pub const WINE: Ink = RGBColor(0x88, 0x22, 0x55);

/// Which side of a text its point is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The text begins at the point.
    Start,
    /// The text is centred on the point.
    Middle,
    /// The text ends at the point.
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Type {
    /// Height of a letter in pixels.
    pub size: f64,
    /// Is it bold?
    pub bold: bool,
    /// Its colour.
    pub ink: Ink,
}

/// Something to draw; coordinates in pixels from the upper left corner.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// A line through points.
    Line {
        /// The points.
        points: Vec<(f64, f64)>,
        /// Thickness in pixels.
        width: f64,
        /// Lengths of dash and gap in pixels; none: a whole line.
        dash: Option<(f64, f64)>,
        /// Its colour.
        ink: Ink,
    },
    /// A filled shape.
    Area {
        /// Its corners.
        points: Vec<(f64, f64)>,
        /// Its colour.
        ink: Ink,
    },
    /// A filled rectangle.
    Bar {
        /// Upper left corner.
        from: (f64, f64),
        /// Lower right corner.
        to: (f64, f64),
        /// Its colour.
        ink: Ink,
    },
    /// A filled disc.
    Disc {
        /// Its centre.
        at: (f64, f64),
        /// Its radius in pixels.
        radius: f64,
        /// Its colour.
        ink: Ink,
    },
    /// A line of text, centred in height on its point.
    Text {
        /// Its point.
        at: (f64, f64),
        /// Which side of the text the point is on.
        anchor: Anchor,
        /// Its looks.
        style: Type,
        /// Does it run upwards?
        upwards: bool,
        /// What it says.
        text: String,
    },
}

/// A page of marks.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    /// Width of the page in pixels.
    pub width: f64,
    /// Height of the page in pixels.
    pub height: f64,
    /// What stands on it, lowest first.
    pub marks: Vec<Mark>,
}

/// Why a drawing could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the chart could not be drawn: {0}")]
pub struct DrawError(String);

impl DrawError {
    fn of(error: impl std::fmt::Debug) -> DrawError {
        DrawError(format!("{error:?}"))
    }
}

impl Drawing {
    /// An empty page.
    pub fn new(width: f64, height: f64) -> Drawing {
        Drawing { width, height, marks: Vec::new() }
    }

    /// A line through `points`.
    pub fn line(&mut self, points: &[(f64, f64)], width: f64, ink: Ink) {
        self.marks.push(Mark::Line { points: points.to_vec(), width, dash: None, ink });
    }

    /// A broken line through `points`.
    pub fn dashed(&mut self, points: &[(f64, f64)], width: f64, dash: (f64, f64), ink: Ink) {
        self.marks.push(Mark::Line { points: points.to_vec(), width, dash: Some(dash), ink });
    }

    /// A filled rectangle.
    pub fn bar(&mut self, from: (f64, f64), to: (f64, f64), ink: Ink) {
        self.marks.push(Mark::Bar { from, to, ink });
    }

    /// A filled shape.
    pub fn area(&mut self, points: &[(f64, f64)], ink: Ink) {
        self.marks.push(Mark::Area { points: points.to_vec(), ink });
    }

    /// A filled disc.
    pub fn disc(&mut self, at: (f64, f64), radius: f64, ink: Ink) {
        self.marks.push(Mark::Disc { at, radius, ink });
    }

    /// A line of text.
    pub fn text(&mut self, at: (f64, f64), anchor: Anchor, style: Type, text: &str) {
        self.marks.push(Mark::Text { at, anchor, style, upwards: false, text: printable(text) });
    }

    /// A line of text on a white ground, so that grid lines do not run through it.
    ///
    /// # Errors
    /// If the built-in font does not load.
    pub fn label(&mut self, (x, y): (f64, f64), style: Type, text: &str) -> Result<(), DrawError> {
        let half = style.size * 0.7;
        self.bar((x - 2.0, y - half), (x + width_of(text, style)? + 2.0, y + half), WHITE);
        self.text((x, y), Anchor::Start, style, text);
        Ok(())
    }

    /// A line of text that runs upwards, centred on its point.
    pub fn text_upwards(&mut self, at: (f64, f64), style: Type, text: &str) {
        self.marks.push(Mark::Text { at, anchor: Anchor::Middle, style, upwards: true, text: printable(text) });
    }

    /// The page as SVG.
    ///
    /// # Errors
    /// If plotters refuses to draw.
    pub fn svg(&self) -> Result<Vec<u8>, DrawError> {
        register_fonts()?;
        let mut text = String::new();
        let (width, height) = self.pixels(SCALE);
        self.draw(&SVGBackend::with_string(&mut text, (width, height)).into_drawing_area(), SVG)?;
        // the page keeps its natural size; only its inner grid is finer
        let inner = format!("<svg width=\"{width}\" height=\"{height}\"");
        let outer = format!("<svg width=\"{}\" height=\"{}\"", self.width, self.height);
        Ok(text.replacen(&inner, &outer, 1).into_bytes())
    }

    /// The page as PNG, twice as fine as its size.
    ///
    /// # Errors
    /// If plotters refuses to draw or the picture cannot be packed.
    pub fn png(&self) -> Result<Vec<u8>, DrawError> {
        register_fonts()?;
        let (width, height) = self.pixels(SCALE);
        let mut fine = vec![0_u8; width as usize * height as usize * 3];
        self.draw(&BitMapBackend::with_buffer(&mut fine, (width, height)).into_drawing_area(), PNG)?;
        let step = (SCALE / PNG_SCALE) as usize;
        let (columns, rows) = (width as usize / step, height as usize / step);
        let picture = averaged(&fine, width as usize, columns, rows, step);
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, columns as u32, rows as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Best);
        let mut writer = encoder.write_header().map_err(DrawError::of)?;
        writer.write_image_data(&picture).map_err(DrawError::of)?;
        writer.finish().map_err(DrawError::of)?;
        Ok(bytes)
    }

    fn pixels(&self, scale: i32) -> (u32, u32) {
        ((self.width * f64::from(scale)) as u32, (self.height * f64::from(scale)) as u32)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, setting: Typesetting) -> Result<(), DrawError> {
        area.fill(&WHITE).map_err(DrawError::of)?;
        for mark in &self.marks {
            draw_mark(area, mark, setting)?;
        }
        area.present().map_err(DrawError::of)
    }
}

/// The middle of each square of `step` x `step` fine pixels.
fn averaged(fine: &[u8], width: usize, columns: usize, rows: usize, step: usize) -> Vec<u8> {
    let mut picture = Vec::with_capacity(columns * rows * 3);
    for row in 0..rows {
        for column in 0..columns {
            for channel in 0..3 {
                let mut sum = 0_usize;
                for y in row * step..(row + 1) * step {
                    for x in column * step..(column + 1) * step {
                        sum += usize::from(fine[(y * width + x) * 3 + channel]);
                    }
                }
                picture.push((sum / (step * step)) as u8);
            }
        }
    }
    picture
}

fn draw_mark<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    mark: &Mark,
    setting: Typesetting,
) -> Result<(), DrawError> {
    let drawn = match mark {
        Mark::Line { points, width, dash, ink } => {
            let style = ShapeStyle { color: ink.to_rgba(), filled: false, stroke_width: scaled(*width).max(1) as u32 };
            let pieces = dash.map_or_else(|| vec![points.clone()], |(on, off)| dashes(points, on, off));
            pieces.iter().try_for_each(|piece| {
                area.draw(&PathElement::new(piece.iter().copied().map(pixel).collect::<Vec<_>>(), style))
            })
        }
        Mark::Area { points, ink } => {
            area.draw(&Polygon::new(points.iter().copied().map(pixel).collect::<Vec<_>>(), ink.filled()))
        }
        Mark::Bar { from, to, ink } => area.draw(&Rectangle::new([pixel(*from), pixel(*to)], ink.filled())),
        Mark::Disc { at, radius, ink } => area.draw(&Circle::new(pixel(*at), scaled(*radius), ink.filled())),
        Mark::Text { at, anchor, style, upwards, text } => {
            let font = font(*style, f64::from(SCALE) * setting.height);
            let font = if *upwards { font.transform(FontTransform::Rotate270) } else { font };
            let down = (HALF_CAPITAL - setting.baseline) * style.size;
            let at = if *upwards { (at.0 + down, at.1) } else { (at.0, at.1 + down) };
            let side = match anchor {
                Anchor::Start => HPos::Left,
                Anchor::Middle => HPos::Center,
                Anchor::End => HPos::Right,
            };
            let looks = TextStyle::from(font).color(&style.ink).pos(Pos::new(side, VPos::Center));
            area.draw_text(text, &looks, pixel(at))
        }
    };
    drawn.map_err(DrawError::of)
}

fn scaled(length: f64) -> i32 {
    (length * f64::from(SCALE)).round() as i32
}

fn pixel((x, y): (f64, f64)) -> (i32, i32) {
    (scaled(x), scaled(y))
}

/// A line cut into dashes of length `on` and gaps of length `off`.
fn dashes(points: &[(f64, f64)], on: f64, off: f64) -> Vec<Vec<(f64, f64)>> {
    let (mut pieces, mut piece) = (Vec::new(), Vec::new());
    let (mut drawing, mut left) = (true, on);
    for pair in points.windows(2) {
        let ((mut x, mut y), (to_x, to_y)) = (pair[0], pair[1]);
        if drawing && piece.is_empty() {
            piece.push((x, y));
        }
        let mut rest = libm::hypot(to_x - x, to_y - y);
        while rest > left {
            x += (to_x - x) * left / rest;
            y += (to_y - y) * left / rest;
            rest -= left;
            if drawing {
                piece.push((x, y));
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece.push((x, y));
            }
            drawing = !drawing;
            left = if drawing { on } else { off };
        }
        left -= rest;
        if drawing {
            piece.push((to_x, to_y));
        }
    }
    pieces.push(piece);
    pieces.retain(|piece| piece.len() > 1);
    pieces
}

fn font(style: Type, scale: f64) -> FontDesc<'static> {
    let weight = if style.bold { FontStyle::Bold } else { FontStyle::Normal };
    FontDesc::new(FontFamily::Name(FONT), style.size * scale, weight)
}

fn register_fonts() -> Result<(), DrawError> {
    let broken = |_| DrawError("the built-in font does not load".to_owned());
    plotters::style::register_font(FONT, FontStyle::Normal, dejavu::sans::regular()).map_err(broken)?;
    plotters::style::register_font(FONT, FontStyle::Bold, dejavu::sans::bold()).map_err(broken)
}

/// Width of a text in pixels.
///
/// # Errors
/// If the built-in font does not load.
pub fn width_of(text: &str, style: Type) -> Result<f64, DrawError> {
    register_fonts()?;
    let (width, _) = font(style, f64::from(SCALE) * PNG.height).box_size(text).map_err(DrawError::of)?;
    Ok(f64::from(width) / f64::from(SCALE))
}

/// `text` without the control characters that XML forbids.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c }).collect()
}
