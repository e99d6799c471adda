//! Where values lie on an axis, and which of them are labelled.

use crate::report::page::{Axis, Scale, Unit};
use crate::report::words;

/// An axis over a range of values.
pub(super) struct Span {
    scale: Scale,
    low: f64,
    high: f64,
}

/// A labelled position, 0 at the start of the axis and 1 at its end.
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
    /// May be left out where there is little room.
    pub(super) minor: bool,
}

impl Span {
    /// The axis that holds `values`; `from_zero` starts a linear one at 0.
    pub(super) fn new(axis: &Axis, values: impl Iterator<Item = f64>, from_zero: bool) -> Self {
        let (mut low, mut high, mut least) = (f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            low = low.min(value);
            high = high.max(value);
            if value > 0.0 {
                least = least.min(value);
            }
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let scale = match axis.scale {
            Scale::Fitting if low >= 0.0 && least.is_finite() && high > 30.0 * least => Scale::Log,
            Scale::Fitting => Scale::Linear,
            Scale::Log if !least.is_finite() => Scale::Linear,
            given => given,
        };
        match scale {
            Scale::Percentile => Self { scale, low: 0.0, high: nines(high).max(2.0) },
            Scale::Log => {
                let (low, high) = (least.log10(), high.log10());
                let room = ((high - low) * 0.04).max(0.02);
                Self { scale, low: low - room, high: high + room }
            }
            Scale::Linear | Scale::Fitting => {
                if from_zero {
                    (low, high) = (low.min(0.0), high.max(0.0));
                }
                if high - low <= f64::EPSILON * high.abs() {
                    high = low + if low == 0.0 { 1.0 } else { low.abs() };
                }
                let room = if from_zero { (high - low) * 0.05 } else { 0.0 };
                Self { scale, low: if low < 0.0 { low - room } else { low }, high: high + room }
            }
        }
    }

    /// Where `value` lies: 0..1 within the range.
    pub(super) fn at(&self, value: f64) -> f64 {
        let place = match self.scale {
            Scale::Percentile => nines(value),
            Scale::Log => value.max(f64::MIN_POSITIVE).log10(),
            Scale::Linear | Scale::Fitting => value,
        };
        ((place - self.low) / (self.high - self.low)).clamp(-0.5, 1.5)
    }

    /// Whether the axis came out logarithmic, which readers must be told.
    pub(super) fn is_logarithmic(&self) -> bool {
        self.scale == Scale::Log
    }

    /// About `wanted` labelled positions.
    pub(super) fn ticks(&self, unit: Unit, wanted: f64) -> Vec<Tick> {
        match self.scale {
            Scale::Percentile => self.percentile_ticks(),
            Scale::Log => self.log_ticks(unit),
            Scale::Linear | Scale::Fitting => self.linear_ticks(unit, wanted),
        }
    }

    fn percentile_ticks(&self) -> Vec<Tick> {
        let mut ticks = vec![Tick { at: self.at(0.5), label: "50 %".into(), minor: true }];
        // Nine nines are where `nines` ends.
        for exponent in 1..=9 {
            let above = 10_f64.powi(-exponent);
            if nines(1.0 - above) > self.high + 1e-9 {
                break;
            }
            let label = format!("{} %", words::percentile(1.0 - above).trim_start_matches('p'));
            ticks.push(Tick { at: self.at(1.0 - above), label, minor: false });
        }
        ticks
    }

    fn log_ticks(&self, unit: Unit) -> Vec<Tick> {
        let decades = self.high - self.low;
        let factors: &[f64] = match decades {
            0.0..1.1 => &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
            0.0..2.6 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let mut ticks = Vec::new();
        #[expect(clippy::cast_possible_truncation, reason = "exponents of finite doubles")]
        for exponent in self.low.floor() as i32..=self.high.ceil() as i32 {
            for factor in factors {
                let value = factor * 10_f64.powi(exponent);
                let at = self.at(value);
                if (0.0..=1.0).contains(&at) {
                    let minor = *factor > 1.0 && decades > 1.1;
                    ticks.push(Tick { at, label: tick_label(unit, value), minor });
                }
            }
        }
        ticks
    }

    fn linear_ticks(&self, unit: Unit, wanted: f64) -> Vec<Tick> {
        let rough = (self.high - self.low) / wanted;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * power)
            .find(|step| *step >= rough * 0.999)
            .unwrap_or(power * 10.0);
        let first = (self.low / step - 1e-9).ceil();
        (0..50)
            .map(|index| (first + f64::from(index)) * step)
            .take_while(|value| *value <= self.high + step * 1e-9)
            .enumerate()
            .map(|(index, value)| Tick {
                at: self.at(value),
                label: tick_label(unit, if value.abs() < step * 1e-6 { 0.0 } else { value }),
                minor: index % 2 == 1,
            })
            .collect()
    }
}

/// `log10(1 / (1 − quantile))`: 0 at the minimum, 1 at p90, 2 at p99. The maximum has no place of its own.
fn nines(quantile: f64) -> f64 {
    -(1.0 - quantile.clamp(0.0, 0.999_999_999)).log10()
}

/// A round value without digits that say nothing: `2 ms`, not `2.00 ms`.
fn tick_label(unit: Unit, value: f64) -> String {
    let text = if value == 0.0 { "0".into() } else { words::in_unit(unit, value) };
    let end = text.find([' ', '/']).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if !digits.contains('.') {
        return text;
    }
    format!("{}{rest}", digits.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale, unit: Unit, values: &[f64]) -> Vec<String> {
        let axis = Axis { label: String::new(), scale, unit };
        let span = Span::new(&axis, values.iter().copied(), true);
        span.ticks(unit, 5.0).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(labels(Scale::Linear, Unit::Nanos, &[0.0, 9.1e6]), ["0", "2 ms", "4 ms", "6 ms", "8 ms"]);
        assert_eq!(labels(Scale::Linear, Unit::Share, &[-0.2, 0.2]), ["−20 %", "−10 %", "0", "10 %", "20 %"]);
        assert_eq!(labels(Scale::Linear, Unit::Count, &[0.0, 1.9]), ["0", "0.5", "1", "1.5"]);
        assert_eq!(labels(Scale::Log, Unit::Nanos, &[1e3, 1e9]).len(), 7);
        assert_eq!(labels(Scale::Fitting, Unit::Nanos, &[1e6, 9e6])[0], "0");
        assert_eq!(labels(Scale::Percentile, Unit::Share, &[0.9995]), ["50 %", "90 %", "99 %", "99.9 %"]);
    }

    #[test]
    fn no_values_and_equal_values_make_an_axis_all_the_same() {
        for values in [&[][..], &[0.0], &[5.0, 5.0], &[f64::NAN]] {
            for scale in [Scale::Linear, Scale::Log, Scale::Percentile, Scale::Fitting] {
                let axis = Axis { label: String::new(), scale, unit: Unit::Nanos };
                let span = Span::new(&axis, values.iter().copied(), true);
                assert!(span.at(5.0).is_finite());
                assert!(span.ticks(Unit::Nanos, 5.0).len() < 60);
            }
        }
    }
}
