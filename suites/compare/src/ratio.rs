//! How fast one run is in multiples of another, and what is left open.

use dinov3_reports::message::Between;

use crate::Side;

/// The speed of a run, with its interval: the median's where it is known, else the published scripts' with what its last digit leaves
/// open.
fn speed(side: &Side, median: bool) -> Option<Between> {
    if median {
        return side.speed;
    }
    let digits = side.fps.as_ref()?;
    let value: f64 = digits.parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0)?;
    let half = half_step(digits);
    Some(Between { value: value.into(), low: (value - half).into(), high: (value + half).into() })
}

/// Half a step of the last digit.
fn half_step(digits: &str) -> f64 {
    let decimals = digits.split_once('.').map_or(0, |(_, behind)| behind.len());
    0.5 * 0.1_f64.powi(decimals as i32)
}

/// The speed of `side` over that of `base`. Both by the median where both have one, else both by the published scripts; none if they have
/// no figure of one kind.
///
/// The interval of the ratio of two independent figures: the relative errors add up as squares.
pub(crate) fn ratio(side: &Side, base: &Side) -> Option<Between> {
    let of = |median| Some((speed(side, median)?, speed(base, median)?));
    let (ours, theirs) = of(true).or_else(|| of(false))?;
    let value = ours.value.0 / theirs.value.0;
    let far = |ours: f64, theirs: f64| (ours.ln().powi(2) + theirs.ln().powi(2)).sqrt();
    let up = far(ours.high.0 / ours.value.0, theirs.low.0 / theirs.value.0);
    let down = far(ours.low.0 / ours.value.0, theirs.high.0 / theirs.value.0);
    Some(Between { value: value.into(), low: (value * (-down).exp()).into(), high: (value * up.exp()).into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dinov3_reports::published;

    #[test]
    fn the_published_pair() {
        let side = |name| Side::published(published::row(name).unwrap());
        let found = ratio(&side("atlas-800t-a2"), &side("competitor-a")).unwrap();
        assert_eq!(format!("{:.4}", found.value.0), "0.6385");
        assert!(found.low.0 > 0.6383 && found.low.0 < 0.6385, "{found:?}");
        assert!(found.high.0 > 0.6385 && found.high.0 < 0.6386, "{found:?}");
    }

    #[test]
    fn a_median_is_not_divided_by_a_figure_of_another_kind() {
        let (mut ours, theirs) = (Side::of_file("a".into(), "a".into()), Side::published(&published::ROWS[0]));
        ours.speed = Some(Between { value: 400.0.into(), low: 390.0.into(), high: 410.0.into() });
        assert_eq!(ratio(&ours, &theirs), None);
        ours.fps = Some("308.4".to_owned());
        assert_eq!(ratio(&ours, &theirs).map(|it| it.value.0), Some(0.5));
    }
}
