//! What was measured, and how it reads: medians with their spread, ratios beside their targets, a table, JSON. Pure.

use std::fmt::Write;

use serde_json::{Value, json};

/// One lane of one row: a figure for each round.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) figures: Vec<f64>,
}

/// The middle of some figures, the least and the greatest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

/// What is wanted of a row. It is printed, and nothing fails for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// The lane.
    pub(super) of: &'static str,
    /// The lane that it is divided by, round by round; `None`: the figure itself.
    pub(super) beside: Option<&'static str>,
    pub(super) bound: Bound,
}

/// On which side of a number the good figures are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// There is nothing to reach; the figure is stated.
    None,
}

/// A row with all its lanes.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) unit: &'static str,
    pub(super) lanes: Vec<Lane>,
    pub(super) targets: &'static [Target],
    /// Why there are fewer figures than rounds.
    pub(super) failure: Option<String>,
}

impl Spread {
    /// `None` if there are no figures.
    pub(super) fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Some(Self { median: f64::midpoint(low, high), least, most })
    }

    fn json(self) -> Value {
        json!({ "median": self.median, "least": self.least, "most": self.most })
    }
}

impl Bound {
    fn text(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("≥ {}", number(bound)),
            Self::AtMost(bound) => format!("≤ {}", number(bound)),
            Self::None => String::new(),
        }
    }

    /// `None` if there is nothing to reach.
    fn is_met(self, figure: f64) -> Option<bool> {
        match self {
            Self::AtLeast(bound) => Some(figure >= bound),
            Self::AtMost(bound) => Some(figure <= bound),
            Self::None => None,
        }
    }
}

impl Target {
    /// The ratio of two lanes.
    pub(super) const fn ratio(of: &'static str, beside: &'static str, bound: Bound) -> Self {
        Self { of, beside: Some(beside), bound }
    }

    /// A lane's own figure.
    pub(super) const fn figure(of: &'static str, bound: Bound) -> Self {
        Self { of, beside: None, bound }
    }
}

impl Outcome {
    /// Adds a figure to a lane, which is made if it is not there.
    pub(super) fn add(&mut self, name: &str, figure: f64) {
        match self.lanes.iter_mut().find(|lane| lane.name == name) {
            Some(lane) => lane.figures.push(figure),
            None => self.lanes.push(Lane { name: name.to_owned(), figures: vec![figure] }),
        }
    }

    fn figures(&self, lane: &str) -> &[f64] {
        self.lanes.iter().find(|each| each.name == lane).map_or(&[], |lane| &lane.figures)
    }

    fn reached(&self, target: &Target) -> Option<Spread> {
        let of = self.figures(target.of);
        match target.beside {
            None => Spread::of(of),
            Some(beside) => {
                let pairs = of.iter().zip(self.figures(beside));
                Spread::of(&pairs.map(|(of, beside)| of / beside).collect::<Vec<_>>())
            }
        }
    }

    /// Its lines of the table.
    fn lines(&self) -> String {
        let mut text = String::new();
        let mut line = |what: &str, spread: Spread, unit: &str, bound: Bound| {
            let verdict = bound.is_met(spread.median).map_or("", |met| if met { "met" } else { "missed" });
            let target = bound.text();
            let Spread { median, least, most } = spread;
            let (median, least, most) = (number(median), number(least), number(most));
            let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
            writeln!(
                text,
                "| {} | {what} | {median}{unit} | {least} to {most} | {target} | {verdict} |",
                self.name
            )
            .expect("writing to a string");
        };
        let own =
            |name: &str| self.targets.iter().find(|target| target.beside.is_none() && target.of == name);
        for lane in &self.lanes {
            let Some(spread) = Spread::of(&lane.figures) else { continue };
            let bound = own(&lane.name).map_or(Bound::None, |target| target.bound);
            line(&lane.name, spread, self.unit, bound);
        }
        for target in self.targets {
            let (Some(beside), Some(spread)) = (target.beside, self.reached(target)) else { continue };
            line(&format!("{} : {beside}", target.of), spread, "", target.bound);
        }
        if let Some(failure) = &self.failure {
            writeln!(text, "| {} | failed: {failure} | | | | |", self.name).expect("writing to a string");
        }
        text
    }

