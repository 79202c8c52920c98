//! Scales and round ticks.

use crate::report::number;
use crate::time::YEAR_S;

/// A straight map from values to pixels, of the value or of its logarithm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    from: f64,
    to: f64,
    pixel_from: f64,
    pixel_to: f64,
    log: bool,
}

impl Scale {
    /// Equal steps for equal differences.
    pub fn linear(from: f64, to: f64, pixel_from: f64, pixel_to: f64) -> Scale {
        Scale { from, to: if to > from { to } else { from + 1.0 }, pixel_from, pixel_to, log: false }
    }

    /// Equal steps for equal ratios; both ends positive.
    pub fn log(from: f64, to: f64, pixel_from: f64, pixel_to: f64) -> Scale {
        Scale { log: true, ..Scale::linear(libm::log10(from), libm::log10(to), pixel_from, pixel_to) }
    }

    /// Where a value stands; outside the scale: at its end.
    pub fn at(&self, value: f64) -> f64 {
        let value = if self.log { libm::log10(value) } else { value };
        let share = ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        self.pixel_from + share * (self.pixel_to - self.pixel_from)
    }
}

/// Round values from `from` to `to`, about `count` of them: multiples of 1, 2 or 5 times a power of ten.
pub fn round_ticks(from: f64, to: f64, count: f64) -> Vec<f64> {
    let rough = (to - from) / count;
    if !(rough > 0.0 && rough.is_finite()) {
        return vec![from];
    }
    let power = libm::pow(10.0, libm::floor(libm::log10(rough)));
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough * 0.999);
    let step = step.unwrap_or(power * 10.0);
    let first = libm::ceil(from / step - 1e-9);
    let last = libm::floor(to / step + 1e-9);
    (0..=(last - first) as i64).map(|index| (first + index as f64) * step).collect()
}

/// Durations that people count in, in seconds, the roundest first.
const ROUND_DURATIONS: [f64; 25] = [
    1e-3,
    1e-2,
    0.1,
    1.0,
    10.0,
    60.0,
    600.0,
    3_600.0,
    36_000.0,
    86_400.0,
    864_000.0,
    5.0,
    30.0,
    300.0,
    1_800.0,
    18_000.0,
    43_200.0,
    259_200.0,
    2_592_000.0,
    YEAR_S,
    315_576_000.0,
    2.0,
    120.0,
    7_200.0,
    172_800.0,
];

/// The least distance of two ticks, as a share of the axis: room for a label such as `10min`.
const APART: f64 = 0.05;

/// Durations to mark on a logarithmic axis from `from` to `to` seconds, as coarse as their number allows; of two that
/// would stand in each other's way the rounder one.
pub fn duration_ticks(from: f64, to: f64) -> Vec<(f64, String)> {
    let within = |values: &[f64]| -> Vec<f64> {
        values.iter().copied().filter(|value| *value >= from && *value <= to).collect()
    };
    let coarse = within(&ROUND_DURATIONS[..11]);
    let ticks = if coarse.len() >= 4 { coarse } else { within(&ROUND_DURATIONS[..21]) };
    let ticks = if ticks.len() >= 3 { ticks } else { within(&ROUND_DURATIONS) };
    let room = APART * libm::log10(to / from);
    let mut kept: Vec<f64> = Vec::new();
    for value in ticks {
        if kept.iter().all(|other| libm::log10(value / other).abs() >= room) {
            kept.push(value);
        }
    }
    kept.sort_by(f64::total_cmp);
    kept.into_iter().map(|value| (value, round_duration(value))).collect()
}

/// A round duration, shorter than among figures, where digits say how well it is known: `1s`, not `1.0s`.
pub fn round_duration(seconds: f64) -> String {
    let text = number::duration(seconds);
    text.strip_suffix(".0s").map_or_else(|| text.clone(), |whole| format!("{whole}s"))
}

/// Durations to mark on a linear axis from 0 to `to` seconds.
pub fn linear_duration_ticks(to: f64) -> Vec<(f64, String)> {
    let unit = [YEAR_S, 86_400.0, 3_600.0, 60.0].into_iter().find(|unit| to >= 2.0 * unit).unwrap_or(1.0);
    let label = |count: f64| match count {
        // round days stay days: 400 of them read better than 1.10 years
        count if unit >= YEAR_S && count > 0.0 => format!("{}y", number::trimmed(count)),
        count if unit >= 86_400.0 && count > 0.0 => format!("{}d", number::trimmed(count)),
        count => round_duration(count * unit),
    };
    round_ticks(0.0, to / unit, 6.0).into_iter().map(|count| (count * unit, label(count))).collect()
}

#[cfg(test)]
mod tests {
    use super::{Scale, duration_ticks, linear_duration_ticks, round_ticks};

    #[test]
    fn ticks_are_round_and_within_the_axis() {
        assert_eq!(round_ticks(0.0, 10.0, 5.0), vec![0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        let labels: Vec<String> = linear_duration_ticks(4_800.0).into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["0s", "20min", "40min", "1h", "1h 20m"]);
        let labels: Vec<String> = linear_duration_ticks(315_576_000.0).into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["0s", "2y", "4y", "6y", "8y", "10y"]);
        assert_eq!(round_ticks(3.0, 3.0, 5.0), vec![3.0]);
    }

    #[test]
    fn duration_ticks_are_what_people_count_in() {
        let labels: Vec<String> = duration_ticks(10.0, 200_000.0).into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["10s", "1min", "10min", "1h", "10h", "24h"]);
    }

    #[test]
    fn duration_ticks_keep_out_of_each_others_way() {
        let labels: Vec<String> = duration_ticks(80.0, 80_000.0).into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["5min", "10min", "30min", "1h", "5h", "10h"]);
    }

    #[test]
    fn a_value_outside_the_scale_stands_at_its_end() {
        let scale = Scale::log(1.0, 100.0, 0.0, 200.0);
        assert_eq!([0.1, 10.0, 1e9].map(|value| scale.at(value).round() as i32), [0, 100, 200]);
    }
}
