//! The area between two curves, behind all lines.

use super::axis::{Place, XAxis, YAxis};
use super::draw::{Area, Drawn, Frame};
use plotters::prelude::*;

/// The colour of a band: light enough for the lines, the grid and the text on it.
const FILL: RGBColor = RGBColor(214, 227, 239);

/// The area between two curves of a plot, and its name in the legend.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Band {
    pub(crate) name: String,
    /// `(x, low, high)`.
    pub(crate) points: Vec<(f64, f64, f64)>,
}

impl Band {
    /// Every height that the vertical axis must reach.
    pub(super) fn heights(&self) -> impl Iterator<Item = f64> {
        let finite = self.points.iter().flat_map(|(_, low, high)| [*low, *high]);
        finite.filter(|height| height.is_finite())
    }

    /// Every place that the horizontal axis must reach.
    pub(super) fn places(&self) -> impl Iterator<Item = f64> {
        self.points.iter().map(|(x, ..)| *x)
    }

    /// Fills each stretch of points that have a place.
    pub(super) fn draw(&self, area: &Area<'_>, frame: Frame, (x_axis, y_axis): (&XAxis, &YAxis)) -> Drawn {
        let place = |&(x, low, high): &(f64, f64, f64)| match (x_axis.place(x), y_axis.place(low), y_axis.place(high)) {
            (Some(x), Place::At(low), Place::At(high)) => Some((frame.x(x), frame.y(low), frame.y(high))),
            _ => None,
        };
        let places: Vec<Option<(i32, i32, i32)>> = self.points.iter().map(place).collect();
        for stretch in places.split(Option::is_none).filter(|stretch| stretch.len() > 1) {
            let stretch: Vec<(i32, i32, i32)> = stretch.iter().flatten().copied().collect();
            let there = stretch.iter().map(|(x, _, high)| (*x, *high));
            let back = stretch.iter().rev().map(|(x, low, _)| (*x, *low));
            area.draw(&Polygon::new(there.chain(back).collect::<Vec<_>>(), FILL.filled()))?;
        }
        Ok(())
    }

    /// A patch beside the name.
    pub(super) fn legend(area: &Area<'_>, (x, middle): (i32, i32), width: i32) -> Drawn {
        area.draw(&Rectangle::new([(x, middle - 5), (x + width, middle + 5)], FILL.filled()))
    }
}