    fn json(&self) -> Value {
        let lanes = self.lanes.iter().map(|lane| {
            let spread = Spread::of(&lane.figures).map(Spread::json);
            json!({ "name": lane.name, "spread": spread, "figures": lane.figures })
        });
        let targets = self.targets.iter().filter_map(|target| {
            let spread = self.reached(target)?;
            let met = target.bound.is_met(spread.median);
            Some(json!({
                "of": target.of, "beside": target.beside, "target": target.bound.text(),
                "spread": spread.json(), "met": met,
            }))
        });
        json!({
            "name": self.name, "about": self.about, "unit": self.unit, "failure": self.failure,
            "lanes": lanes.collect::<Vec<_>>(), "targets": targets.collect::<Vec<_>>(),
        })
    }
}

/// All rows as a table of Markdown.
pub(super) fn table(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        writeln!(text, "* `{}`: {}", outcome.name, outcome.about).expect("writing to a string");
    }
    text += "\n| row | what | median | least to most | target | |\n| --- | --- | --- | --- | --- | --- |\n";
    text.extend(outcomes.iter().map(Outcome::lines));
    text
}

/// All rows with what is known about the run.
pub(super) fn document(run: &Value, outcomes: &[Outcome]) -> Value {
    json!({ "run": run, "rows": outcomes.iter().map(Outcome::json).collect::<Vec<_>>() })
}

/// A figure as a person reads it: about three digits, thousands apart.
fn number(figure: f64) -> String {
    if figure < 10.0 {
        return format!("{figure:.2}");
    }
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(lanes: &[(&str, &[f64])], targets: &'static [Target]) -> Outcome {
        let mut outcome =
            Outcome { name: "row", about: "a thing", unit: "/s", lanes: Vec::new(), targets, failure: None };
        for (name, figures) in lanes {
            figures.iter().for_each(|figure| outcome.add(name, *figure));
        }
        outcome
    }

    #[test]
    fn the_median_is_the_middle_one_or_between_the_two_in_the_middle() {
        let spread =
            |figures: &[f64]| Spread::of(figures).map(|spread| (spread.median, spread.least, spread.most));
        assert_eq!(spread(&[9.0, 1.0, 5.0]), Some((5.0, 1.0, 9.0)));
        assert_eq!(spread(&[4.0, 8.0, 1.0, 2.0]), Some((3.0, 1.0, 8.0)));
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn a_ratio_is_of_the_same_round() {
        // The second round was slow for both.
        const TARGETS: &[Target] = &[Target::ratio("now", "floor", Bound::AtLeast(0.5))];
        let outcome = outcome(&[("now", &[10.0, 1.0, 10.0]), ("floor", &[20.0, 2.0, 20.0])], TARGETS);
        assert_eq!(outcome.reached(&TARGETS[0]), Some(Spread { median: 0.5, least: 0.5, most: 0.5 }));
    }

    #[test]
    fn the_table_says_what_is_met_and_what_is_missed() {
        const TARGETS: &[Target] = &[
            Target::ratio("now", "floor", Bound::AtLeast(0.18)),
            Target::figure("now", Bound::AtMost(70.0)),
        ];
        let text = table(&[outcome(&[("now", &[13_250.4]), ("floor", &[66_252.0])], TARGETS)]);
        let lines: Vec<&str> = text.lines().skip(4).collect();
        assert_eq!(
            lines,
            [
                "| row | now | 13,250 /s | 13,250 to 13,250 | ≤ 70 | missed |",
                "| row | floor | 66,252 /s | 66,252 to 66,252 |  |  |",
                "| row | now : floor | 0.20 | 0.20 to 0.20 | ≥ 0.18 | met |",
            ]
        );
    }

    #[test]
    fn the_document_has_each_figure_and_each_verdict() {
        const TARGETS: &[Target] =
            &[Target::ratio("now", "before", Bound::AtLeast(2.5)), Target::ratio("now", "gone", Bound::None)];
        let outcome = outcome(&[("now", &[50.0, 40.0]), ("before", &[10.0, 20.0])], TARGETS);
        let document = document(&json!({ "quick": true }), &[outcome]);
        assert_eq!(document["run"]["quick"], true);
        let row = &document["rows"][0];
        assert_eq!(row["lanes"][0]["figures"], json!([50.0, 40.0]));
        assert_eq!(row["targets"].as_array().map(Vec::len), Some(1), "a lane that is not there has no ratio");
        assert_eq!(
            (&row["targets"][0]["met"], &row["targets"][0]["spread"]["median"]),
            (&json!(true), &json!(3.5))
        );
    }
}
