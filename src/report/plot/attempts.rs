//! Panels of where attempts go, a line a region.

use super::panel::{Curve, LINES, Panel};
use crate::results::requests::Attempts;

/// Services drawn, at most.
const SERVICES: usize = 2;

/// A panel for each service; `middles` are the seconds at which buckets have their middle.
pub fn panels(all: &[Attempts], middles: &[f64]) -> Vec<Panel> {
    let panel = |attempts: &Attempts| {
        let curve = |(name, rates): (String, Vec<f64>)| Curve {
            name,
            points: middles.iter().copied().zip(rates.into_iter().map(Some)).collect(),
        };
        let curves = busiest(&attempts.regions).into_iter().map(curve).collect();
        let only = if attempts.regions.len() == 1 { "" } else { ", by region" };
        Panel::of_counts(format!("attempts at {} per second{only}", attempts.service), curves)
    };
    all.iter().take(SERVICES).map(panel).collect()
}

/// The regions with the most attempts, and all others as one if there are more than lines.
fn busiest(regions: &[(String, Vec<f64>)]) -> Vec<(String, Vec<f64>)> {
    let sum = |rates: &[f64]| rates.iter().sum::<f64>();
    let mut order: Vec<&(String, Vec<f64>)> = regions.iter().collect();
    if order.len() <= LINES {
        return order.into_iter().cloned().collect();
    }
    order.sort_by(|one, other| sum(&other.1).total_cmp(&sum(&one.1)));
    let rest = order.split_off(LINES - 1);
    let buckets = rest[0].1.len();
    let together = (0..buckets).map(|bucket| rest.iter().map(|(_, rates)| rates[bucket]).sum()).collect();
    order.into_iter().cloned().chain([(format!("{} others", rest.len()), together)]).collect()
}

#[cfg(test)]
mod tests {
    use super::busiest;

    #[test]
    fn regions_beyond_the_lines_are_drawn_as_one() {
        let region = |number: u32| (number.to_string(), vec![f64::from(number), 1.0]);
        let few: Vec<_> = (0..4).map(region).collect();
        assert_eq!(busiest(&few), few);
        let many: Vec<_> = (0..6).map(region).collect();
        let together = ("3 others".to_owned(), vec![0.0 + 1.0 + 2.0, 3.0]);
        assert_eq!(busiest(&many), [region(5), region(4), region(3), together]);
    }
}
